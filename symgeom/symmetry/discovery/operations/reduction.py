"""Sums, means and maxima over whole axes."""

from collections.abc import Iterator, Sequence
from functools import partial

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.activation import (
    absolute,
    homogeneous,
    pointwise,
)
from symgeom.symmetry.discovery.operations.arithmetic import raise_to_power
from symgeom.symmetry.discovery.operations.choosing import extremum
from symgeom.symmetry.discovery.operations.copying import hand_on
from symgeom.symmetry.discovery.operations.record import Head, Operation, Rule
from symgeom.symmetry.discovery.relations import (
    Axes,
    Mixed,
    Pin,
    Statement,
    Unread,
    UnsupportedError,
    equal,
    fixed,
    label,
    unscaled,
)


def reduce_axes(
    out: Axes,
    *,
    source: Axes,
    through: Rule = hand_on,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    forbids: str = "ps",
    **_: object,
) -> Iterator[Statement]:
    """Reduce some axes, whose units may be permuted and not scaled."""
    reduced = _reduced(dim, len(source))
    yield Mixed(tuple(source[index] for index in reduced), source)
    for index in reduced:
        yield fixed(source[index], forbids)
        if keepdim:
            yield Pin((out[index],))
    others = [index for index in range(len(source)) if index not in reduced]
    targets = out
    if keepdim:
        targets = tuple(out[index] for index in others)
    yield from through(targets, source=tuple(source[index] for index in others))


def largest(
    out: Axes | list[Axes],
    *,
    source: Axes,
    other: Axes | None = None,
    dim: int | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Take the maximum of two tensors, over an axis, or over all entries."""
    if isinstance(out, list):
        assert isinstance(dim, int)
        yield from reduce_located(out, source=source, dim=dim, keepdim=keepdim)
    elif isinstance(other, tuple):
        yield from extremum(out, source=source, other=other)
    else:
        yield from reduce_axes(out, source=source, through=homogeneous)


def reduce_located(
    out: list[Axes],
    *,
    source: Axes,
    dim: int,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Take the maximum over an axis, and say which entry it was if somebody asks."""
    values, entries = out
    yield from reduce_axes(values, source=source, through=homogeneous, dim=dim, keepdim=keepdim)
    if not isinstance(entries, Unread):
        yield Pin((source[dim % len(source)],))
        yield from reduce_axes(entries, source=source, through=unmoved, dim=dim, keepdim=keepdim)


def unmoved(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Have the units of the input, and no scale."""
    for before, after in zip(source, out, strict=True):
        yield label(before, after)
        yield fixed(after)


def sort_along(out: list[Axes], *, source: Axes, dim: int = -1, **_: object) -> Iterator[Statement]:
    """Sort along an axis, perhaps the largest only, and say which entries they were."""
    values, entries = out
    index = dim % len(source)
    yield Pin((source[index], values[index], entries[index]))
    others = source[:index] + source[index + 1 :]
    yield from homogeneous(values[:index] + values[index + 1 :], source=others)
    yield from unmoved(entries[:index] + entries[index + 1 :], source=others)


def measure_length(
    out: Axes,
    *,
    source: Axes,
    ord: float | None = None,
    p: float | None = None,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Take the norm of vectors along some axes, which no sign changes."""
    if ord == 0 or p == 0:
        raise UnsupportedError("a norm that counts entries")
    yield from reduce_axes(
        out, source=source, through=absolute, dim=dim, keepdim=keepdim, forbids="p"
    )


def spread(
    out: Axes,
    *,
    source: Axes,
    through: Rule,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Take the deviation of entries from their mean, or its square."""
    yield from reduce_axes(out, source=source, through=through, dim=dim, keepdim=keepdim)


def spread_and_mean(
    out: list[Axes],
    *,
    source: Axes,
    through: Rule,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    **_: object,
) -> Iterator[Statement]:
    """Take the deviation of entries from their mean, or its square, and the mean."""
    deviation, mean = out
    yield from reduce_axes(deviation, source=source, through=through, dim=dim, keepdim=keepdim)
    yield from reduce_axes(mean, source=source, dim=dim, keepdim=keepdim)


def compare_directions(
    out: Axes, *, x1: Axes, x2: Axes, dim: int = 1, **_: object
) -> Iterator[Statement]:
    """Take the cosine of the angle between vectors along an axis: only signs cancel."""
    from_end = len(out) + 1 - dim % (len(out) + 1)
    entries: list[Axis] = []
    for vectors in (x1, x2):
        along = vectors[-from_end]
        entries.append(along)
        yield Mixed((along,), vectors)
        yield fixed(along, "p")
        others = vectors[: len(vectors) - from_end] + vectors[len(vectors) - from_end + 1 :]
        yield from _broadcast(others, out)
    first, second = entries
    if first.size != second.size:
        raise UnsupportedError("angles between vectors of different lengths")
    yield equal(first, second, "s")


def _broadcast(source: Axes, out: Axes) -> Iterator[Statement]:
    """State that units, perhaps broadcast, may be permuted and not scaled."""
    for before, after in zip(source[::-1], out[::-1], strict=False):
        if before.size == after.size:
            yield from unscaled((before,), (after,))
        else:
            yield Pin((before,))


def _reduced(dim: int | Sequence[int] | None, axes: int) -> set[int]:
    """Return the axes that are reduced; none named means all of them."""
    if isinstance(dim, int):
        return {dim % axes}
    if not dim:
        return set(range(axes))
    return {index % axes for index in dim}


OPERATIONS = (
    Operation(
        names=("mean", "sum"),
        rule=reduce_axes,
        head=Head.SCALED,
    ),
    Operation(
        names=("amax", "amin"),
        rule=partial(reduce_axes, through=homogeneous),
        head=Head.SCALED,
    ),
    Operation(
        names=("max", "min", "median"),
        rule=largest,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("kthvalue",),
        rule=reduce_located,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("topk", "sort"),
        rule=sort_along,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("linalg_vector_norm", "norm"),
        rule=measure_length,
        head=Head.SCALED,
    ),
    Operation(
        names=("std",),
        rule=partial(spread, through=absolute),
        head=Head.SCALED,
    ),
    Operation(
        names=("var",),
        rule=partial(spread, through=partial(raise_to_power, exponent=2)),
        head=Head.SCALED,
    ),
    Operation(
        names=("std_mean",),
        rule=partial(spread_and_mean, through=absolute),
        head=Head.HIDDEN,
    ),
    Operation(
        names=("var_mean",),
        rule=partial(spread_and_mean, through=partial(raise_to_power, exponent=2)),
        head=Head.HIDDEN,
    ),
    Operation(
        names=("logsumexp",),
        rule=partial(reduce_axes, through=pointwise),
        head=Head.HIDDEN,
    ),
    Operation(
        names=("cosine_similarity",),
        rule=compare_directions,
        head=Head.HIDDEN,
    ),
)
