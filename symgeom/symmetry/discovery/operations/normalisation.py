"""Normalisations: what scales of units pass through, and where units meet."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Carrier, Operation, Statistics
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Pin,
    Relation,
    Separate,
    Statement,
    equal,
    fixed,
    label,
    sum_of,
    unscaled,
    whole,
)


def normalise_batch(
    out: Axes,
    *,
    source: Axes,
    weight: Axes | None,
    bias: Axes | None,
    running_mean: Axes | None,
    running_var: Axes | None,
    **_: object,
) -> Iterator[Statement]:
    """Scale the input with its mean and deviation, and the output with weight and bias."""
    channel = source[1]
    others = source[:1] + source[2:]
    yield from unscaled(others, out[:1] + out[2:])
    yield Mixed(others, source)
    yield label(channel, out[1])
    yield Separate((channel,))
    if running_mean and running_var:
        yield equal(running_mean[0], channel)
        yield Relation(((whole(running_var[0]), 1), (whole(channel), -2)))
    else:  # statistics of the batch, to which eps is added: no scale
        yield fixed(channel)
    if weight:
        yield from _multiplied(channel, weight[0], out[1])
    else:
        yield fixed(out[1], "p")
        yield equal(channel, out[1], "s")
    if bias:
        yield equal(bias[0], out[1])


def normalise_with_statistics(out: Sequence[Axes], **arguments: Axes) -> Iterator[Statement]:
    """Normalise by running statistics; what else is returned holds nothing."""
    yield from normalise_batch(out[0], **arguments)


def normalise_last_axes(
    out: Axes,
    *,
    source: Axes,
    normalized_shape: Sequence[int],
    weight: Axes | None = None,
    bias: Axes | None = None,
    **_: object,
) -> Iterator[Statement]:
    """Normalise over the last axes (all units at once: no scale), then use weight and bias."""
    first = len(out) - len(normalized_shape)
    yield from unscaled(source[:first], out[:first])
    yield Mixed(source[first:], source)
    for index, (before, after) in enumerate(zip(source[first:], out[first:], strict=True)):
        yield label(before, after)
        yield fixed(before)
        yield Separate((before,))
        for affine in (weight, bias):
            if affine:
                yield equal(affine[index], after)
        if not weight:
            yield fixed(after)


def normalise_lengths(
    out: Axes,
    *,
    source: Axes,
    normalized_shape: Sequence[int],
    weight: Axes | None = None,
    **_: object,
) -> Iterator[Statement]:
    """Divide by the root mean square over the last axes, which no sign changes."""
    first = len(out) - len(normalized_shape)
    yield from unscaled(source[:first], out[:first])
    yield Mixed(source[first:], source)
    for index, (before, after) in enumerate(zip(source[first:], out[first:], strict=True)):
        yield label(before, after)
        yield fixed(before, "p")
        yield Separate((before,))
        if weight:
            yield from _multiplied(before, weight[index], after)
        else:
            yield fixed(after, "p")
            yield equal(before, after, "s")


def _multiplied(before: Axis, factor: Axis, after: Axis) -> Iterator[Statement]:
    """Give the result of a normalisation the scale of a factor, and the signs of both."""
    yield equal(factor, after, "p")
    yield Relation(((whole(after), -1), (whole(before), 1), (whole(factor), 1)), "s")


def normalise_groups(
    out: Axes,
    *,
    source: Axes,
    num_groups: int,
    weight: Axes | None = None,
    bias: Axes | None = None,
    **_: object,
) -> Iterator[Statement]:
    """Normalise over pixels and runs of channels: units stay within their run."""
    size = source[1].size // num_groups
    if size > 1:
        runs = tuple(Axis(size) for _ in range(num_groups))
        yield label(sum_of(runs), source[1])
    yield from _normalise_channels(out, source, weight, bias)


def normalise_instances(
    out: Axes,
    *,
    source: Axes,
    weight: Axes | None,
    bias: Axes | None,
    running_mean: Axes | None,
    running_var: Axes | None,
    use_input_stats: bool,
    **_: object,
) -> Iterator[Statement]:
    """Normalise over pixels."""
    if use_input_stats:
        yield from _normalise_channels(out, source, weight, bias)
    else:
        yield from normalise_batch(
            out,
            source=source,
            weight=weight,
            bias=bias,
            running_mean=running_mean,
            running_var=running_var,
        )


def _normalise_channels(
    out: Axes, source: Axes, weight: Axes | None, bias: Axes | None
) -> Iterator[Statement]:
    yield from normalise_last_axes(
        out[1:2], source=source[1:2], normalized_shape=[out[1].size], weight=weight, bias=bias
    )
    yield from unscaled(source[:1] + source[2:], out[:1] + out[2:])
    yield Mixed(source[2:], source)


def normalise_weight(
    out: Axes, *, v: Axes, g: Axes, dim: int = 0, **_: object
) -> Iterator[Statement]:
    """Give the slices of a weight the lengths ``g`` and the directions of ``v``."""
    if not g:  # the length of the whole weight
        for before, after in zip(v, out, strict=True):
            yield from _directed(before, after)
        return
    along = dim % len(v)
    for number, (before, length, after) in enumerate(zip(v, g, out, strict=True)):
        if number == along:
            yield label(before, after)
            yield from _multiplied(before, length, after)
            yield Separate((before,))
        else:
            yield from _directed(before, after)
            yield Pin((length,) if length.size == 1 else (length, before))


def _directed(before: Axis, after: Axis) -> Iterator[Statement]:
    """State that of vectors along an axis only the direction counts."""
    yield fixed(before, "p")
    yield fixed(after, "p")
    yield equal(before, after, "s")


_AFFINE = (Carrier("weight", 0), Carrier("bias", 0))

OPERATIONS = (
    Operation(
        names=("batch_norm",),
        rule=normalise_batch,
        head=_AFFINE,
        statistics=Statistics(mean="running_mean", variance="running_var", eps="eps"),
    ),
    Operation(
        names=("_native_batch_norm_legit_no_training",),
        rule=normalise_with_statistics,
        head=_AFFINE,
        statistics=Statistics(mean="running_mean", variance="running_var", eps="eps"),
    ),
    Operation(
        names=("layer_norm",),
        rule=normalise_last_axes,
        head=_AFFINE,
    ),
    Operation(
        names=("rms_norm",),
        rule=normalise_lengths,
        head=_AFFINE,
    ),
    Operation(
        names=("group_norm",),
        rule=normalise_groups,
        head=_AFFINE,
    ),
    Operation(
        names=("instance_norm",),
        rule=normalise_instances,
        head=_AFFINE,
        statistics=Statistics(mean="running_mean", variance="running_var", eps="eps"),
    ),
    Operation(
        names=("_weight_norm",),
        rule=normalise_weight,
        head=(Carrier("g", 0),),
    ),
)
