"""Flips of the weights in which binary networks differ, one after the other, in random orders."""

from symgeom.ground.randomness import stream
from symgeom.landscape.binary.path import HammingPath, random_order
from symgeom.study.variants.kind import Between, PathKind, Variant


def hamming_paths(between: Between) -> list[HammingPath]:
    """Return paths that flip weights in random orders.

    Parameters
    ----------
    between : Between
        The networks; the option ``orders`` says how many orders are drawn.

    Returns
    -------
    list of HammingPath
        One path for each order.
    """
    names = between.case.binary
    paths = []
    for number in range(between.options.get("orders", 1)):
        generator = stream("hamming order", *between.pair, number)
        order = random_order(between.ends[0], names, generator=generator)
        paths.append(HammingPath(*between.ends, order))
    return paths


HAMMING = PathKind(
    binary=True,
    variants=(
        Variant("hamming", "raw", "flips in random order, raw", row=0),
        Variant("hamming", "aligned", "flips in random order, aligned", row=1, across_arms=True),
    ),
    paths=hamming_paths,
)
