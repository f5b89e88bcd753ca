"""Permutations: which axes of which tensors are indexed by the same units.

Every axis of every tensor carries a label. A label is a sum of products of *families* of units: a
family of ``n`` units is the label of an axis of length ``n``; a product ``a * b`` labels the
flattening of two axes (channels and pixels, heads and their coordinates); a sum ``a + b`` labels a
concatenation. An operation says that two labels are equal, and :meth:`Labels.unify` makes them
equal: unknown families are bound to what they turn out to be (a family, a product, a sum), as in
the unification of types, of which union-find is the case without structure. A family whose units
have an identity (inputs, outputs, pixels, anything that does not fit) is *pinned*: nothing about it
may be permuted or scaled. Giving up on a label means pinning all that touches it, so that what
remains free is always a symmetry.

References
----------
Baader and Snyder, "Unification theory", Handbook of Automated Reasoning (2001), section 2
(unification by substitution).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from math import prod


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
    """

    size: int
    pinned: bool = False
    bound: "tuple[Segment, ...] | None" = None


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
"""A sum of products of axes: ``((a,), (b,))`` is a concatenation of two axes, ``((a, b),)`` the flattening of two."""


Key = tuple[Axis, int, int]
"""An axis, a segment of it, and a place in its product: the name of one unknown exponent."""


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


class Labels:
    """The labels found so far; ``changes`` counts what was learnt, so that a caller can iterate until nothing is new."""

    def __init__(self) -> None:
        self.changes = 0

    def resolve(self, family: Family) -> tuple[Segment, ...]:
        """Return what a family is, in terms of families that are bound to nothing."""
        if family.bound is None:
            return ((family,),)
        family.bound = tuple(
            part
            for segment in family.bound
            for part in self._multiply([self.resolve(f) for f in segment])
        )
        return family.bound

    def _multiply(self, labels: list[tuple[Segment, ...]]) -> list[Segment]:
        """Multiply out a product of sums; only the outermost factor may be a sum, else the whole product is pinned."""
        sizes = [sum(prod(f.size for f in segment) for segment in label) for label in labels]
        for place, label in enumerate(labels):
            if len(label) > 1 and prod(sizes[:place]) > 1:
                self.pin(f for other in labels for segment in other for f in segment)
                return [(Family(prod(sizes), pinned=True),)]
        return [
            _without_ones(tuple(f for segment in choice for f in segment))
            for choice in product(*labels)
        ]

    def pin(self, families: Iterable[Family]) -> None:
        """Take the freedom from some families (bound to nothing)."""
        for family in families:
            if not family.pinned:
                family.pinned = True
                self.changes += 1

    def segments(self, expression: Expression) -> list[Segment]:
        """Return the label of an expression of axes."""
        return [
            part
            for factors in expression
            for part in self._multiply([self.resolve(axis.family) for axis in factors])
        ]

    def occurrences(self, expression: Expression) -> list[Occurrence]:
        """Return where the free families occur in an expression of axes."""
        self.segments(expression)  # pins what cannot be a sum of products
        found, start = [], 0
        for factors in expression:
            for choice in product(*(self._named(axis) for axis in factors)):
                pairs = [pair for segment in choice for pair in segment]
                sizes = [family.size for family, _ in pairs]
                for place, (family, key) in enumerate(pairs):
                    if not family.pinned:
                        found.append(
                            Occurrence(
                                family, start, prod(sizes[place + 1 :]), prod(sizes[:place]), key
                            )
                        )
                start += prod(sizes)
        return found

    def _named(self, axis: Axis) -> list[list[tuple[Family, Key]]]:
        """Return the label of an axis, every family with the key of its exponent."""
        label = self.resolve(axis.family)
        return [
            [(family, (axis, s, f)) for f, family in enumerate(segment)]
            for s, segment in enumerate(label)
        ]

    def unify(self, first: Expression, second: Expression) -> None:
        """Make the labels of two expressions equal, by binding unknown families or, where that fails, by pinning."""
        left, right = deque(self.segments(first)), deque(self.segments(second))
        while left and right:
            a, b = self._front(left), self._front(right)
            if a == b:
                continue
            difference = prod(f.size for f in a) - prod(f.size for f in b)
            if difference:
                longer, longer_queue, shorter, shorter_queue = (
                    (a, left, b, right) if difference > 0 else (b, right, a, left)
                )
                shorter_queue.appendleft(shorter)
                longer_queue.extendleft(
                    reversed(self._split(longer, prod(f.size for f in shorter)))
                )
            else:
                self._unify_products(a, b)

    def _front(self, queue: "deque[Segment]") -> Segment:
        """Take the first segment, in terms of families that are bound to nothing."""
        queue.extendleft(reversed(self._multiply([self.resolve(f) for f in queue.popleft()])))
        return queue.popleft()

    def _bind(self, family: Family, label: tuple[Segment, ...]) -> None:
        families = [f for segment in label for f in segment]
        if family in families:  # family = family * 1, as the sizes are equal
            self.pin(f for f in families if f is not family)
        else:
            family.bound = label
            self.changes += 1

    def _split(self, segment: Segment, size: int) -> list[Segment]:
        """Cut a segment in two, the first part having ``size`` entries."""
        family, rest = segment[0], segment[1:]
        inner = prod(f.size for f in rest)
        if family.pinned or size % inner:
            self.pin(segment)
            return [(Family(part, pinned=True),) for part in (size, family.size * inner - size)]
        parts = Family(size // inner), Family(family.size - size // inner)
        self._bind(family, tuple((part,) for part in parts))
        return [(part, *rest) for part in parts]

    def _unify_products(self, a: Segment, b: Segment) -> None:
        """Make two products of the same size equal, from the innermost factor outwards."""
        if all(f.pinned for f in a) or all(f.pinned for f in b):
            self.pin(a + b)
        elif len(a) == 1 or len(b) == 1:
            single, other = (a[0], b) if len(a) == 1 else (b[0], a)
            self._bind(single, (other,))
        else:
            self._unify_factors(a, b)

    def _unify_factors(self, a: Segment, b: Segment) -> None:
        """Make the innermost factors of two products equal, then the rest."""
        small, large = sorted((a[-1], b[-1]), key=lambda f: f.size)
        if small.size == 1 < large.size:
            self.pin([small])
        elif large.size % small.size or (large.pinned and small.size < large.size):
            self.pin(a + b)
            return
        elif small.size < large.size:
            self._bind(large, ((Family(large.size // small.size), small),))
        elif small is not large:
            self._bind(*((large, ((small,),)) if small.pinned else (small, ((large,),))))
        (a,), (b,) = (self._multiply([self.resolve(f) for f in segment]) for segment in (a, b))
        if a[-1] is b[-1] or (a[-1].size == b[-1].size and a[-1].pinned and b[-1].pinned):
            a, b = a[:-1], b[:-1]
        if a and b and a != b and not all(f.pinned for f in a + b):
            self._unify_products(a, b)


def _without_ones(segment: Segment) -> Segment:
    """Leave out pinned families of one unit, which label nothing."""
    return tuple(f for f in segment if f.size > 1 or not f.pinned) or segment[:1]
