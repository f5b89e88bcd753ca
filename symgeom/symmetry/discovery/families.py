"""Families of units, and the sums of products of them that label the axes of tensors."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TypeVar

Factor = TypeVar("Factor")


@dataclass(eq=False)
class Family:
    """A family of units, or an unknown that turns out to be a sum of products of families.

    Attributes
    ----------
    size : int
        Number of units.
    pinned : bool
        Whether the units have an identity, so that they can be neither permuted nor scaled.
    bound : tuple of tuple of Family, or None
        What the unknown turned out to be.
    reason : str
        Of pinned units: what gives them an identity.
    """

    size: int
    pinned: bool = False
    bound: "tuple[Segment, ...] | None" = None
    reason: str = ""


Segment = tuple[Family, ...]
"""A product of families, outermost first: a run of consecutive entries of an axis."""


@dataclass(eq=False)
class Axis:
    """One axis of one tensor (for a grouped convolution, of one region of a tensor).

    Attributes
    ----------
    size : int
        Its length.
    family : Family
        Its label, unknown at first.
    """

    size: int
    family: Family = field(init=False)

    def __post_init__(self) -> None:
        self.family = Family(self.size)


Expression = tuple[tuple[Axis, ...], ...]
"""A sum of products of axes.

``((a,), (b,))`` is a concatenation of two axes, ``((a, b),)`` the flattening of two.
"""

Key = tuple[Axis, int, int]
"""An axis, a segment of it, and a factor of its product: the name of one unknown exponent."""

Label = tuple[Segment, ...]
"""A sum of products of families."""

Named = tuple[Family, Key]
"""A family with the name of its exponent."""


@dataclass(frozen=True)
class Occurrence:
    """Where a family occurs in an expression of axes.

    Attributes
    ----------
    family : Family
        The family.
    start, block : int
        First entry of its segment, and the number of consecutive entries that each unit owns in it.
    outer : int
        How often the run of units repeats in the segment.
    key : tuple of (Axis, int, int)
        The exponent with which its units are scaled here.
    """

    family: Family
    start: int
    block: int
    outer: int
    key: Key


def entries(segment: Segment) -> int:
    """Return how many entries of an axis a product labels."""
    return prod(family.size for family in segment)


def entries_of_label(label: Label) -> int:
    """Return how many entries of an axis a sum of products labels."""
    return sum(entries(segment) for segment in label)


def all_pinned(segment: Segment) -> bool:
    """Return whether nothing of a product may be permuted or scaled."""
    return all(family.pinned for family in segment)


def pinned_family(size: int, families: Iterable[Family]) -> Family:
    """Return units that cannot be moved, for the reason for which others cannot."""
    return Family(size, pinned=True, reason=first_reason(families))


def first_reason(families: Iterable[Family]) -> str:
    """Return why the first of some families that are pinned is pinned; nothing if none is."""
    for family in families:
        if family.pinned:
            return family.reason
    return ""


def joined(segments: Iterable[Segment]) -> Segment:
    """Return the product of products."""
    families: list[Family] = []
    for segment in segments:
        families += segment
    return tuple(families)


def multiplied(
    labels: Iterable[Sequence[Sequence[Factor]]], size: Callable[[Factor], int]
) -> list[list[Factor]]:
    """Multiply out a product of sums of products.

    A sum that lies within other factors is written once for each of their entries, and they are
    left out: they are pinned.

    Parameters
    ----------
    labels : iterable of sequences of sequences
        The sums, outermost first.
    size : callable
        How many units a factor has.

    Returns
    -------
    list of list
        A sum of products.
    """
    products: list[list[Factor]] = [[]]
    for label in labels:
        longer: list[list[Factor]] = []
        for factors in products:
            copies = prod(map(size, factors))
            if len(label) == 1 or copies == 1:
                longer += [[*factors, *segment] for segment in label]
            else:
                longer += [list(segment) for segment in label] * copies
        products = longer
    return products


def simplified(segment: Sequence[Family]) -> Segment:
    """Write pinned factors that are neighbours as one, and leave out those of one unit."""
    factors: list[Family] = []
    for family in segment:
        if family.pinned and family.size == 1:
            continue
        if family.pinned and factors and factors[-1].pinned:
            before = factors.pop()
            factors.append(pinned_family(before.size * family.size, [before, family]))
        else:
            factors.append(family)
    return tuple(factors) or tuple(segment)[:1]


def without_pinned_neighbours(segments: Iterable[Segment]) -> Label:
    """Write pinned products that stand one after another in a sum as one."""
    label: list[Segment] = []
    for segment in segments:
        if label and all_pinned(segment) and all_pinned(label[-1]):
            before = label.pop()
            size = entries(before) + entries(segment)
            label.append((pinned_family(size, before + segment),))
        else:
            label.append(segment)
    return tuple(label)


def occurrences_in(factors: list[Named], start: int) -> list[Occurrence]:
    """Return where the free families occur in a product that begins at an entry."""
    occurrences: list[Occurrence] = []
    sizes = [family.size for family, _ in factors]
    for index, (family, key) in enumerate(factors):
        if not family.pinned:
            outer = prod(sizes[:index])
            block = prod(sizes[index + 1 :])
            occurrences.append(Occurrence(family, start, block, outer, key))
    return occurrences
