"""Linear maps and matrix products."""

from collections.abc import Iterator

import torch
from torch import nn

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.arithmetic import add, divide, multiply
from symgeom.symmetry.discovery.operations.record import Carrier, Head, Operation, Rule, Weight
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Statement,
    contracted,
    equal,
    fixed,
    passed,
    unscaled,
)


def map_linearly(
    out: Axes, *, source: Axes, weight: Axes, bias: Axes | None = None, **_: object
) -> Iterator[Statement]:
    """Sum over the last axis with a weight (out, in)."""
    yield from add_bias(out[:-1], source[:-1], out[-1], bias)
    yield from contracted(source, -1, weight[1])
    yield equal(weight[0], out[-1])


def add_bias(out: Axes, source: Axes, units: Axis, bias: Axes | None) -> Iterator[Statement]:
    """Add a bias over ``units``: it is the same along all other axes, which forbids their scales.

    Parameters
    ----------
    out, source : Axes
        The other axes of the result and of the input.
    units : Axis
        The axis of the result that the bias has.
    bias : Axes or None
        The axes of the bias; None if there is none, so that scales pass.

    Yields
    ------
    Statement
        About all these axes.
    """
    if bias:
        yield from unscaled(source, out)
        yield equal(bias[0], units)
    else:
        yield from passed(source, out)


def multiply_matrices(out: Axes, *, source: Axes, other: Axes, **_: object) -> Iterator[Statement]:
    """Sum over the last axis of the first factor and the last but one of the second."""
    # The axes before these are batches (heads). A head could be scaled, as part of the matrices
    # that may act within it; neither is reported.
    rows = source[-2:-1]
    columns: Axes = ()
    summed = other[0]
    if len(other) > 1:
        columns = other[-1:]
        summed = other[-2]
    batches = len(out) - len(rows) - len(columns)
    yield from contracted(source, -1, summed)
    yield Mixed((summed,), other)
    yield from passed((*rows, *columns), out[batches:])
    yield from multiply(out[:batches], source=source[:-2], other=other[:-2])
    for axis in (*source[:-2], *other[:-2], *out[:batches]):
        yield fixed(axis)


def multiply_and_add(
    out: Axes, *, source: Axes, mat1: Axes, other: Axes, **_: object
) -> Iterator[Statement]:
    """Add a matrix product to a bias."""
    yield from multiply_matrices(out, source=mat1, other=other)
    yield from add(out, source=source, other=out)


def multiply_and_add_batches(
    out: Axes, *, source: Axes, batch1: Axes, batch2: Axes, **_: object
) -> Iterator[Statement]:
    """Add products of matrices, one for each batch, to a tensor."""
    products = tuple(Axis(axis.size) for axis in out)
    yield from multiply_matrices(products, source=batch1, other=batch2)
    yield from add(out, source=source, other=products)


def add_products(
    out: Axes, *, source: Axes, tensor1: Axes, tensor2: Axes, **_: object
) -> Iterator[Statement]:
    """Add a product, entry by entry, to a tensor."""
    yield from _added(out, source, tensor1, tensor2, multiply)


def add_quotients(
    out: Axes, *, source: Axes, tensor1: Axes, tensor2: Axes, **_: object
) -> Iterator[Statement]:
    """Add a quotient, entry by entry, to a tensor."""
    yield from _added(out, source, tensor1, tensor2, divide)


def _added(
    out: Axes, source: Axes, first: Axes, second: Axes, combine: Rule
) -> Iterator[Statement]:
    sizes = torch.broadcast_shapes(_sizes(first), _sizes(second))
    combined = tuple(map(Axis, sizes))
    yield from combine(combined, source=first, other=second)
    yield from add(out, source=source, other=combined)


def _sizes(axes: Axes) -> tuple[int, ...]:
    return tuple(axis.size for axis in axes)


def map_bilinearly(
    out: Axes, *, input1: Axes, input2: Axes, weight: Axes, bias: Axes | None = None, **_: object
) -> Iterator[Statement]:
    """Sum over the last axes of two tensors with a weight (out, first, second)."""
    for inputs, reads in ((input1, weight[1]), (input2, weight[2])):
        yield from contracted(inputs, -1, reads)
        yield from unscaled(inputs[:-1], out[:-1])
    yield equal(weight[0], out[-1])
    if bias:
        yield equal(bias[0], out[-1])


OPERATIONS = (
    Operation(
        names=("linear",),
        rule=map_linearly,
        head=(Carrier("weight", 0), Carrier("bias", 0)),
        weight=Weight("weight", data="source", reads=1, writes=0),
        layer=nn.Linear,
    ),
    Operation(
        names=("matmul", "mm", "bmm", "mv"),
        rule=multiply_matrices,
        head=(Carrier("other", -1),),
        weight=Weight("other", data="source", reads=-2, writes=-1, either_side=True),
    ),
    Operation(
        names=("addmm",),
        rule=multiply_and_add,
        head=(Carrier("other", -1), Carrier("source", 0)),
        weight=Weight("other", data="mat1", reads=-2, writes=-1, either_side=True),
    ),
    Operation(
        names=("baddbmm",),
        rule=multiply_and_add_batches,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("addcmul",),
        rule=add_products,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("addcdiv",),
        rule=add_quotients,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("bilinear",),
        rule=map_bilinearly,
        head=(Carrier("weight", 0), Carrier("bias", 0)),
    ),
)
