"""What acts on the entries of a leg beside its units: its neighbours.

Most lie on the other axes of its tensor. Where units have parts that all of them share (heads and
their coordinates), units and parts are neighbours on one axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.spec import Leg, UnitGroup, are_nested

Range = tuple[int, int]
"""First entry and end on one axis."""


@dataclass(frozen=True)
class Neighbour:
    """Where a family acts along one axis of places of a strand.

    Attributes
    ----------
    family : str
        Name of the family.
    start : int
        First place of its units.
    outer, block : int
        How the units lie from there, as of a leg.
    sign : str, optional
        Name of the sign group that flips them there.
    """

    family: str
    start: int
    outer: int
    block: int
    sign: str | None


@dataclass(frozen=True)
class Occupant:
    """A trainable leg of a family, with the sign group that flips the units there.

    Attributes
    ----------
    group : UnitGroup
        The group of the family.
    leg : Leg
        The leg.
    sign : str, optional
        Name of the sign group.
    """

    group: UnitGroup
    leg: Leg
    sign: str | None


def neighbours_of(
    occupant: Occupant, occupants: list[Occupant]
) -> Mapping[int, tuple[Neighbour, ...]]:
    """Return what acts on the entries of a leg beside its units, within the leg's region.

    Parameters
    ----------
    occupant : Occupant
        The leg.
    occupants : list of Occupant
        All legs of all families, or all of them on that tensor.

    Returns
    -------
    dict of int to tuple of Neighbour
        By axis.

    Raises
    ------
    SymgeomError
        If another family acts on a part of the leg's entries only.

    Examples
    --------
    >>> reader = Occupant(UnitGroup("hidden2", 3, ()), Leg("w", 0), None)
    >>> writer = Occupant(UnitGroup("hidden1", 4, ()), Leg("w", 1), None)
    >>> neighbours = neighbours_of(reader, [reader, writer])
    >>> [(axis, along[0].family) for axis, along in neighbours.items()]
    [(1, 'hidden1')]
    """
    leg = occupant.leg
    segment = _segment(occupant)
    windows = _region(leg)
    neighbours: dict[int, list[Neighbour]] = {}
    for other in occupants:
        if other.leg.tensor != leg.tensor:
            continue
        if other.leg.axis == leg.axis:
            sizes = (occupant.group.size, other.group.size)
            if other.group is not occupant.group and are_nested((leg, other.leg), sizes):
                neighbours.setdefault(leg.axis, []).append(_on_same_axis(occupant, other))
            continue
        other_segment = _segment(other)
        window = windows.get(other.leg.axis, other_segment)
        reach = _region(other.leg).get(leg.axis, segment)
        if _apart(other_segment, window) or _apart(segment, reach):
            continue
        if not (_within(other_segment, window) and _within(segment, reach)):
            raise SymgeomError(
                f"Cannot align group '{occupant.group.name}': on tensor '{leg.tensor}' it overlaps "
                f"group '{other.group.name}' (axis {other.leg.axis}) only in part. Give legs of "
                "both groups regions that are equal or apart."
            )
        first_place = windows.get(other.leg.axis, (0, 0))[0]
        neighbour = Neighbour(
            family=other.group.name,
            start=other_segment[0] - first_place,
            outer=other.leg.outer,
            block=other.leg.block,
            sign=other.sign,
        )
        neighbours.setdefault(other.leg.axis, []).append(neighbour)
    return {axis: tuple(along) for axis, along in neighbours.items()}


def _on_same_axis(occupant: Occupant, other: Occupant) -> Neighbour:
    """Return where other units lie on the axis of a leg, of whose units one place is left each."""
    leg = occupant.leg
    outer = other.leg.outer
    block = other.leg.block
    if leg.block < block:
        block //= occupant.group.size
    else:
        outer //= occupant.group.size
    return Neighbour(other.group.name, start=0, outer=outer, block=block, sign=other.sign)


def _segment(occupant: Occupant) -> Range:
    """Return where the units of a leg lie on its axis."""
    leg = occupant.leg
    length = leg.outer * occupant.group.size * leg.block
    return leg.start, leg.start + length


def _region(leg: Leg) -> dict[int, Range]:
    """Return to what a leg is restricted on the other axes."""
    return {axis: (first, last) for axis, first, last in leg.region}


def _within(inner: Range, outer: Range) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _apart(first: Range, second: Range) -> bool:
    return first[1] <= second[0] or second[1] <= first[0]
