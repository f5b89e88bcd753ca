"""Arithmetic of two tensors, or of a tensor and a number, with broadcasting."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Handed,
    Pin,
    Relation,
    Separate,
    Statement,
    UnsupportedError,
    equal,
    fixed,
    label,
    passed,
    unscaled,
    whole,
)


def add(out: Axes, *, source: Axes, other: Axes | float, **_: object) -> Iterator[Statement]:
    """Add (or subtract): equal scales; what is broadcast over units forbids their scale."""
    if isinstance(other, tuple):
        yield _stretched(out, source, other)
        for target, first, second in _broadcast(out, source, other):
            yield from _added(target, first, second)
    elif other:
        yield from unscaled(source, out)
    else:
        yield from passed(source, out)


def _added(target: Axis, first: Axis | None, second: Axis | None) -> Iterator[Statement]:
    if first and second:
        yield equal(first, target)
        yield equal(second, target)
    elif first:
        yield from unscaled((first,), (target,))
    elif second:
        yield from unscaled((second,), (target,))


def multiply(out: Axes, *, source: Axes, other: Axes | float, **_: object) -> Iterator[Statement]:
    """Multiply: scales multiply; a constant or a broadcast factor leaves them as they are."""
    yield from _multiplied(out, source, other, +1)


def divide(
    out: Axes, *, source: Axes, other: Axes | float, rounding_mode: str | None = None, **_: object
) -> Iterator[Statement]:
    """Divide: scales divide."""
    if rounding_mode:
        raise UnsupportedError("division with rounding")
    yield from _multiplied(out, source, other, -1)


def _multiplied(out: Axes, source: Axes, other: Axes | float, degree: int) -> Iterator[Statement]:
    if not isinstance(other, tuple):
        yield from passed(source, out)
        return
    yield _stretched(out, source, other)
    for target, first, second in _broadcast(out, source, other):
        if first and second:
            yield Relation(((whole(target), -1), (whole(first), 1), (whole(second), degree)))
            yield Separate((target,))
        elif first:
            yield equal(first, target)
        elif second:
            yield Relation(((whole(target), -1), (whole(second), degree)))


def _stretched(out: Axes, source: Axes, other: Axes) -> Statement:
    """Pin the axes of length 1 that are stretched to another length: they label nothing."""
    stretched: list[Axis] = []
    for axes in (source, other):
        for axis, target in zip(reversed(axes), reversed(out), strict=False):
            if axis.size != target.size:
                stretched.append(axis)
    return Pin(tuple(stretched))


def _broadcast(
    out: Axes, source: Axes, other: Axes
) -> Iterator[tuple[Axis, Axis | None, Axis | None]]:
    """Match axes from the last to the first; one that is stretched or absent is given as None."""
    for from_end in range(1, len(out) + 1):
        target = out[-from_end]
        yield target, _match(target, source, from_end), _match(target, other, from_end)


def _match(target: Axis, axes: Axes, from_end: int) -> Axis | None:
    """Return the axis that a target comes from, if it has its length."""
    if from_end > len(axes):
        return None
    axis = axes[-from_end]
    return axis if axis.size == target.size else None


def gate(out: Axes, *, source: Axes, dim: int = -1, **_: object) -> Iterator[Statement]:
    """Multiply the first half of an axis by a sigmoid of the second."""
    index = dim % len(out)
    values = Axis(out[index].size)
    gates = Axis(out[index].size)
    yield equal(((values,), (gates,)), source[index])
    yield label(values, gates)
    yield equal(values, out[index])
    yield fixed(gates)
    yield Separate((values,))
    yield from unscaled(source[:index] + source[index + 1 :], out[:index] + out[index + 1 :])


def raise_to_power(
    out: Axes, *, source: Axes | float, exponent: Axes | float, **_: object
) -> Iterator[Statement]:
    """Raise to a constant power: the scale is raised to it too."""
    if isinstance(exponent, tuple) or not isinstance(source, tuple) or exponent == 0:
        raise UnsupportedError("a power that is not a constant other than 0")
    degree = Fraction(exponent)
    for before, after in zip(source, out, strict=True):
        yield Relation(((whole(before), degree), (whole(after), -1)), "p")
        if degree % 2 == 1:
            yield equal(before, after, "s")
        else:
            yield fixed(after, "s")
        if degree.denominator != 1:
            yield fixed(before, "s")
        yield Separate((before,))


def give_sign(out: Axes, *, source: Axes, other: Axes | float, **_: object) -> Iterator[Statement]:
    """Give a constant the sign of every entry."""
    # The positive scales that it swallows are not reported: binary weights have none.
    if source or not isinstance(other, tuple):
        raise UnsupportedError("the sign of one tensor given to another")
    for before, after in zip(other, out, strict=True):
        yield fixed(before, "p")
        yield fixed(after, "p")
        yield equal(before, after, "s")
        yield Handed(before, after)


OPERATIONS = (
    Operation(
        names=("add", "sub", "rsub"),
        rule=add,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("mul",),
        rule=multiply,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("div",),
        rule=divide,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("glu",),
        rule=gate,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("pow",),
        rule=raise_to_power,
        head=Head.SCALED,
    ),
    Operation(
        names=("square",),
        rule=partial(raise_to_power, exponent=2),
        head=Head.SCALED,
    ),
    Operation(
        names=("copysign",),
        rule=give_sign,
        head=Head.HIDDEN,
    ),
)
