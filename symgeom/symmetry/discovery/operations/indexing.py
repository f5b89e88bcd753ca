"""Entries that are taken or written by their numbers.

The entries of such an axis have an identity.
"""

from collections.abc import Iterable, Iterator, Sequence

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.operations.reshaping import along_axes
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Separate,
    Statement,
    UnsupportedError,
    fixed,
    label,
    passed,
)


def take_entries(
    out: Axes, *, source: Axes, indices: Sequence[Axes | None], **_: object
) -> Iterator[Statement]:
    """Take the entries of some axes whose numbers other tensors hold."""
    first, behind = _numbered(source, out, indices)
    yield from _pinned((source, out), first, behind, indices)
    yield from passed(_others(source, first, behind), _others(out, first, behind))


def put_entries(
    out: Axes, *, source: Axes, indices: Sequence[Axes | None], values: Axes, **_: object
) -> Iterator[Statement]:
    """Write or add the entries of some axes whose numbers other tensors hold."""
    first, behind = _numbered(source, values, indices)
    targets = _others(out, first, behind)
    written = _others(values, first, behind)
    if [axis.size for axis in written] != [axis.size for axis in targets]:
        raise UnsupportedError("entries written that are broadcast")
    yield from _pinned((source, out, values), first, behind, indices)
    yield from passed(_others(source, first, behind), targets)
    yield from passed(written, targets)


def _numbered(source: Axes, taken: Axes, indices: Sequence[Axes | None]) -> tuple[int, int]:
    """Return how many axes lie before and behind those whose entries have numbers."""
    numbered = [index for index, entries in enumerate(indices) if entries is not None]
    first = numbered[0]
    last = numbered[-1]
    if len(numbered) != last - first + 1:
        raise UnsupportedError("entries taken along axes that are not neighbours")
    behind = len(source) - last - 1
    rank = max(len(entries) for entries in indices if entries is not None)
    if len(taken) == first + rank + behind:
        return first, behind
    if first == last and len(taken) == len(source) - rank + 1:  # a mask stands for several axes
        return first, len(source) - first - rank
    raise UnsupportedError("entries taken by masks beside numbers")


def _others(tensor: Axes, first: int, behind: int) -> Axes:
    """Return the axes before and behind those whose entries have numbers."""
    return tensor[:first] + tensor[len(tensor) - behind :]


def _pinned(
    tensors: Iterable[Axes], first: int, behind: int, indices: Iterable[Axes | None]
) -> Iterator[Statement]:
    """Pin the axes whose entries have numbers, and the numbers."""
    for tensor in tensors:
        yield Pin(tensor[first : len(tensor) - behind])
    for entries in indices:
        yield Pin(entries or ())


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


def scatter(
    out: Axes, *, source: Axes, dim: int, index: Axes, src: Axes, reduce: str = "sum", **_: object
) -> Iterator[Statement]:
    """Write or add entries along one axis, at other places for every entry of the other axes."""
    along = dim % len(source)
    for number, (before, after) in enumerate(zip(source, out, strict=True)):
        written = src[number]
        places = index[number]
        if number == along or not written.size == places.size == after.size:
            yield Pin((before, after, written, places))
            continue
        yield label(places, after)
        yield from passed((before, written), (after, after))
        if reduce in ("sum", "mean"):
            continue
        yield Separate((after,))
        yield fixed(after, "s" if reduce in ("amax", "amin") else "ps")


OPERATIONS = (
    Operation(
        names=("index",),
        rule=take_entries,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("index_put",),
        rule=put_entries,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("scatter", "scatter_add", "scatter_reduce"),
        rule=scatter,
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
