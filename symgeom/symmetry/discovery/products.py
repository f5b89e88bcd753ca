"""Rules of operations that multiply tensors: linear maps, convolutions, matrix products, attention, broadcasting arithmetic."""

from collections.abc import Iterator
from fractions import Fraction

from symgeom.symmetry.discovery.labels import Axis
from symgeom.symmetry.discovery.relations import (
    Axes,
    Handed,
    Mixed,
    Pin,
    Regions,
    Relation,
    Separate,
    Statement,
    contracted,
    equal,
    fixed,
    label,
    passed,
    unscaled,
    whole,
)
from symgeom.symmetry.discovery.unsupported import UnsupportedError


def linear(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, **_: object
) -> Iterator[Statement]:
    """Sum over the last axis with a weight (out, in)."""
    yield from _biased(out[:-1], source[:-1], out[-1], bias)
    yield from contracted(source, -1, weight[1])
    yield equal(weight[0], out[-1])


def _biased(out: Axes, source: Axes, units: Axis, bias: Axes | None) -> Iterator[Statement]:
    """Add a bias over ``units``: it is the same along all other axes, which forbids their scales."""
    if bias:
        yield from unscaled(source, out)
        yield equal(bias[0], units)
    else:
        yield from passed(source, out)


def convolution(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, groups: int = 1, **_: object
) -> Iterator[Statement]:
    """Sum over channels and a window, with a weight (out, in / groups, window...); the window's entries have an identity."""
    channel = len(out) - len(weight) + 1
    yield from _biased(out[:channel], source[:channel], out[channel], bias)
    yield Pin((*source[channel + 1 :], *out[channel + 1 :], *weight[2:]))
    if groups == 1:
        yield from contracted(source, channel, weight[1])
        yield equal(weight[0], out[channel])
    elif weight[1].size == 1:
        yield from _depthwise(out[channel], source[channel], weight)
    else:
        yield from _grouped(out[channel], source[channel], weight, groups)
        yield Mixed((source[channel],), source)


def _depthwise(out: Axis, source: Axis, weight: Axes) -> Iterator[Statement]:
    """Multiply every channel by its own filters: out and weight are labelled channel * filter."""
    filters = Axis(out.size // source.size)
    yield Pin((weight[1],))
    yield fixed(filters)
    yield Relation(((whole(out), -1), (((source, filters),), 1), (whole(weight[0]), 1)))
    yield Separate((source, out))


def _grouped(out: Axis, source: Axis, weight: Axes, groups: int) -> Iterator[Statement]:
    """Let every run of output channels read its own run of input channels: one family per run."""
    produced = [Axis(weight[0].size // groups) for _ in range(groups)]
    read = tuple(Axis(weight[1].size) for _ in range(groups))
    yield equal(weight[0], out)
    yield equal(tuple((axis,) for axis in produced), out)
    yield Relation(((whole(source), 1), (tuple((axis,) for axis in read), 1)), reads=read)
    yield Regions(weight[1], read)


def transposed_convolution(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, groups: int = 1, **_: object
) -> Iterator[Statement]:
    """Spread every input over a window, with a weight (in, out, window...)."""
    if groups > 1:
        raise UnsupportedError("a transposed convolution with groups")
    channel = len(out) - len(weight) + 1
    yield from _biased(out[:channel], source[:channel], out[channel], bias)
    yield Pin((*source[channel + 1 :], *out[channel + 1 :], *weight[2:]))
    yield from contracted(source, channel, weight[0])
    yield equal(weight[1], out[channel])


def matrix_product(out: Axes, *, source: Axes, other: Axes, **_: object) -> Iterator[Statement]:
    """Sum over the last axis of the first and the last but one of the second; the axes before are batches (heads)."""
    # A head could be scaled, as part of the matrices that may act within it; neither is reported.
    rows, columns = source[-2:-1], other[-1:] if len(other) > 1 else ()
    batches = len(out) - len(rows) - len(columns)
    summed = other[-2] if columns else other[0]
    yield from contracted(source, -1, summed)
    yield Mixed((summed,), other)
    yield from passed((*rows, *columns), out[batches:])
    yield from multiply(out[:batches], source=source[:-2], other=other[:-2])
    yield from (fixed(axis) for axis in (*source[:-2], *other[:-2], *out[:batches]))


def affine_product(
    out: Axes, *, source: Axes, mat1: Axes, other: Axes, **_: object
) -> Iterator[Statement]:
    """Add a matrix product to a bias (addmm)."""
    yield from matrix_product(out, source=mat1, other=other)
    yield from add(out, source=source, other=out)


def attention(
    out: Axes, *, query: Axes, key: Axes, value: Axes, **options: object
) -> Iterator[Statement]:
    """Weigh values by softmax(query key): heads match, positions are permuted, coordinates contract (see matrix_product)."""
    if options["enable_gqa"] or options["dropout_p"]:
        raise UnsupportedError(
            "attention with fewer key heads than query heads, or with dropout that is on in eval mode"
        )
    if options["attn_mask"]:
        yield Pin(options["attn_mask"])
    if options["attn_mask"] or options["is_causal"]:
        yield Pin((query[-2], key[-2]))
    for heads in (query, key, value):
        yield from unscaled(heads[:-2], out[:-2])
    yield from unscaled((query[-2], key[-2]), (out[-2], value[-2]))
    yield Relation(((whole(query[-1]), 1), (whole(key[-1]), 1)))
    for axes, tensor in ((query[-2:], query), (key[-2:], key), (value[-2:-1], value)):
        yield Mixed(axes, tensor)
    yield equal(value[-1], out[-1])


def add(
    out: Axes, *, source: Axes, other: Axes | float, alpha: float = 1, **_: object
) -> Iterator[Statement]:
    """Add (or subtract): equal scales; what is broadcast over units forbids their scale."""
    if not isinstance(other, tuple):
        yield from unscaled(source, out) if other else passed(source, out)
        return
    yield _stretched(out, source, other)
    for target, first, second in _broadcast(out, source, other):
        if first and second:
            yield equal(first, target)
            yield equal(second, target)
        else:
            yield from unscaled(filter(None, (first, second)), (target,))


def multiply(out: Axes, *, source: Axes, other: Axes | float, **_: object) -> Iterator[Statement]:
    """Multiply: scales multiply; a constant or a factor that is broadcast leaves them as they are."""
    yield from _multiplied(out, source, other, +1)


def gate(out: Axes, *, source: Axes, dim: int = -1, **_: object) -> Iterator[Statement]:
    """Multiply the first half of an axis by a sigmoid of the second (glu)."""
    place = dim % len(out)
    values, gates = Axis(out[place].size), Axis(out[place].size)
    yield equal(((values,), (gates,)), source[place])
    yield label(values, gates)
    yield equal(values, out[place])
    yield fixed(gates)
    yield Separate((values,))
    yield from unscaled(source[:place] + source[place + 1 :], out[:place] + out[place + 1 :])


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
        else:
            yield Relation(((whole(target), -1), (whole(second), degree)))


def _stretched(out: Axes, source: Axes, other: Axes) -> Statement:
    """Pin the axes of length 1 that are stretched to the length of the result: they label nothing."""
    pairs = (
        (axis, target)
        for axes in (source, other)
        for axis, target in zip(reversed(axes), reversed(out), strict=False)
    )
    return Pin(tuple(axis for axis, target in pairs if axis.size != target.size))


def _broadcast(
    out: Axes, source: Axes, other: Axes
) -> Iterator[tuple[Axis, Axis | None, Axis | None]]:
    """Match axes from the last to the first; an axis that is stretched (or absent) is given as None."""
    for place in range(1, len(out) + 1):
        target = out[-place]
        found = [axes[-place] if place <= len(axes) else None for axes in (source, other)]
        yield target, *(axis if axis and axis.size == target.size else None for axis in found)


def power(out: Axes, *, source: Axes, exponent: object, **_: object) -> Iterator[Statement]:
    """Raise to a constant power: the scale is raised to it too."""
    if isinstance(exponent, tuple) or isinstance(source, float | int) or exponent == 0:
        raise UnsupportedError("a power that is not a constant other than 0")
    degree = Fraction(exponent)
    for before, after in zip(source, out, strict=True):
        yield Relation(((whole(before), degree), (whole(after), -1)), "p")
        yield fixed(after, "s") if degree % 2 != 1 else equal(before, after, "s")
        if degree.denominator != 1:
            yield fixed(before, "s")
        yield Separate((before,))


def copysign(out: Axes, *, source: Axes, other: Axes | float, **_: object) -> Iterator[Statement]:
    """Give a constant the sign of every entry; the positive scales it swallows are not reported: binary weights have none."""
    if source or not isinstance(other, tuple):
        raise UnsupportedError("the sign of one tensor given to another")
    for before, after in zip(other, out, strict=True):
        yield fixed(before, "p")
        yield fixed(after, "p")
        yield equal(before, after, "s")
        yield Handed(before, after)


def embedding(out: Axes, *, weight: Axes, indices: Axes, **_: object) -> Iterator[Statement]:
    """Look up rows: the words have an identity, the coordinates are units."""
    yield Pin((*out[:-1], *indices, weight[0]))
    yield equal(weight[1], out[-1])
