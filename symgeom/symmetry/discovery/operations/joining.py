"""Operations that join tensors, take parts of them, or lengthen them."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.operations.reshaping import unsqueeze
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    equal,
    passed,
    sum_of,
    unscaled,
    whole,
)


def concatenate(
    out: Axes, *, tensors: Sequence[Axes], dim: int = 0, **_: object
) -> Iterator[Statement]:
    """Label the common axis with the sum of the labels."""
    joined = dim % len(out)
    tensors = [axes for axes in tensors if len(axes) == len(out)]  # others are empty
    yield equal(sum_of(axes[joined] for axes in tensors), out[joined])
    for axes in tensors:
        for index in range(len(out)):
            if index != joined:
                yield equal(axes[index], out[index])


def stack(out: Axes, *, tensors: Sequence[Axes], dim: int = 0, **_: object) -> Iterator[Statement]:
    """Pin the new axis, hand on the others."""
    for axes in tensors:
        yield from unsqueeze(out, source=axes, dim=dim)


def select(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Pin the axis of which one entry is taken."""
    index = dim % len(source)
    yield Pin((source[index],))
    yield from passed(source[:index] + source[index + 1 :], out)


def unbind(out: Sequence[Axes], *, source: Axes, dim: int = 0, **_: object) -> Iterator[Statement]:
    """Take every entry of an axis."""
    for axes in out:
        yield from select(axes, source=source, dim=dim)


def split(out: Sequence[Axes], *, source: Axes, dim: int = 0, **_: object) -> Iterator[Statement]:
    """Cut an axis in pieces: its label is the sum of theirs."""
    yield from concatenate(source, tensors=out, dim=dim)


def cut(
    out: Axes,
    *,
    source: Axes,
    start: int | None,
    end: int | None,
    dim: int = 0,
    step: int = 1,
    **_: object,
) -> Iterator[Statement]:
    """Take a range of an axis."""
    index = dim % len(source)
    whole_axis = source[index]
    begin, _stop, _step = slice(start, end, step).indices(whole_axis.size)
    yield from passed(source[:index] + source[index + 1 :], out[:index] + out[index + 1 :])
    if step == 1:
        yield _inside(whole_axis, out[index], begin)
    else:
        yield Pin((whole_axis, out[index]))


def write_range(
    out: Axes,
    *,
    source: Axes,
    src: Axes,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    **_: object,
) -> Iterator[Statement]:
    """Write one tensor in a range of another."""
    yield from passed(source, out)
    yield from cut(src, source=out, start=start, end=end, dim=dim, step=step)


def write_entry(
    out: Axes, *, source: Axes, src: Axes, dim: int, **_: object
) -> Iterator[Statement]:
    """Write one tensor in one entry of an axis of another."""
    yield from passed(source, out)
    yield from select(src, source=out, dim=dim)


def pad(
    out: Axes,
    *,
    source: Axes,
    pad: Sequence[int],
    value: float | None = None,
    mode: str = "constant",
    **_: object,
) -> Iterator[Statement]:
    """Add entries at the ends: zeros may have any label, anything else pins the axis."""
    for index, (short, long) in enumerate(zip(source, out, strict=True)):
        before, after = _padding(pad, len(source) - 1 - index)
        padded = before or after
        if padded and mode == "constant" and not value and min(before, after) >= 0:
            yield _inside(long, short, before)
        elif padded:
            yield Pin((short, long))
        elif value:  # a constant, which forbids the scales of the other axes
            yield from unscaled([short], [long])
        else:
            yield from passed([short], [long])


def _padding(pad: Sequence[int], from_last: int) -> tuple[int, int]:
    """Return how many entries are added before and after an axis."""
    first = 2 * from_last
    if first >= len(pad):
        return 0, 0
    return pad[first], pad[first + 1]


def _inside(long: Axis, short: Axis, start: int) -> Statement:
    """State that ``short`` is the range of ``long`` that begins at ``start``."""
    pieces = [Axis(start), short, Axis(long.size - start - short.size)]
    return equal(sum_of(piece for piece in pieces if piece.size), whole(long))


OPERATIONS = (
    Operation(
        names=("cat",),
        rule=concatenate,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("stack",),
        rule=stack,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("split", "split_with_sizes", "chunk"),
        rule=split,
        head=Head.SCALED,
    ),
    Operation(
        names=("unbind",),
        rule=unbind,
        head=Head.SCALED,
    ),
    Operation(
        names=("select",),
        rule=select,
        head=Head.SCALED,
    ),
    Operation(
        names=("slice",),
        rule=cut,
        head=Head.SCALED,
    ),
    Operation(
        names=("slice_scatter",),
        rule=write_range,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("select_scatter",),
        rule=write_entry,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("pad", "constant_pad_nd"),
        rule=pad,
        head=Head.HIDDEN,
    ),
)
