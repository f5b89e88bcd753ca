"""What a search for permutations needs to know of an architecture: families of units and strands.

A *family* is a set of units that one permutation moves: a permuting group of the spec, with the
sign groups of the same units. A *strand* is one trainable leg of a family together with what else
acts on its entries, its *neighbours*. The rows of a strand have the shape ``(unit,
place, ..., d)``: one axis of places for every axis that neighbours move, the rest flattened, so
that a neighbour's permutation is a selection along an axis and nothing is ever transposed again.
Plans depend on shapes only, rows on one network: both are shared by all pairs and all starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

from symgeom.quotient.alignment.neighbours import Neighbour, Occupant, neighbours_of
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


@dataclass(frozen=True)
class Strand:
    """One trainable leg of a family, with its neighbours.

    Attributes
    ----------
    leg : Leg
        The leg.
    sign : str, optional
        Name of the sign group that flips the units there.
    neighbours : mapping of int to tuple of Neighbour
        By axis.
    """

    leg: Leg
    sign: str | None
    neighbours: Mapping[int, tuple[Neighbour, ...]]

    @cached_property
    def families(self) -> set[str]:
        """The names of the families that act on its entries, too."""
        names: set[str] = set()
        for along in self.neighbours.values():
            names |= {neighbour.family for neighbour in along}
        return names


@dataclass(frozen=True)
class Family:
    """Units that one permutation moves.

    Attributes
    ----------
    group : UnitGroup
        The group that permutes them (or mixes them, if it is linear; or only flips them).
    signs : tuple of str
        Names of the sign groups of these units.
    strands : tuple of Strand
        Where the units lie.
    """

    group: UnitGroup
    signs: tuple[str, ...]
    strands: tuple[Strand, ...] = field(default=())

    @property
    def linear(self) -> bool:
        """Whether its units are mixed by a matrix instead of permuted."""
        return self.group.scale == "linear"

    @cached_property
    def coupled(self) -> bool:
        """Whether it acts on both axes of one tensor, so that the objective is quadratic in it."""
        return self.group.name in self.read

    @cached_property
    def read(self) -> set[str]:
        """The names of the families that act on the entries of its strands, too."""
        names: set[str] = set()
        for strand in self.strands:
            names |= strand.families
        return names


Plan = Mapping[str, Family]
"""The families of an architecture by name."""


def make_plan(spec: SymmetrySpec) -> Plan:
    """Return the families of an architecture by name, in the order of the spec.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    dict of str to Family
        Groups that neither permute nor flip nor mix are left out: alignment does not touch positive
        scales.

    Examples
    --------
    >>> legs = Leg("in", 0), Leg("out", 1, power=-1)
    >>> plan = make_plan(SymmetrySpec((UnitGroup("hidden1", 4, legs, "sign"),)))
    >>> plan["hidden1"].signs, len(plan["hidden1"].strands)
    (('hidden1',), 2)
    """
    sign_groups = _sign_groups(spec)
    hosts = [group for group in spec.groups if group.name in sign_groups]
    occupants = {host.name: _occupants(host, sign_groups[host.name]) for host in hosts}
    on_tensors: dict[str, list[Occupant]] = {}
    for occupant in chain.from_iterable(occupants.values()):
        on_tensors.setdefault(occupant.leg.tensor, []).append(occupant)
    plan = {}
    for host in hosts:
        strands = []
        for occupant in occupants[host.name]:
            neighbours = neighbours_of(occupant, on_tensors[occupant.leg.tensor])
            strands.append(Strand(occupant.leg, occupant.sign, neighbours))
        signs = tuple(group.name for group in sign_groups[host.name])
        plan[host.name] = Family(host, signs, tuple(strands))
    return plan


def without_scales(spec: SymmetrySpec) -> SymmetrySpec:
    """Return what alignment may do: permutations, signs and matrices, no positive scales.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    SymmetrySpec
        An element of the whole spec without positive scales acts through it as through the spec, at
        less cost.

    Examples
    --------
    >>> hidden = UnitGroup("hidden1", 2, (Leg("in", 0),))
    >>> head = UnitGroup("head", 1, (Leg("out", 0),), permute=False)
    >>> spec = SymmetrySpec((hidden, head))
    >>> [(group.name, group.scale) for group in without_scales(spec).groups]
    [('hidden1', 'none')]
    """
    groups = []
    for group in spec.groups:
        if group.scale != "positive":
            groups.append(group)
        elif group.permute:
            groups.append(replace(group, scale="none"))
    return replace(spec, groups=tuple(groups))


def trainable_tensors(spec: SymmetrySpec) -> list[str]:
    """Return the names of the trainable tensors that a spec acts on, in alphabetical order.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    list of str
        Each name once.

    Examples
    --------
    >>> legs = Leg("b", 0), Leg("a", 0), Leg("a", 1, power=-1)
    >>> trainable_tensors(SymmetrySpec((UnitGroup("hidden1", 4, legs),)))
    ['a', 'b']
    """
    names = set()
    for group in spec.groups:
        names |= {leg.tensor for leg in group.legs if not leg.buffer}
    return sorted(names)


def tensor_by_tensor(spec: SymmetrySpec) -> dict[str, SymmetrySpec]:
    """Return what alignment may do to each trainable tensor, so that one after another is moved.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    dict of str to SymmetrySpec
        By tensor, in alphabetical order: the groups of :func:`without_scales` with legs on it.

    Examples
    --------
    >>> legs = Leg("b", 0), Leg("a", 0), Leg("a", 1, power=-1)
    >>> parts = tensor_by_tensor(SymmetrySpec((UnitGroup("hidden1", 4, legs),)))
    >>> {name: len(part["hidden1"].legs) for name, part in parts.items()}
    {'a': 2, 'b': 1}
    """
    groups: dict[str, list[UnitGroup]] = {name: [] for name in trainable_tensors(spec)}
    for group in without_scales(spec).groups:
        legs: dict[str, list[Leg]] = {}
        for leg in group.legs:
            legs.setdefault(leg.tensor, []).append(leg)
        for name in legs.keys() & groups.keys():
            groups[name].append(replace(group, legs=tuple(legs[name])))
    return {name: SymmetrySpec(tuple(on_tensor)) for name, on_tensor in groups.items()}


def _sign_groups(spec: SymmetrySpec) -> dict[str, list[UnitGroup]]:
    """Return, for each group that makes a family, the sign groups of its units."""
    sign_groups: dict[str, list[UnitGroup]] = {}
    moving_first = sorted(spec.groups, key=lambda group: not _moves(group))
    for group in moving_first:
        host = spec.hosts[group.name]
        if _moves(group):
            sign_groups.setdefault(host, [])
        if group.scale == "sign":
            sign_groups.setdefault(host, []).append(group)
    return sign_groups


def _moves(group: UnitGroup) -> bool:
    return group.permute or group.scale == "linear"


def _occupants(host: UnitGroup, sign_groups: list[UnitGroup]) -> list[Occupant]:
    """Return the trainable legs of a family."""
    signs = {}
    for group in sign_groups:
        for leg in group.legs:
            if leg.power % 2:
                signs[leg.place()] = group.name
    legs = [leg for leg in host.legs if not leg.buffer]
    return [Occupant(host, leg, signs.get(leg.place())) for leg in legs]
