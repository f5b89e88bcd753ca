"""Convolutions; the entries of their windows have an identity."""

from collections.abc import Iterator

from torch import nn

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.linear import add_bias
from symgeom.symmetry.discovery.operations.record import Carrier, Operation, Weight
from symgeom.symmetry.discovery.relations import (
    Axes,
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
    sum_of,
    whole,
)


def convolve(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, groups: int = 1, **_: object
) -> Iterator[Statement]:
    """Sum over channels and a window, with a weight (out, in / groups, window...)."""
    channel = len(out) - len(weight) + 1
    yield from add_bias(out[:channel], source[:channel], out[channel], bias)
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
    """Multiply every channel by its own filters: out and weight have the label channel * filter."""
    filters = Axis(out.size // source.size)
    channels_and_filters = ((source, filters),)
    yield Pin((weight[1],))
    yield fixed(filters)
    yield Relation(((whole(out), -1), (channels_and_filters, 1), (whole(weight[0]), 1)))
    yield Separate((source, out))


def _grouped(out: Axis, source: Axis, weight: Axes, groups: int) -> Iterator[Statement]:
    """Let every run of output channels read its own run of input channels: a family per run."""
    produced = tuple(Axis(weight[0].size // groups) for _ in range(groups))
    read = tuple(Axis(weight[1].size) for _ in range(groups))
    yield equal(weight[0], out)
    yield equal(sum_of(produced), out)
    yield Relation(((whole(source), 1), (sum_of(read), 1)), reads=read)
    yield Regions(weight[1], read)


def convolve_transposed(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, groups: int = 1, **_: object
) -> Iterator[Statement]:
    """Spread every input over a window, with a weight (in, out, window...)."""
    channel = len(out) - len(weight) + 1
    yield from add_bias(out[:channel], source[:channel], out[channel], bias)
    yield Pin((*source[channel + 1 :], *out[channel + 1 :], *weight[2:]))
    if groups == 1:
        yield from contracted(source, channel, weight[0])
        yield equal(weight[1], out[channel])
    elif groups == weight[0].size:
        yield from _depthwise_transposed(out[channel], source[channel], weight)
    else:
        yield from contracted(source, channel, weight[0])
        yield from _grouped_transposed(out[channel], source[channel], weight, groups)


def _grouped_transposed(out: Axis, source: Axis, weight: Axes, groups: int) -> Iterator[Statement]:
    """Let every run of input channels write its own run of output channels."""
    read = tuple(Axis(weight[0].size // groups) for _ in range(groups))
    produced = tuple(Axis(weight[1].size) for _ in range(groups))
    yield label(sum_of(read), source)
    yield equal(sum_of(produced), out)
    yield Regions(weight[1], produced)


def _depthwise_transposed(out: Axis, source: Axis, weight: Axes) -> Iterator[Statement]:
    """Multiply every channel by its own filters: weight (in, filter), out has the label of both."""
    filters = weight[1]
    yield Pin((filters,))
    both = ((source, filters),)
    yield Relation(((whole(out), -1), (both, 1), (((weight[0], filters),), 1)))
    yield label(source, weight[0])
    yield Separate((source, out))


def _convolution(name: str, layer: type[nn.Module]) -> Operation:
    return Operation(
        names=(name,),
        rule=convolve,
        head=(Carrier("weight", 0), Carrier("bias", 0)),
        weight=Weight("weight", data="source", reads=1, writes=0),
        layer=layer,
    )


OPERATIONS = (
    _convolution("conv1d", nn.Conv1d),
    _convolution("conv2d", nn.Conv2d),
    _convolution("conv3d", nn.Conv3d),
    Operation(
        names=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        rule=convolve_transposed,
        head=(Carrier("weight", 1), Carrier("bias", 0)),
        weight=Weight("weight", data="source", reads=0, writes=1),
    ),
)
