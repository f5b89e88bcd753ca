"""Activations: what scales of single units pass through them."""

from collections.abc import Iterator

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Pin,
    Separate,
    Statement,
    UnsupportedError,
    equal,
    fixed,
    label,
    unscaled,
)


def homogeneous(
    out: Axes, *, source: Axes, training: bool = False, **_: object
) -> Iterator[Statement]:
    """Commute with positive scales: f(s x) = s f(x)."""
    if training:
        raise UnsupportedError("an activation that is random in eval mode")
    for before, after in zip(source, out, strict=True):
        yield equal(before, after, "p")
        yield fixed(before, "s")
        yield fixed(after, "s")
        yield Separate((before,))


def absolute(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Commute with positive scales and swallow signs."""
    for before, after in zip(source, out, strict=True):
        yield equal(before, after, "p")
        yield fixed(after, "s")
        yield Separate((before,))


def odd(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Commute with signs: f(-x) = -f(x)."""
    for before, after in zip(source, out, strict=True):
        yield fixed(before, "p")
        yield fixed(after, "p")
        yield equal(before, after, "s")


def sign(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Commute with signs and swallow positive scales."""
    for before, after in zip(source, out, strict=True):
        yield fixed(after, "p")
        yield equal(before, after, "s")
        yield Separate((before,))


def pointwise(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Treat every entry alike, and commute with no scale."""
    yield from unscaled(source, out)


def clamp(
    out: Axes, *, source: Axes, min: object = None, max: object = None, **_: object
) -> Iterator[Statement]:
    """Cut at bounds: at zero alone it is a ReLU."""
    if isinstance(min, tuple) or isinstance(max, tuple):
        raise UnsupportedError("a clamp at tensors")
    at_zero = (min == 0 and max is None) or (max == 0 and min is None)
    yield from (homogeneous if at_zero else pointwise)(out, source=source)


def threshold(
    out: Axes, *, source: Axes, threshold: float, value: float, **_: object
) -> Iterator[Statement]:
    """Replace what is not above a number: at zero by zero it is a ReLU."""
    at_zero = threshold == 0 and value == 0
    yield from (homogeneous if at_zero else pointwise)(out, source=source)


def parametric(out: Axes, *, source: Axes, weight: Axes, **_: object) -> Iterator[Statement]:
    """Multiply negative entries by a learned slope, one for all or one per channel."""
    yield from homogeneous(out, source=source)
    slopes = weight[0]
    if slopes.size > 1:
        yield label(slopes, source[1])
        yield fixed(slopes)
    else:
        yield Pin(weight)


def softmax(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Exponentiate and normalise over one axis."""
    yield from unscaled(source, out)
    normalised = source[dim % len(source)]
    yield Mixed((normalised,), source)


OPERATIONS = (
    Operation(
        names=("relu", "leaky_relu", "rrelu"),
        rule=homogeneous,
        head=Head.SCALED,
    ),
    Operation(
        names=("prelu",),
        rule=parametric,
        head=Head.SCALED,
    ),
    Operation(
        names=("abs",),
        rule=absolute,
        head=Head.SCALED,
    ),
    Operation(
        names=(
            "tanh",
            "erf",
            "sin",
            "sinh",
            "asinh",
            "atan",
            "tan",
            "atanh",
            "asin",
            "erfinv",
            "softshrink",
            "hardshrink",
        ),
        rule=odd,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("sign", "sgn"),
        rule=sign,
        head=Head.HIDDEN,
    ),
    Operation(
        names=(
            "gelu",
            "silu",
            "sigmoid",
            "mish",
            "softplus",
            "elu",
            "selu",
            "celu",
            "hardtanh",
            "relu6",
            "hardswish",
            "hardsigmoid",
            "log_sigmoid",
            "exp",
            "expm1",
            "log",
            "log1p",
            "cos",
            "cosh",
            "sqrt",
            "rsqrt",
            "reciprocal",
            "logical_not",
            "bitwise_not",
            "isnan",
            "isinf",
            "floor",
            "ceil",
            "round",
        ),
        rule=pointwise,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("clamp", "clamp_min", "clamp_max", "clip"),
        rule=clamp,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("threshold",),
        rule=threshold,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("softmax", "log_softmax", "_softmax", "_log_softmax"),
        rule=softmax,
        head=Head.ORDERED,
    ),
)
