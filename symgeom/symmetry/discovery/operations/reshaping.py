"""Operations that move entries without changing them: views, transpositions, repetitions."""

from collections.abc import Iterator, Sequence
from math import prod

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    UnsupportedError,
    equal,
    fixed,
    passed,
)


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


def repeat_entries(
    out: Axes, *, source: Axes, repeats: object, dim: int | None = None, **_: object
) -> Iterator[Statement]:
    """Repeat every entry of an axis: its label is that of the entries times the copies."""
    if dim is None or not isinstance(repeats, int):
        raise UnsupportedError("entries that are not all repeated as often along one axis")
    index = dim % len(source)
    yield from passed(source[:index] + source[index + 1 :], out[:index] + out[index + 1 :])
    copies = Axis(repeats)
    yield Pin((copies,))
    yield equal(out[index], ((source[index], copies),))


def repeat_tensor(
    out: Axes, *, source: Axes, repeats: Sequence[int], **_: object
) -> Iterator[Statement]:
    """Repeat a tensor along its axes: their labels are the copies times what they were."""
    added = len(out) - len(source)
    yield Pin(out[:added])
    for before, after, count in zip(source, out[added:], repeats[added:], strict=True):
        if count == 1:
            yield equal(after, before)
        else:
            copies = Axis(count)
            yield Pin((copies,))
            yield equal(after, ((copies, before),))


def shuffle_pixels(
    out: Axes, *, source: Axes, upscale_factor: int, **_: object
) -> Iterator[Statement]:
    """Make pixels of channels: the channels before are those behind times the new pixels."""
    yield from _exchange_pixels(source, out, upscale_factor)


def unshuffle_pixels(
    out: Axes, *, source: Axes, downscale_factor: int, **_: object
) -> Iterator[Statement]:
    """Make channels of pixels."""
    yield from _exchange_pixels(out, source, downscale_factor)


def _exchange_pixels(many: Axes, few: Axes, factor: int) -> Iterator[Statement]:
    """State that the channels of the first tensor are those of the second times pixels."""
    pixels = Axis(factor**2)
    yield Pin((pixels, *many[-2:], *few[-2:]))
    yield equal(many[-3], ((few[-3], pixels),))
    yield from passed(many[:-3], few[:-3])


def shuffle_channels(out: Axes, *, source: Axes, groups: int, **_: object) -> Iterator[Statement]:
    """Exchange groups of channels and the channels within them."""
    group = Axis(groups)
    within = Axis(source[1].size // groups)
    yield equal(source[1], ((group, within),))
    yield equal(out[1], ((within, group),))
    yield from passed(source[:1] + source[2:], out[:1] + out[2:])


def cut_windows(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Lay out windows: the rows are channels times the entries of a window."""
    yield from _windows(source, out)


def lay_windows(out: Axes, *, source: Axes, **_: object) -> Iterator[Statement]:
    """Add up windows."""
    yield from _windows(out, source)


def _windows(image: Axes, windows: Axes) -> Iterator[Statement]:
    """State that rows of windows are channels of an image times entries, which have an identity."""
    channels = image[-3]
    window_entries = Axis(windows[-2].size // channels.size)
    yield Pin((window_entries, *image[-2:], windows[-1]))
    yield equal(windows[-2], ((channels, window_entries),))
    yield from passed(image[:-3], windows[:-2])


def move_along(out: Axes, *, source: Axes, dims: Sequence[int], **_: object) -> Iterator[Statement]:
    """Turn round or shift some axes, whose entries have an identity."""
    if not dims:
        raise UnsupportedError("a shift of the flattened tensor")
    moved = {dim % len(source) for dim in dims}
    yield from along_axes(out, source, moved)


def along_axes(out: Axes, source: Axes, moved: set[int]) -> Iterator[Statement]:
    """Pin some axes, and hand on the others.

    Parameters
    ----------
    out, source : Axes
        Of the result and of the input.
    moved : set of int
        The axes along which the operation works.

    Yields
    ------
    Statement
        About all of them.
    """
    for index, (before, after) in enumerate(zip(source, out, strict=True)):
        if index in moved:
            yield Pin((before, after))
        else:
            yield equal(before, after)


def add_up_along(out: Axes, *, source: Axes, dim: int, **_: object) -> Iterator[Statement]:
    """Add up along an axis."""
    yield from along_axes(out, source, {dim % len(source)})


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
    """Repeat along axes of length 1: the entries of the new axis are alike."""
    added = len(out) - len(source)
    for axis in out[:added]:
        yield fixed(axis)
    for before, after in zip(source, out[added:], strict=True):
        if before.size == after.size:
            yield equal(before, after)
        else:
            yield Pin((before,))
            yield fixed(after)


OPERATIONS = (
    Operation(
        names=(
            "view",
            "reshape",
            "flatten",
            "unflatten",
            "_unsafe_view",
        ),
        rule=reshape,
        head=Head.MOVED,
    ),
    Operation(
        names=("view_as", "reshape_as"),
        rule=reshape,
        head=Head.MOVED,
        shapes_only=("other",),
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
    Operation(
        names=("expand_as",),
        rule=expand,
        head=Head.SCALED,
        shapes_only=("other",),
    ),
    Operation(
        names=("repeat_interleave",),
        rule=repeat_entries,
        head=Head.SCALED,
    ),
    Operation(
        names=("repeat",),
        rule=repeat_tensor,
        head=Head.SCALED,
    ),
    Operation(
        names=("pixel_shuffle",),
        rule=shuffle_pixels,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("pixel_unshuffle",),
        rule=unshuffle_pixels,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("channel_shuffle",),
        rule=shuffle_channels,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("im2col",),
        rule=cut_windows,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("col2im",),
        rule=lay_windows,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("flip", "roll"),
        rule=move_along,
        head=Head.HIDDEN,
    ),
    Operation(
        names=("cumsum",),
        rule=add_up_along,
        head=Head.HIDDEN,
    ),
)
