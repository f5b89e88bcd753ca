"""Tensors of one number, whose axes may have any label, and lengths, which no symmetry changes."""

from collections.abc import Iterator

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import Axes, Statement, fixed


def fill_with_zero(_: Axes, **__: object) -> Iterator[Statement]:
    """Say nothing: zeros may be permuted and scaled."""
    yield from ()


def tell_length(_: Axes, **__: object) -> Iterator[Statement]:
    """Say nothing: the entries of the tensor do not matter."""
    yield from ()


def fill_with_one(out: Axes, **_: object) -> Iterator[Statement]:
    """Forbid scales: equal entries may be permuted."""
    for axis in out:
        yield fixed(axis)


def fill(out: Axes, *, fill_value: float, **_: object) -> Iterator[Statement]:
    """Forbid scales, unless the number is zero."""
    if fill_value:
        yield from fill_with_one(out)


OPERATIONS = (
    Operation(
        names=("zeros", "zeros_like", "new_zeros"),
        rule=fill_with_zero,
        head=Head.HIDDEN,
        shapes_only=("source",),
        zero=True,
    ),
    Operation(
        names=("ones", "ones_like", "new_ones"),
        rule=fill_with_one,
        head=Head.HIDDEN,
        shapes_only=("source",),
    ),
    Operation(
        names=("full", "full_like", "new_full"),
        rule=fill,
        head=Head.HIDDEN,
        shapes_only=("source",),
    ),
    Operation(
        names=("sym_size",),
        rule=tell_length,
        head=Head.HIDDEN,
        shapes_only=("source",),
    ),
)
