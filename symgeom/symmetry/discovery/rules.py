"""What every known operation does to units: one small rule per operation, in one table.

A rule takes the axes of the result and the arguments of the operation under their ATen names
(tensors as tuples of axes, the first one, ``self`` or ``input``, as ``source``), and yields
statements. To teach discovery a new operation, add a line to the table, and a rule if no other will
do; the certificate tells whether it is right.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from symgeom.symmetry.discovery.norms import batch_norm, group_norm, instance_norm, layer_norm
from symgeom.symmetry.discovery.products import (
    add,
    affine_product,
    attention,
    convolution,
    copysign,
    divide,
    embedding,
    gate,
    linear,
    matrix_product,
    multiply,
    power,
    transposed_convolution,
)
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Pin,
    Separate,
    Statement,
    equal,
    fixed,
    label,
    passed,
    unscaled,
)
from symgeom.symmetry.discovery.shapes import (
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
from symgeom.symmetry.discovery.unsupported import UnsupportedError

Rule = Callable[..., Iterator[Statement]]


def identity(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Hand on (copies, casts, a change of sign)."""
    yield from passed(source, out)


def dropout(out: Axes, *, source: Axes, train: bool, **_: object) -> Iterator[Statement]:
    """Hand on, in eval mode."""
    if train:
        raise UnsupportedError("dropout that is on in eval mode, which makes the outputs random,")
    yield from passed(source, out)


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


def parametric(out: Axes, *, source: Axes, weight: Axes, **_: object) -> Iterator[Statement]:
    """Leaky ReLU with a learned slope, one for all or one per channel."""
    yield from homogeneous(out, source=source)
    if weight[0].size > 1:
        yield label(weight[0], source[1])
        yield fixed(weight[0])
    else:
        yield Pin(weight)


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
    dims = (
        range(len(source)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    )
    places = {d % len(source) for d in dims}
    yield Mixed(tuple(source[place] for place in places), source)
    for place in places:
        yield fixed(source[place])
        if keepdim:
            yield Pin((out[place],))
    kept = [place for place in range(len(source)) if place not in places]
    yield from through(
        tuple(out[place] for place in kept) if keepdim else out,
        source=tuple(source[place] for place in kept),
    )


def softmax(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Exponentiate and normalise over one axis."""
    yield from unscaled(source, out)
    yield Mixed((source[dim % len(source)],), source)


_IDENTITIES = "alias clone contiguous detach to _to_copy type_as neg positive lift_fresh_copy"
_DROPOUTS = "dropout feature_dropout alpha_dropout feature_alpha_dropout"
_ODD = "tanh erf sin sinh asinh atan tan atanh asin erfinv tanhshrink softshrink hardshrink"
_POINTWISE = (
    "gelu silu sigmoid mish softplus elu selu celu hardtanh relu6 hardswish hardsigmoid log_sigmoid exp expm1 log log1p cos cosh "
    "sqrt rsqrt reciprocal clamp clamp_min clamp_max threshold"
)


def _windows(prefixes: str, rule: Rule) -> dict[str, Rule]:
    return {
        f"{prefix}{window}d": partial(rule, window=window)
        for prefix in prefixes.split()
        for window in (1, 2, 3)
    }


RULES: dict[str, Rule] = {
    **dict.fromkeys(_IDENTITIES.split(), identity),
    **dict.fromkeys(_DROPOUTS.split(), dropout),
    **dict.fromkeys(["relu", "leaky_relu", "rrelu"], homogeneous),
    **dict.fromkeys(_ODD.split(), odd),
    **dict.fromkeys(_POINTWISE.split(), pointwise),
    **dict.fromkeys(["sign", "sgn"], sign),
    **dict.fromkeys(["softmax", "log_softmax", "_softmax", "_log_softmax"], softmax),
    **dict.fromkeys(["conv1d", "conv2d", "conv3d"], convolution),
    **dict.fromkeys(
        ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], transposed_convolution
    ),
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
