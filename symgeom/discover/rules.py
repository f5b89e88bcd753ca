"""What every known operation does to units: one small rule per operation, in one table.

A rule takes the axes of the result and the arguments of the operation under their ATen names (tensors as tuples of axes, the
first one, ``self`` or ``input``, as ``source``), and yields statements. To teach discovery a new operation, add a line to the
table, and a rule if no other will do; the certificate tells whether it is right.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from symgeom.discover.labels import Axis
from symgeom.discover.products import (
    add,
    affine_product,
    attention,
    convolution,
    copysign,
    divide,
    embedding,
    linear,
    matrix_product,
    multiply,
    power,
    transposed_convolution,
)
from symgeom.discover.relations import Axes, Pin, Relation, Separate, Statement, equal, fixed, label, passed, unscaled, whole
from symgeom.discover.shapes import (
    adjoint,
    concatenate,
    cut,
    expand,
    pad,
    permute,
    reshape,
    select,
    split,
    squeeze,
    stack,
    transpose,
    unbind,
    unsqueeze,
)
from symgeom.discover.unsupported import UnsupportedError

Rule = Callable[..., Iterator[Statement]]


def identity(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Hand on (copies, casts, a change of sign)."""
    yield from passed(source, out)


def dropout(out: Axes, *, source: Axes, train: bool, **_: object) -> Iterator[Statement]:
    """Hand on, in eval mode."""
    if train:
        raise UnsupportedError("dropout that is on in eval mode, which makes the outputs random,")
    yield from passed(source, out)


def homogeneous(out: Axes, *, source: Axes, training: bool = False, **_: object) -> Iterator[Statement]:
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


def parametric(out: Axes, *, source: Axes, weight: Axes, **_: object) -> Iterator[Statement]:
    """Leaky ReLU with a learned slope, one for all or one per channel."""
    yield from homogeneous(out, source=source)
    if weight[0].size > 1:
        yield label(weight[0], source[1])
        yield fixed(weight[0])
    else:
        yield Pin(weight)


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


def batch_norm(out: Axes, *, source: Axes, weight: Axes | None, bias: Axes | None, **options: Axes | None) -> Iterator[Statement]:
    """Scale the input with its mean and deviation (statistics kept), the output with weight and bias."""
    mean, variance = options["running_mean"], options["running_var"]
    yield from unscaled(source[:1] + source[2:], out[:1] + out[2:])
    channel = source[1]
    yield label(channel, out[1])
    yield Separate((channel,))
    if mean and variance:
        yield equal(mean[0], channel)
        yield Relation(((whole(variance[0]), 1), (whole(channel), -2)))
    else:  # statistics of the batch, to which eps is added: no scale
        yield fixed(channel)
    if not weight:
        yield fixed(out[1], "p")
        yield equal(channel, out[1], "s")
    yield from _affine(out[1:2], channel, weight, bias)


def _affine(out: Axes, normalised: Axis, weight: Axes | None, bias: Axes | None) -> Iterator[Statement]:
    """Multiply a normalised tensor by a weight and add a bias, both over the same axes."""
    for target, factor in zip(out, weight or (), strict=bool(weight)):
        yield equal(factor, target, "p")
        yield Relation(((whole(target), -1), (whole(factor), 1), (whole(normalised), 1)), "s")
    for target, shift in zip(out, bias or (), strict=bool(bias)):
        yield equal(shift, target)


def layer_norm(
    out: Axes,
    *,
    source: Axes,
    normalized_shape: Sequence[int],
    weight: Axes | None = None,
    bias: Axes | None = None,
    **_: object,
) -> Iterator[Statement]:
    """Normalise over the last axes (all units at once: no scale in), then one weight and bias per unit."""
    first = len(out) - len(normalized_shape)
    yield from unscaled(source[:first], out[:first])
    for before, after, *affine in zip(source[first:], out[first:], *(x for x in (weight, bias) if x), strict=True):
        yield label(before, after)
        yield fixed(before)
        yield Separate((before,))
        for axis in affine:
            yield equal(axis, after)
        if not weight:
            yield fixed(after)


def group_norm(
    out: Axes, *, source: Axes, num_groups: int, weight: Axes | None = None, bias: Axes | None = None, **_: object
) -> Iterator[Statement]:
    """Normalise over pixels and runs of channels: units stay within their run."""
    size = source[1].size // num_groups
    if size > 1:
        yield label(tuple((Axis(size),) for _ in range(num_groups)), source[1])
    yield from _normalised_channels(out, source, weight, bias)


def instance_norm(
    out: Axes, *, source: Axes, weight: Axes | None, bias: Axes | None, use_input_stats: bool, **_: object
) -> Iterator[Statement]:
    """Normalise over pixels."""
    if not use_input_stats:
        raise UnsupportedError("instance normalisation with running statistics")
    yield from _normalised_channels(out, source, weight, bias)


def _normalised_channels(out: Axes, source: Axes, weight: Axes | None, bias: Axes | None) -> Iterator[Statement]:
    yield from layer_norm(out[1:2], source=source[1:2], normalized_shape=[out[1].size], weight=weight, bias=bias)
    yield from unscaled(source[:1] + source[2:], out[:1] + out[2:])


def average(out: Axes, *, source: Axes, window: int, **_: object) -> Iterator[Statement]:
    """Average (or interpolate) over pixels, which have an identity."""
    yield from passed(source[:-window], out[:-window])
    yield Pin((*source[-window:], *out[-window:]))


def maximum(out: Axes, *, source: Axes, window: int, **_: object) -> Iterator[Statement]:
    """Take the maximum over pixels, which breaks signs."""
    if out and isinstance(out[0], tuple):  # the values, and where they are
        yield Pin(out[1])
        out = out[0]
    yield from homogeneous(out[:-window], source=source[:-window])
    yield Pin((*source[-window:], *out[-window:]))


def reduce(
    out: Axes,
    *,
    source: Axes,
    through: Rule = identity,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Sum, average or take the maximum over some axes, whose units may be permuted and not scaled."""
    dims = range(len(source)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    places = {d % len(source) for d in dims}
    for place in places:
        yield fixed(source[place])
        if keepdim:
            yield Pin((out[place],))
    kept = [place for place in range(len(source)) if place not in places]
    yield from through(tuple(out[place] for place in kept) if keepdim else out, source=tuple(source[place] for place in kept))


def softmax(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Exponentiate and normalise over one axis."""
    yield from unscaled(source, out)


_IDENTITIES = "alias clone contiguous detach to _to_copy type_as neg positive lift_fresh_copy"
_DROPOUTS = "dropout feature_dropout alpha_dropout feature_alpha_dropout"
_ODD = "tanh erf sin sinh asinh atan tan atanh asin erfinv tanhshrink softshrink hardshrink"
_POINTWISE = (
    "gelu silu sigmoid mish softplus elu selu celu hardtanh relu6 hardswish hardsigmoid log_sigmoid exp expm1 log log1p cos cosh "
    "sqrt rsqrt reciprocal clamp clamp_min clamp_max threshold"
)


def _windows(prefixes: str, rule: Rule) -> dict[str, Rule]:
    return {f"{prefix}{window}d": partial(rule, window=window) for prefix in prefixes.split() for window in (1, 2, 3)}


RULES: dict[str, Rule] = {
    **dict.fromkeys(_IDENTITIES.split(), identity),
    **dict.fromkeys(_DROPOUTS.split(), dropout),
    **dict.fromkeys(["relu", "leaky_relu", "rrelu"], homogeneous),
    **dict.fromkeys(_ODD.split(), odd),
    **dict.fromkeys(_POINTWISE.split(), pointwise),
    **dict.fromkeys(["sign", "sgn"], sign),
    **dict.fromkeys(["softmax", "log_softmax", "_softmax", "_log_softmax"], softmax),
    **dict.fromkeys(["conv1d", "conv2d", "conv3d"], convolution),
    **dict.fromkeys(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], transposed_convolution),
    **dict.fromkeys(["view", "reshape", "flatten", "unflatten", "_unsafe_view"], reshape),
    **dict.fromkeys(["add", "sub", "rsub"], add),
    **dict.fromkeys(["matmul", "mm", "bmm", "mv"], matrix_product),
    **dict.fromkeys(["split", "split_with_sizes", "chunk"], split),
    **dict.fromkeys(["t", "adjoint", "mT", "numpy_T"], adjoint),
    **dict.fromkeys(["mean", "sum"], reduce),
    **dict.fromkeys(["amax", "amin"], partial(reduce, through=homogeneous)),
    **_windows("avg_pool adaptive_avg_pool upsample_nearest", average),
    **_windows("max_pool adaptive_max_pool", maximum),
    "upsample_bilinear2d": partial(average, window=2),
    "abs": absolute,
    "addmm": affine_product,
    "batch_norm": batch_norm,
    "cat": concatenate,
    "constant_pad_nd": pad,
    "copysign": copysign,
    "div": divide,
    "embedding": embedding,
    "expand": expand,
    "glu": gate,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": linear,
    "mul": multiply,
    "pad": pad,
    "permute": permute,
    "pow": power,
    "prelu": parametric,
    "rms_norm": layer_norm,
    "scaled_dot_product_attention": attention,
    "select": select,
    "slice": cut,
    "square": partial(power, exponent=2),
    "squeeze": squeeze,
    "stack": stack,
    "transpose": transpose,
    "unbind": unbind,
    "unsqueeze": unsqueeze,
}
