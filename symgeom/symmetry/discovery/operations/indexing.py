"""Entries that are taken by their numbers: the entries of such an axis have an identity."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.operations.reshaping import along_axes
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    UnsupportedError,
    label,
    passed,
)


def take_entries(
    out: Axes, *, source: Axes, indices: Sequence[Axes | None], **_: object
) -> Iterator[Statement]:
    """Take the entries of some axes whose numbers other tensors hold."""
    numbered = [index for index, entries in enumerate(indices) if entries is not None]
    first = numbered[0]
    last = numbered[-1]
    if len(numbered) != last - first + 1:
        raise UnsupportedError("entries taken along axes that are not neighbours")
    behind = source[last + 1 :]
    taken = out[first : len(out) - len(behind)]
    yield Pin((*source[first : last + 1], *taken))
    for entries in indices:
        yield Pin(entries or ())
    yield from passed(source[:first], out[:first])
    yield from passed(behind, out[len(out) - len(behind) :])


def take_rows(
    out: Axes, *, source: Axes, dim: int, index: Axes, **_: object
) -> Iterator[Statement]:
    """Take the entries of one axis."""
    yield Pin(index)
    yield from along_axes(out, source, {dim % len(source)})


def gather(out: Axes, *, source: Axes, dim: int, index: Axes, **_: object) -> Iterator[Statement]:
    """Take entries along one axis, others for every entry of the other axes."""
    along = dim % len(source)
    for number, (before, after) in enumerate(zip(source, out, strict=True)):
        if number == along or before.size != after.size:
            yield Pin((before, after, index[number]))
        else:
            yield label(index[number], after)
            yield from passed((before,), (after,))


OPERATIONS = (
    Operation(
        names=("index",),
        rule=take_entries,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("index_select",),
        rule=take_rows,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("gather",),
        rule=gather,
        head=Head.HIDDEN,
    ),
)
