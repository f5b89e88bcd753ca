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
from math import prod

from symgeom.symmetry.discovery.families import (
    Axis,
    Expression,
    Family,
    Label,
    Named,
    Occurrence,
    Segment,
    all_pinned,
    entries,
    entries_of_label,
    first_reason,
    joined,
    multiplied,
    occurrences_in,
    pinned_family,
    simplified,
    without_pinned_neighbours,
)

LONGEST = 256
"""A sum is written out within as many entries of a pinned axis at most."""


class UndecidedError(Exception):
    """Units that do not fit, and might if more was known of them."""


class Labels:
    """The labels found so far.

    ``changes`` counts what was learnt, so that a caller can iterate until nothing is new. ``cause``
    is what the caller says about what follows, and becomes the reason of what is pinned. Who is
    ``patient`` gets an error, instead of a decision, where one that comes later loses less.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.cause = ""
        self.patient = False

    def resolve(self, family: Family) -> Label:
        """Return what a family is, in terms of families that are bound to nothing."""
        if family.bound is None:
            return ((family,),)
        parts: list[Segment] = []
        for segment in family.bound:
            parts += self._resolved(segment)
        family.bound = without_pinned_neighbours(parts)
        return family.bound

    def _resolved(self, segment: Segment) -> list[Segment]:
        """Return what a product is, in terms of families that are bound to nothing."""
        if all(family.bound is None for family in segment):
            return [simplified(segment)]
        labels: list[Label] = []
        before: Segment = ()
        for family in segment:
            label = self.resolve(family)
            if len(label) > 1 and before:
                label = self._within(before, label)
            labels.append(label)
            before += joined(label)
        return [simplified(product) for product in multiplied(labels, lambda family: family.size)]

    def _within(self, outer: Segment, label: Label) -> Label:
        """Return a sum within a product as one that can be written out, or pin the sum."""
        copies = entries(outer)
        is_short = copies * len(label) <= LONGEST
        if copies == 1 or (is_short and all_pinned(outer)):
            return label
        self._decide()
        free = [family for family in outer if not family.pinned]
        if is_short and all(family.size == 1 for family in free):  # a margin of zeros
            self.pin(free)
            return label
        families = joined(label)
        self.pin(families)
        return ((pinned_family(entries_of_label(label), families),),)

    def _decide(self, *, wait: bool = True) -> None:
        """Raise if it is better to wait than to pin what does not fit."""
        if wait and self.patient:
            raise UndecidedError

    def pin(self, families: Iterable[Family]) -> None:
        """Take the freedom from some families (bound to nothing)."""
        pinned_together = list(families)
        reason = first_reason(pinned_together) or self.cause
        for family in pinned_together:
            if not family.pinned:
                family.pinned = True
                family.reason = reason
                self.changes += 1

    def segments(self, expression: Expression) -> list[Segment]:
        """Return the label of an expression of axes."""
        segments: list[Segment] = []
        for factors in expression:
            segments += self._resolved(tuple(axis.family for axis in factors))
        return segments

    def occurrences(self, expression: Expression) -> list[Occurrence]:
        """Return where the free families occur in an expression of axes."""
        self.segments(expression)  # pins what cannot be a sum of products
        occurrences: list[Occurrence] = []
        start = 0
        for factors in expression:
            labels = [self._named(axis) for axis in factors]
            for families in multiplied(labels, lambda named: named[0].size):
                occurrences += occurrences_in(families, start)
                start += prod(family.size for family, _ in families)
        return occurrences

    def _named(self, axis: Axis) -> list[list[Named]]:
        """Return the label of an axis, every family with the key of its exponent."""
        named: list[list[Named]] = []
        for number, segment in enumerate(self.resolve(axis.family)):
            keys = [(axis, number, factor) for factor in range(len(segment))]
            named.append(list(zip(segment, keys, strict=True)))
        return named

    def unify(self, first: Expression, second: Expression) -> None:
        """Make two labels equal, by binding unknown families or, where that fails, by pinning."""
        left = deque(self.segments(first))
        right = deque(self.segments(second))
        while left and right:
            a = self._front(left)
            b = self._front(right)
            if a == b:
                continue
            if entries(a) == entries(b):
                self._unify_products(a, b)
            elif entries(a) > entries(b):
                right.appendleft(b)
                parts = self._split(a, entries(b))
                left.extendleft(reversed(parts))
            else:
                left.appendleft(a)
                parts = self._split(b, entries(a))
                right.extendleft(reversed(parts))

    def _front(self, queue: deque[Segment]) -> Segment:
        """Take the first segment, in terms of families that are bound to nothing."""
        segments = self._resolved(queue.popleft())
        queue.extendleft(reversed(segments))
        return queue.popleft()

    def _bind(self, family: Family, label: Label) -> None:
        families = joined(label)
        if family in families:  # family = family * 1, as the sizes are equal
            self.pin(other for other in families if other is not family)
        else:
            family.bound = label
            self.changes += 1

    def _split(self, segment: Segment, size: int) -> list[Segment]:
        """Cut a segment in two, the first part having ``size`` entries."""
        family = segment[0]
        rest = segment[1:]
        inner = entries(rest)
        if family.pinned and rest and family.size <= LONGEST:  # written out
            return [rest] * family.size
        if family.pinned or size % inner:
            self._decide(wait=not family.pinned)
            self.pin(segment)
            other_size = family.size * inner - size
            return [(pinned_family(size, segment),), (pinned_family(other_size, segment),)]
        first = Family(size // inner)
        second = Family(family.size - first.size)
        self._bind(family, ((first,), (second,)))
        return [(first, *rest), (second, *rest)]

    def _unify_products(self, a: Segment, b: Segment) -> None:
        """Make two products of the same size equal, from the innermost factor outwards."""
        if all_pinned(a) or all_pinned(b):
            self.pin(a + b)
        elif len(a) == 1:
            self._bind(a[0], (b,))
        elif len(b) == 1:
            self._bind(b[0], (a,))
        elif self._is_part_of_pinned(a[-1], b[-1]):
            self._unify_within(b, a)
        elif self._is_part_of_pinned(b[-1], a[-1]):
            self._unify_within(a, b)
        elif self._unify_innermost(a[-1], b[-1]):
            self._unify_outer(a, b)
        else:
            self._decide()
            self.pin(a + b)

    def _is_part_of_pinned(self, part: Family, family: Family) -> bool:
        """Whether a pinned family numbers the entries of another within those of a third."""
        return family.pinned and 1 < part.size < family.size and family.size % part.size == 0

    def _unify_within(self, a: Segment, b: Segment) -> None:
        """Make two products equal; the second ends in a part of what the first ends in."""
        family = a[-1]
        part = b[-1]
        self.pin([part])
        rest = pinned_family(family.size // part.size, [family])
        self._unify_products((*a[:-1], rest), b[:-1])

    def _unify_innermost(self, a: Family, b: Family) -> bool:
        """Make two factors equal as far as the smaller one goes, and return whether they fit."""
        small, large = sorted((a, b), key=lambda family: family.size)
        if small.size == 1 < large.size:
            self.pin([small])
        elif large.size % small.size:
            return False
        elif small.size < large.size:
            outer = Family(large.size // small.size)
            self._bind(large, ((outer, small),))
        elif large.pinned:
            self.pin([small])
        elif small is not large:
            self._bind(large, ((small,),))
        return True

    def _unify_outer(self, a: Segment, b: Segment) -> None:
        """Make the rest of two products equal, once their innermost factors are."""
        (a,) = self._resolved(a)
        (b,) = self._resolved(b)
        both_pinned = a[-1].pinned and b[-1].pinned
        if a[-1] is b[-1] or (both_pinned and a[-1].size == b[-1].size):
            a = a[:-1]
            b = b[:-1]
        if a and b and a != b and not all_pinned(a + b):
            self._unify_products(a, b)
