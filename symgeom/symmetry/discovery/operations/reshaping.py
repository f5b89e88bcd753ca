"""Operations that move entries without changing them: views, transpositions, repetitions."""

from collections.abc import Iterator, Sequence
from math import prod

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import Axes, Pin, Statement, equal, passed


def reshape(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Match runs of axes with equal products: merged axes are products of families."""
    left = list(source)
    right = list(out)
    while left and right:
        first = [left.pop(0)]
        second = [right.pop(0)]
        while _entries(first) != _entries(second):
            if _entries(first) < _entries(second):
                first.append(left.pop(0))
            else:
                second.append(right.pop(0))
        if not left or not right:  # what is left over on one side has length 1
            first += left
            second += right
            left = []
            right = []
        yield equal((tuple(first),), (tuple(second),))
    yield Pin((*left, *right))


def _entries(axes: Sequence[Axis]) -> int:
    return prod(axis.size for axis in axes)


def unsqueeze(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Pin the new axis, hand on the others."""
    index = dim % len(out)
    yield Pin((out[index],))
    yield from passed(source, out[:index] + out[index + 1 :])


def squeeze(
    out: Axes, *, source: Axes, dim: int | Sequence[int] | None = None, **_: object
) -> Iterator[Statement]:
    """Pin the axes that are dropped, hand on the others."""
    dims: Sequence[int] = range(len(source))
    if isinstance(dim, int):
        dims = [dim]
    elif dim is not None:
        dims = dim
    dropped = {index % len(source) for index in dims if source[index].size == 1}
    yield Pin(tuple(source[index] for index in sorted(dropped)))
    yield from passed([axis for index, axis in enumerate(source) if index not in dropped], out)


def permute(out: Axes, *, source: Axes, dims: Sequence[int], **_: object) -> Iterator[Statement]:
    """Reorder the axes."""
    yield from passed([source[dim] for dim in dims], out)


def transpose(
    out: Axes, *, source: Axes, dim0: int = 0, dim1: int = 1, **_: object
) -> Iterator[Statement]:
    """Exchange two axes."""
    order = list(source)
    order[dim0] = source[dim1]
    order[dim1] = source[dim0]
    yield from passed(order, out)


def adjoint(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Exchange the last two axes (of a vector or a number: nothing)."""
    if len(source) > 1:
        yield from transpose(out, source=source, dim0=-2, dim1=-1)
    else:
        yield from passed(source, out)


def expand(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Repeat along axes of length 1, which then label nothing."""
    added = len(out) - len(source)
    yield Pin(out[:added])
    for before, after in zip(source, out[added:], strict=True):
        if before.size == after.size:
            yield equal(before, after)
        else:
            yield Pin((before, after))


OPERATIONS = (
    Operation(
        names=("view", "reshape", "flatten", "unflatten", "_unsafe_view"),
        rule=reshape,
        head=Head.MOVED,
    ),
    Operation(
        names=("unsqueeze",),
        rule=unsqueeze,
        head=Head.MOVED,
    ),
    Operation(
        names=("squeeze",),
        rule=squeeze,
        head=Head.MOVED,
    ),
    Operation(
        names=("permute",),
        rule=permute,
        head=Head.SCALED,
        transposes=True,
    ),
    Operation(
        names=("transpose",),
        rule=transpose,
        head=Head.SCALED,
        transposes=True,
    ),
    Operation(
        names=("t", "adjoint", "mT", "numpy_T"),
        rule=adjoint,
        head=Head.SCALED,
        transposes=True,
    ),
    Operation(
        names=("expand",),
        rule=expand,
        head=Head.SCALED,
    ),
)
