"""What a search for permutations needs to know of an architecture: families of units, their strands, and their neighbours.

A *family* is a set of units that one permutation moves: a permuting group of the spec, with the
sign groups of the same units. A *strand* is one trainable leg of a family together with what acts
on the other axes of its tensor, its *neighbours*. The rows of a strand have the shape ``(unit,
place, ..., d)``: one axis of places for every axis that neighbours move, the rest flattened, so
that a neighbour's permutation is a selection along an axis and nothing is ever transposed again.
Plans depend on shapes only, rows on one network: both are shared by all pairs and all starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, view

ROUNDING = 1e-5
"""Share of the squared norm of rows below which what is left without their mean is rounding (of float32)."""


@dataclass(frozen=True)
class Neighbour:
    """Where a family acts along one axis of places of a strand."""

    family: str
    start: int
    outer: int
    block: int
    sign: str | None


@dataclass(frozen=True)
class Strand:
    """One trainable leg of a family, and the neighbours on the other axes of its tensor (axis -> neighbours)."""

    leg: Leg
    sign: str | None
    neighbours: Mapping[int, tuple[Neighbour, ...]]

    def families(self) -> set[str]:
        """Return the names of the families that act on its other axes."""
        return {neighbour.family for along in self.neighbours.values() for neighbour in along}


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
    def coupled(self) -> bool:
        """Whether the family acts on both axes of one tensor, so that the objective is quadratic in its permutation."""
        return any(self.group.name in strand.families() for strand in self.strands)


Plan = Mapping[str, Family]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The rows of one network, and how much each strand can say: made once, used in every pair.

    Attributes
    ----------
    rows : dict of str to list of Tensor
        For each family, the rows of its strands.
    information : dict of str to list of float
        For each family, the :func:`information` of its strands.
    """

    rows: dict[str, list[Tensor]]
    information: dict[str, list[float]]


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
    signs: dict[str, list[UnitGroup]] = {}
    for group in sorted(spec.groups, key=lambda group: not _moves(group)):
        if _moves(group) or group.scale == "sign":
            signs.setdefault(spec.hosts[group.name], []).extend(
                [group] if group.scale == "sign" else []
            )
    named = {group.name: group for group in spec.groups if group.name in signs}
    flips = {
        name: {leg.place(): g.name for g in flipped for leg in g.legs if leg.power % 2}
        for name, flipped in signs.items()
    }
    everywhere = [(name, leg) for name, group in named.items() for leg in _trainable(group)]
    return {
        name: Family(
            group,
            tuple(flipped.name for flipped in signs[name]),
            tuple(
                Strand(
                    leg,
                    flips[name].get(leg.place()),
                    _neighbours(named, flips, everywhere, (group, leg)),
                )
                for leg in _trainable(group)
            ),
        )
        for name, group in named.items()
    }


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
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0),)), UnitGroup("head", 1, (Leg("out", 0),), permute=False)))
    >>> [(group.name, group.scale) for group in without_scales(spec).groups]
    [('hidden1', 'none')]
    """
    kept = (group for group in spec.groups if group.permute or group.scale in ("sign", "linear"))
    return SymmetrySpec(
        tuple(
            replace(group, scale="none") if group.scale == "positive" else group for group in kept
        )
    )


def strand_rows(strand: Strand, size: int, params: Parameters) -> Tensor:
    """Return the entries of a strand, one row per unit.

    Parameters
    ----------
    strand : Strand
        A leg and its neighbours.
    size : int
        Number of units.
    params : Parameters
        One network.

    Returns
    -------
    Tensor, shape (size, places, ..., d)
        One axis of places for every axis with neighbours, in the order of the axes.
    """
    axis, rows = (
        strand.leg.axis,
        view(params[strand.leg.tensor], strand.leg, size),
    )  # (..., outer, size, block, ...)
    free = [other + 2 * (other > axis) for other in sorted(strand.neighbours)]
    rest = [place for place in range(rows.ndim) if place not in (axis + 1, *free)]
    rows = rows.permute(axis + 1, *free, *rest)
    return rows.reshape(*rows.shape[: 1 + len(free)], -1)


def prepare(plan: Plan, params: Parameters) -> Prepared:
    """Return the rows of every strand of one network.

    Parameters
    ----------
    plan : Plan
        The families.
    params : Parameters
        One network; rows are views where its layout allows.

    Returns
    -------
    Prepared
        In the precision of the network.
    """
    rows = {
        name: [strand_rows(strand, family.group.size, params) for strand in family.strands]
        for name, family in plan.items()
    }
    return Prepared(
        rows, {name: [information(part) for part in parts] for name, parts in rows.items()}
    )


def prepared_size(prepared: Prepared) -> int:
    """Return how much memory the rows of one network take at most.

    Parameters
    ----------
    prepared : Prepared
        From :func:`prepare`.

    Returns
    -------
    int
        In bytes, views counted as copies: they keep the network in memory that they are of.
    """
    return sum(part.nbytes for parts in prepared.rows.values() for part in parts)


def information(rows: Tensor) -> float:
    """Return how much a strand can say about a permutation: its norm without what all units have in common.

    Parameters
    ----------
    rows : Tensor, shape (size, ...)
        The rows of a strand.

    Returns
    -------
    float
        0 if all rows are equal.

    Examples
    --------
    >>> information(torch.ones(3, 2)), information(torch.tensor([[3.0], [-3.0], [4.0], [-4.0]]))
    (0.0, 7.0710678118654755)
    """
    total, common = (
        torch.linalg.vector_norm(rows) ** 2,
        torch.linalg.vector_norm(rows.mean(0)) ** 2 * len(rows),
    )
    own = float(total - common)
    return own**0.5 if own > ROUNDING * float(total) else 0.0


def _moves(group: UnitGroup) -> bool:
    return group.permute or group.scale == "linear"


def _trainable(group: UnitGroup) -> tuple[Leg, ...]:
    return tuple(leg for leg in group.legs if not leg.buffer)


def _range(leg: Leg, size: int) -> tuple[int, int]:
    return leg.start, leg.start + leg.outer * size * leg.block


def _neighbours(
    named: Mapping, flips: Mapping, everywhere: list, of: tuple[UnitGroup, Leg]
) -> dict[int, tuple[Neighbour, ...]]:
    """Return what acts on the other axes of a leg's tensor, within the leg's region."""
    group, leg = of
    windows, found = {axis: (first, last) for axis, first, last in leg.region}, {}
    own = _range(leg, group.size)
    for name, other in everywhere:
        if other.tensor != leg.tensor or other.axis == leg.axis:
            continue
        reach, window = _range(other, named[name].size), windows.get(other.axis, (0, None))
        its = {axis: (first, last) for axis, first, last in other.region}.get(leg.axis, own)
        inside = reach[0] >= window[0] and (window[1] is None or reach[1] <= window[1])
        around = its[0] <= own[0] and own[1] <= its[1]
        apart = (
            its[1] <= own[0]
            or own[1] <= its[0]
            or (window[1] is not None and (reach[1] <= window[0] or window[1] <= reach[0]))
        )
        if apart:
            continue
        if not (inside and around):
            raise SymgeomError(
                f"Cannot align group '{group.name}': on tensor '{leg.tensor}' it overlaps group '{name}' (axis {other.axis}) "
                "only in part. Give legs of both groups regions that are equal or apart."
            )
        sign = flips[name].get(other.place())
        neighbour = Neighbour(name, reach[0] - window[0], other.outer, other.block, sign)
        found.setdefault(other.axis, []).append(neighbour)
    return {axis: tuple(along) for axis, along in found.items()}
