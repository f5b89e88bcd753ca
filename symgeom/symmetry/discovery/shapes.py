"""Rules of operations that move entries without changing them: views, transpositions, concatenations, slices."""

from collections.abc import Iterator, Sequence
from math import prod

from symgeom.symmetry.discovery.labels import Axis
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    equal,
    passed,
    unscaled,
    whole,
)


def reshape(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Match runs of axes with equal products: merged axes are products of families, split axes factors."""
    left, right = list(source), list(out)
    while left and right:
        first, second = [left.pop(0)], [right.pop(0)]
        while prod(a.size for a in first) != prod(a.size for a in second):
            shorter, rest = (
                (first, left)
                if prod(a.size for a in first) < prod(a.size for a in second)
                else (second, right)
            )
            shorter.append(rest.pop(0))
        if not left or not right:  # what is left over on one side has length 1
            first, second, left, right = [*first, *left], [*second, *right], [], []
        yield equal((tuple(first),), (tuple(second),))
    yield Pin((*left, *right))


def unsqueeze(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Pin the new axis, hand on the others."""
    place = dim % len(out)
    yield Pin((out[place],))
    yield from passed(source, out[:place] + out[place + 1 :])


def squeeze(
    out: Axes, *, source: Axes, dim: int | Sequence[int] | None = None, **_: object
) -> Iterator[Statement]:
    """Pin the axes that are dropped, hand on the others."""
    dims = range(len(source)) if dim is None else [dim] if isinstance(dim, int) else dim
    places = {d % len(source) for d in dims if source[d].size == 1}
    yield Pin(tuple(source[place] for place in sorted(places)))
    yield from passed([axis for place, axis in enumerate(source) if place not in places], out)


def permute(out: Axes, *, source: Axes, dims: Sequence[int], **_: object) -> Iterator[Statement]:
    """Reorder the axes."""
    yield from passed([source[d] for d in dims], out)


def transpose(
    out: Axes, *, source: Axes, dim0: int = 0, dim1: int = 1, **_: object
) -> Iterator[Statement]:
    """Exchange two axes."""
    order = list(source)
    order[dim0], order[dim1] = order[dim1], order[dim0]
    yield from passed(order, out)


def adjoint(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Exchange the last two axes (of a vector or a number: nothing)."""
    yield from (
        transpose(out, source=source, dim0=-2, dim1=-1) if len(source) > 1 else passed(source, out)
    )


def expand(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Repeat along axes of length 1, which then label nothing."""
    added = len(out) - len(source)
    yield Pin(out[:added])
    for before, after in zip(source, out[added:], strict=True):
        yield equal(before, after) if before.size == after.size else Pin((before, after))


def concatenate(
    out: Axes, *, tensors: Sequence[Axes], dim: int = 0, **_: object
) -> Iterator[Statement]:
    """Label the common axis with the sum of the labels."""
    place = dim % len(out)
    yield equal(tuple((axes[place],) for axes in tensors), out[place])
    for axes in tensors:
        for other in range(len(out)):
            if other != place:
                yield equal(axes[other], out[other])


def stack(out: Axes, *, tensors: Sequence[Axes], dim: int = 0, **_: object) -> Iterator[Statement]:
    """Pin the new axis, hand on the others."""
    for axes in tensors:
        yield from unsqueeze(out, source=axes, dim=dim)


def select(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Pin the axis of which one entry is taken."""
    place = dim % len(source)
    yield Pin((source[place],))
    yield from passed(source[:place] + source[place + 1 :], out)


def unbind(out: Sequence[Axes], *, source: Axes, dim: int = 0, **_: object) -> Iterator[Statement]:
    """Take every entry of an axis."""
    for axes in out:
        yield from select(axes, source=source, dim=dim)


def split(out: Sequence[Axes], *, source: Axes, dim: int = 0, **_: object) -> Iterator[Statement]:
    """Cut an axis in pieces (split, chunk): its label is the sum of theirs."""
    yield from concatenate(source, tensors=out, dim=dim)


def cut(
    out: Axes, *, source: Axes, dim: int = 0, step: int = 1, **ends: int | None
) -> Iterator[Statement]:
    """Take a range of an axis (slice)."""
    place = dim % len(source)
    begin = slice(ends["start"], ends["end"], step).indices(source[place].size)[0]
    yield from passed(source[:place] + source[place + 1 :], out[:place] + out[place + 1 :])
    if step == 1:
        yield _inside(source[place], out[place], begin)
    else:
        yield Pin((source[place], out[place]))


def pad(
    out: Axes,
    *,
    source: Axes,
    pad: Sequence[int],
    value: float | None = None,
    mode: str = "constant",
    **_: object,
) -> Iterator[Statement]:
    """Add entries at the ends: zeros may carry any label, anything else pins the axis; a constant forbids scales."""
    for place, (short, long) in enumerate(zip(source, out, strict=True)):
        before, after = _padding(pad, len(source) - 1 - place)
        if not before and not after:
            yield from unscaled([short], [long]) if value else passed([short], [long])
        elif mode == "constant" and not value and min(before, after) >= 0:
            yield _inside(long, short, before)
        else:
            yield Pin((short, long))


def _padding(pad: Sequence[int], from_last: int) -> tuple[int, int]:
    return (pad[2 * from_last], pad[2 * from_last + 1]) if 2 * from_last < len(pad) else (0, 0)


def _inside(long: Axis, short: Axis, start: int) -> Statement:
    """State that ``short`` is the range of ``long`` that begins at ``start``."""
    pieces = [Axis(start), short, Axis(long.size - start - short.size)]
    return equal(tuple((piece,) for piece in pieces if piece.size), whole(long))
