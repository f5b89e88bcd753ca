"""Pooling and interpolation over pixels, which have an identity."""

from collections.abc import Iterator
from functools import partial

from symgeom.symmetry.discovery.operations.activation import homogeneous
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import Axes, Pin, Statement, fixed, label, passed


def average(out: Axes, *, source: Axes, window: int, **_: object) -> Iterator[Statement]:
    """Average (or interpolate) over the last axes."""
    yield from passed(source[:-window], out[:-window])
    yield Pin((*source[-window:], *out[-window:]))


def maximum(out: Axes, *, source: Axes, window: int, **_: object) -> Iterator[Statement]:
    """Take the maximum over the last axes, which breaks signs."""
    yield from homogeneous(out[:-window], source=source[:-window])
    yield Pin((*source[-window:], *out[-window:]))


def located_maximum(
    out: list[Axes], *, source: Axes, window: int, **_: object
) -> Iterator[Statement]:
    """Take the maximum, and say at which pixel it was."""
    values, pixels = out
    yield from maximum(values, source=source, window=window)
    for before, after in zip(source[:-window], pixels[:-window], strict=True):
        yield label(before, after)
        yield fixed(after)
    yield Pin(pixels[-window:])


SMOOTH = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""Interpolations between neighbours, by the number of axes."""


def _pooling(window: int) -> tuple[Operation, ...]:
    """Return the operations whose windows have one, two or three axes."""
    return (
        Operation(
            names=(
                f"avg_pool{window}d",
                f"adaptive_avg_pool{window}d",
                f"upsample_nearest{window}d",
                f"upsample_{SMOOTH[window]}{window}d",
            ),
            rule=partial(average, window=window),
            head=Head.SCALED,
        ),
        Operation(
            names=(f"max_pool{window}d",),
            rule=partial(maximum, window=window),
            head=Head.SCALED,
        ),
        Operation(
            names=(f"adaptive_max_pool{window}d",),
            rule=partial(located_maximum, window=window),
            head=Head.SCALED,
        ),
    )


OPERATIONS = (
    *_pooling(1),
    *_pooling(2),
    *_pooling(3),
    Operation(
        names=("upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
        rule=partial(average, window=2),
        head=Head.SCALED,
    ),
)
