"""Comparisons, and choices between two tensors, entry by entry."""

from collections.abc import Iterator
from functools import partial

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Separate,
    Statement,
    Zeros,
    equal,
    fixed,
    label,
    unscaled,
)


def compare(
    out: Axes, *, source: Axes, other: Axes | float, signs: bool, **_: object
) -> Iterator[Statement]:
    """Compare: what is compared with zero may have any positive scale, or also any sign."""
    if isinstance(other, tuple):
        for operand in (source, other):
            yield from _matched(out, operand)
    elif other:
        yield from unscaled(source, out)
    else:
        for before, after in zip(source, out, strict=True):
            yield label(before, after)
            yield fixed(after)
            yield Separate((before,))
            if not signs:
                yield fixed(before, "s")


def combine_truths(
    out: Axes, *, source: Axes, other: Axes | int, **_: object
) -> Iterator[Statement]:
    """Combine two answers."""
    for operand in (source, other):
        if isinstance(operand, tuple):
            yield from _matched(out, operand)


def choose(
    out: Axes, *, condition: Axes, source: Axes | float, other: Axes | float, **_: object
) -> Iterator[Statement]:
    """Take an entry of the one tensor or of the other: both have the scales of the result."""
    yield from _matched(out, condition)
    for operand in (source, other):
        yield from _chosen_from(out, operand)
    yield Separate(out)


def mask(
    out: Axes, *, source: Axes, mask: Axes, value: Axes | float, **_: object
) -> Iterator[Statement]:
    """Replace some entries by a number."""
    yield from choose(out, condition=mask, source=value, other=source)


def extremum(out: Axes, *, source: Axes, other: Axes, **_: object) -> Iterator[Statement]:
    """Take the larger (or the smaller) of two entries: they have one positive scale."""
    for operand in (source, other):
        yield from _chosen_from(out, operand)
        yield from (fixed(axis, "s") for axis in operand)
    yield Separate(out)


def replace_all(out: Axes, *, src: Axes, **_: object) -> Iterator[Statement]:
    """Write the entries of another tensor, perhaps broadcast, in the place of all."""
    yield from _chosen_from(out, src)


def _chosen_from(out: Axes, operand: Axes | float) -> Iterator[Statement]:
    """State that entries of a result are those of an operand, perhaps broadcast."""
    if isinstance(operand, Zeros):
        return
    if not isinstance(operand, tuple):
        if operand:
            yield from (fixed(axis) for axis in out)
        return
    for target, axis in _aligned(out, operand):
        if axis is None:
            yield fixed(target)
        elif axis.size == target.size:
            yield equal(axis, target)
        else:
            yield Pin((axis,))
            yield fixed(target)


def _matched(out: Axes, operand: Axes) -> Iterator[Statement]:
    """State that an operand has the units of the result, and no scale."""
    for target, axis in _aligned(out, operand):
        if axis is None:
            continue
        if axis.size == target.size:
            yield label(axis, target)
            yield fixed(axis)
        else:
            yield Pin((axis,))


def _aligned(out: Axes, operand: Axes) -> Iterator[tuple[Axis, Axis | None]]:
    """Match axes from the last to the first; one that is absent is given as None."""
    for from_end in range(1, len(out) + 1):
        axis = operand[-from_end] if from_end <= len(operand) else None
        yield out[-from_end], axis


OPERATIONS = (
    Operation(
        names=("gt", "ge", "lt", "le"),
        rule=partial(compare, signs=False),
        head=Head.HIDDEN,
    ),
    Operation(
        names=("eq", "ne"),
        rule=partial(compare, signs=True),
        head=Head.HIDDEN,
    ),
    Operation(
        names=("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or"),
        rule=combine_truths,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("where",),
        rule=choose,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("masked_fill",),
        rule=mask,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("maximum", "minimum"),
        rule=extremum,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("copy",),
        rule=replace_all,
        head=Head.HIDDEN,
        shapes_only=("source",),
    ),
)
