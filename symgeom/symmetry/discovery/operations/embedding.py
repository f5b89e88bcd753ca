"""Embeddings: tables of vectors that are looked up."""

from collections.abc import Iterator, Sequence

from symgeom.symmetry.discovery.operations.record import Carrier, Head, Operation, Weight
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Statement,
    Unread,
    UnsupportedError,
    equal,
)


def look_up(out: Axes, *, weight: Axes, indices: Axes, **_: object) -> Iterator[Statement]:
    """Look up rows: the words have an identity, the coordinates are units."""
    yield Pin((*out[:-1], *indices, weight[0]))
    yield equal(weight[1], out[-1])


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
        names=("embedding",),
        rule=look_up,
        head=(Carrier("weight", 1),),
        weight=Weight("weight", data="indices", reads=0, writes=1),
    ),
    Operation(
        names=("embedding_bag",),
        rule=look_up_bags,
        head=Head.HIDDEN,
    ),
)
