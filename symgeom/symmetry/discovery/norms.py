"""Rules of normalisations: what scales of units pass through, and where units meet."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.labels import Axis
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Relation,
    Separate,
    Statement,
    equal,
    fixed,
    label,
    unscaled,
    whole,
)
from symgeom.symmetry.discovery.unsupported import UnsupportedError


def batch_norm(
    out: Axes, *, source: Axes, weight: Axes | None, bias: Axes | None, **options: Axes | None
) -> Iterator[Statement]:
    """Scale the input with its mean and deviation (statistics kept), the output with weight and bias."""
    mean, variance = options["running_mean"], options["running_var"]
    yield from unscaled(source[:1] + source[2:], out[:1] + out[2:])
    yield Mixed(source[:1] + source[2:], source)
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


def _affine(
    out: Axes, normalised: Axis, weight: Axes | None, bias: Axes | None
) -> Iterator[Statement]:
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
    yield Mixed(source[first:], source)
    for before, after, *affine in zip(
        source[first:], out[first:], *(x for x in (weight, bias) if x), strict=True
    ):
        yield label(before, after)
        yield fixed(before)
        yield Separate((before,))
        for axis in affine:
            yield equal(axis, after)
        if not weight:
            yield fixed(after)


def group_norm(
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
        yield label(tuple((Axis(size),) for _ in range(num_groups)), source[1])
    yield from _normalised_channels(out, source, weight, bias)


def instance_norm(
    out: Axes,
    *,
    source: Axes,
    weight: Axes | None,
    bias: Axes | None,
    use_input_stats: bool,
    **_: object,
) -> Iterator[Statement]:
    """Normalise over pixels."""
    if not use_input_stats:
        raise UnsupportedError("instance normalisation with running statistics")
    yield from _normalised_channels(out, source, weight, bias)


def _normalised_channels(
    out: Axes, source: Axes, weight: Axes | None, bias: Axes | None
) -> Iterator[Statement]:
    yield from layer_norm(
        out[1:2], source=source[1:2], normalized_shape=[out[1].size], weight=weight, bias=bias
    )
    yield from unscaled(source[:1] + source[2:], out[:1] + out[2:])
    yield Mixed(source[2:], source)
