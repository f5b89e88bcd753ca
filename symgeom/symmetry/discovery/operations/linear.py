"""Linear maps and matrix products."""

from collections.abc import Iterator

from torch import nn

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.arithmetic import add, multiply
from symgeom.symmetry.discovery.operations.record import Carrier, Operation, Weight
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
)
