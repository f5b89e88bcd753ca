"""From statements to unit groups: solve labels and exponents, and name what is found."""

from dataclasses import dataclass, replace
from fractions import Fraction

from symgeom.symmetry.discovery.exponents import null_space
from symgeom.symmetry.discovery.graph import Network
from symgeom.symmetry.discovery.labels import Axis, Family, Key, Labels, Occurrence
from symgeom.symmetry.discovery.relations import Handed, Mixed, Pin, Relation, Separate
from symgeom.symmetry.spec import Leg, UnitGroup

Equation = dict[Key, Fraction | int]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a family indexes a parameter: a leg whose power is still to be found."""

    tensor: str
    axis: int
    region: tuple[tuple[int, int, int], ...]
    occurrence: Occurrence

    def leg(self, network: Network, power: int) -> Leg:
        """Return the leg with its power."""
        at = self.occurrence
        buffer, shift = self.tensor in network.buffers, network.shifts.get(self.tensor, 0.0)
        return Leg(
            self.tensor, self.axis, power, at.start, at.block, at.outer, self.region, buffer, shift
        )


Places = dict[Family, list[Place]]
"""Where each family indexes parameters, in the order of use."""


def unit_groups(network: Network, *, within_heads: bool = False) -> list[UnitGroup]:
    """Return the groups of a network, from input to output.

    Parameters
    ----------
    network : Network
        Statements and parameters.
    within_heads : bool
        Whether units that have coordinates of their own (heads) are given by these, a group per
        unit, instead of permuted.

    Returns
    -------
    list of UnitGroup
        One group per family of units, with its permutations and one scaling; further scalings of
        the same units (the two sides of a batch norm) follow as groups of their own, without
        permutations.
    """
    labels = Labels()
    solve_labels(labels, network)
    everywhere = _places(labels, network)
    inner = _inner_families(everywhere)
    places = {family: where for family, where in everywhere.items() if family not in inner}
    heads = _heads(labels, network, everywhere, inner) if within_heads else {}
    for family in {host for host, _ in heads.values()}:
        places.pop(family, None)
    places |= {family: where for family, (_, where) in heads.items()}
    positive, signs = (_equations(labels, network, kind) for kind in "ps")
    apart = [
        axis
        for statement in network.statements
        if isinstance(statement, Separate)
        for axis in statement.axes
    ]
    separate = {at.family for axis in apart for at in labels.occurrences(((axis,),))}
    reads = {axis for s in network.statements if isinstance(s, Relation) for axis in s.reads}
    reads |= {s.weight for s in network.statements if isinstance(s, Handed) and s.used in reads}
    found = []
    for family, where in places.items():
        roles = {
            place.occurrence.key: -1 if place.occurrence.key[0] in reads else 1 for place in where
        }
        equations = positive.get(family, []), signs.get(family, [])
        scalings = _scalings(where, *equations, roles, linear=family not in separate)
        groups = _family_groups(network, where, scalings, roles)
        found.append(_one_per_head(groups, heads[family][0].size) if family in heads else groups)
    indices = (
        (tensor, axis) for tensor, axes in network.tensors.items() for axis in range(len(axes))
    )
    order = {index: rank for rank, index in enumerate(indices)}

    def position(group: UnitGroup) -> int:
        return min(order[leg.tensor, leg.axis] for leg in group.incoming() or group.legs)

    found.sort(key=lambda groups: position(groups[0]))
    named = [
        UnitGroup(f"hidden{number}{group.name}", group.size, group.legs, group.scale, group.permute)
        for number, groups in enumerate(found, start=1)
        for group in groups
    ]
    return sorted(named, key=position)


def solve_labels(labels: Labels, network: Network) -> None:
    """Unify until nothing new is learnt; then give up what is not at the same places in all expressions of a relation.

    Parameters
    ----------
    labels : Labels
        None yet; solved in place.
    network : Network
        Statements and parameters.
    """
    relations = [statement for statement in network.statements if isinstance(statement, Relation)]
    labels.pin(
        axis.family
        for statement in network.statements
        if isinstance(statement, Pin)
        for axis in statement.axes
    )
    settled = False
    while not settled:
        before = labels.changes
        for relation in relations:
            first, *others = (expression for expression, _ in relation.terms)
            for other in others:
                labels.unify(first, other)
        if labels.changes == before:
            for relation in relations:
                _pin_mismatches(labels, relation)
        settled = labels.changes == before


def _pin_mismatches(labels: Labels, relation: Relation) -> None:
    """Pin families that are not at the same places in all expressions of a relation."""
    occurrences = [labels.occurrences(expression) for expression, _ in relation.terms]
    common = set.intersection(*({_where(at) for at in found} for found in occurrences))
    labels.pin(at.family for found in occurrences for at in found if _where(at) not in common)


def _where(at: Occurrence) -> tuple[Family, int, int]:
    return at.family, at.start, at.block


def _places(labels: Labels, network: Network) -> Places:
    """Return where each family indexes parameters, in the order of use."""
    places: Places = {}
    for tensor, axes in network.tensors.items():
        for index, axis in enumerate(axes):
            pieces = network.regions.get(axis)
            run = axes[0].size // len(pieces) if pieces else 0
            regions = (
                [((0, k * run, (k + 1) * run),) for k in range(len(pieces))] if pieces else [()]
            )
            for piece, region in zip(pieces or [axis], regions, strict=True):
                for at in labels.occurrences(((piece,),)):
                    places.setdefault(at.family, []).append(Place(tensor, index, region, at))
    return places


def _inner_families(places: Places) -> dict[Family, set[Family]]:
    """Return families that only number the parts of other units (coordinates within a head), and these others.

    They could be permuted only in all units at once, which is a small part of what is true: each
    unit has its own such group.

    Returns
    -------
    dict of Family to set of Family
        What is not to be reported by itself.
    """
    segments: dict[tuple[object, ...], list[Occurrence]] = {}
    for where in places.values():
        for place in where:
            segments.setdefault(
                (place.tensor, place.axis, place.region, place.occurrence.start), []
            ).append(place.occurrence)
    inner: dict[Family, set[Family]] = {}
    for found in segments.values():
        outermost = max(
            found, key=lambda at: (at.family not in inner, at.family.size > 1, at.block)
        )
        for at in found:
            if at is not outermost:
                inner.setdefault(at.family, set()).add(outermost.family)
    return inner


def _heads(
    labels: Labels, network: Network, places: Places, inner: dict[Family, set[Family]]
) -> dict[Family, tuple[Family, list[Place]]]:
    """Return the families of coordinates that belong to one unit each: the units, and where the first one's coordinates lie."""
    meetings = [
        (statement, axis)
        for statement in network.statements
        if isinstance(statement, Mixed)
        for axis in statement.axes
    ]

    def families(axis: Axis) -> set[Family]:
        return {family for segment in labels.segments(((axis,),)) for family in segment}

    def meet(host: Family, family: Family) -> bool:
        """Whether units meet in a tensor of which another axis numbers their coordinates."""
        return any(
            host in families(axis)
            and any(family in families(other) for other in statement.tensor if other is not axis)
            for statement, axis in meetings
        )

    found = {}
    for family, hosts in inner.items():
        host, where = next(iter(hosts)), places[family]
        whole = all(place.occurrence.outer == host.size for place in where)
        if len(hosts) == 1 and whole and not meet(host, family):
            first = [
                replace(place, occurrence=replace(place.occurrence, outer=1)) for place in where
            ]
            found[family] = (host, first)
    return found


def _one_per_head(groups: list[UnitGroup], heads: int) -> list[UnitGroup]:
    """Return the groups of every head, given those of the first one."""

    def of(group: UnitGroup, head: int) -> UnitGroup:
        moved = (
            replace(leg, start=leg.start + head * group.size * leg.block) for leg in group.legs
        )
        return replace(group, name=f".head{head + 1}{group.name}", legs=tuple(moved))

    return [of(group, head) for head in range(heads) for group in groups]


def _equations(labels: Labels, network: Network, kind: str) -> dict[Family, list[Equation]]:
    """Return the linear equations on the exponents of each family, for positive scales ("p") or signs ("s")."""
    equations: dict[Family, list[Equation]] = {}
    for statement in network.statements:
        if isinstance(statement, Relation) and kind in statement.holds:
            sums: dict[tuple[Family, int, int], Equation] = {}
            for expression, coefficient in statement.terms:
                for at in labels.occurrences(expression):
                    row = sums.setdefault(_where(at), {})
                    row[at.key] = row.get(at.key, 0) + coefficient
            for (family, _, _), row in sums.items():
                equations.setdefault(family, []).append(row)
    return equations


@dataclass(frozen=True, eq=False)
class Scaling:
    """One way to scale the units of a family: a power per place."""

    powers: dict[Key, int]
    kind: str


def _scalings(
    where: list[Place],
    positive: list[Equation],
    signs: list[Equation],
    roles: dict[Key, int],
    *,
    linear: bool,
) -> list[Scaling]:
    """Return a basis of the scalings of one family, those that belong to the first tensors first."""
    keys = [place.occurrence.key for place in where]

    def solutions(equations: list[Equation], modulus: int) -> list[dict[Key, int]]:
        unknowns = list(dict.fromkeys([*keys, *(key for row in equations for key in row)]))
        vectors = null_space(equations, unknowns, modulus=modulus)
        return [
            moved
            for vector in vectors
            if (moved := {key: vector[key] for key in keys if key in vector})
        ]

    scales = solutions(positive, 0)
    if (
        linear
        and len(scales) == 1
        and len(scales[0]) == len(set(keys))
        and set(scales[0].values()) <= {1, -1}
    ):
        return [Scaling(scales[0], "linear")]
    covered = {key for vector in scales for key, power in vector.items() if power > 0}
    flips = [{key: roles[key] for key in vector} for vector in solutions(signs, 2)]
    flips = [
        vector
        for vector in flips
        if covered.isdisjoint(key for key, power in vector.items() if power > 0)
    ]
    return [Scaling(vector, "positive") for vector in scales] + [
        Scaling(vector, "sign") for vector in flips
    ]


def _family_groups(
    network: Network, where: list[Place], scalings: list[Scaling], roles: dict[Key, int]
) -> list[UnitGroup]:
    """Return the group of the permutations (with the scaling of the first tensor, if there is one), then the other scalings."""
    size = where[0].occurrence.family.size
    producers = [place.occurrence.key for place in where if roles[place.occurrence.key] > 0]
    scalings = list(scalings)
    if scalings and producers and producers[0] in scalings[0].powers:
        main = scalings.pop(0)
    else:
        covered = {key for scaling in scalings for key in scaling.powers}
        main = Scaling({key: power for key, power in roles.items() if key not in covered}, "none")

    def legs(powers: dict[Key, int], *, every: bool) -> tuple[Leg, ...]:
        moved = ((place, powers.get(place.occurrence.key, 0)) for place in where)
        return tuple(place.leg(network, power) for place, power in moved if every or power)

    groups = [UnitGroup("", size, legs(main.powers, every=True), main.kind)]
    for number, scaling in enumerate(scalings, start=1):
        groups.append(
            UnitGroup(
                f".scale{number}",
                size,
                legs(scaling.powers, every=False),
                scaling.kind,
                permute=False,
            )
        )
    return groups
