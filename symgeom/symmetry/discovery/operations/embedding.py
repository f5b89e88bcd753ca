"""Embeddings: tables of vectors that are looked up."""

from collections.abc import Iterator

from symgeom.symmetry.discovery.operations.record import Carrier, Operation, Weight
from symgeom.symmetry.discovery.relations import Axes, Pin, Statement, equal


def look_up(out: Axes, *, weight: Axes, indices: Axes, **_: object) -> Iterator[Statement]:
    """Look up rows: the words have an identity, the coordinates are units."""
    yield Pin((*out[:-1], *indices, weight[0]))
    yield equal(weight[1], out[-1])


OPERATIONS = (
    Operation(
        names=("embedding",),
        rule=look_up,
        head=(Carrier("weight", 1),),
        weight=Weight("weight", data="indices", reads=0, writes=1),
    ),
)
