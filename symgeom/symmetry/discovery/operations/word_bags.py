"""Bags of words: tables of vectors that are looked up and added."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    Unread,
    UnsupportedError,
    equal,
)


def look_up_bags(
    out: Sequence[Axes], *, weight: Axes, indices: Axes, offsets: Axes, **_: object
) -> Iterator[Statement]:
    """Look up rows and sum (or average) those of a bag."""
    bags, *others = out
    if not all(isinstance(axes, Unread) for axes in others):
        raise UnsupportedError("a bag of words whose sizes are read")
    yield Pin((bags[0], *indices, *offsets, weight[0]))
    yield equal(weight[1], bags[1])


OPERATIONS = (
    Operation(
        names=("embedding_bag",),
        rule=look_up_bags,
        head=Head.HIDDEN,
    ),
)
