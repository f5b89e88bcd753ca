"""Straight lines between real networks."""

from symgeom.landscape.path import LinearPath
from symgeom.study.variants.kind import Between, PathKind, Variant


def straight_line(between: Between) -> list[LinearPath]:
    """Return the straight line between two networks.

    Parameters
    ----------
    between : Between
        The networks.

    Returns
    -------
    list of LinearPath
        One path.
    """
    return [LinearPath(*between.ends)]


LINEAR = PathKind(
    binary=False,
    variants=(
        Variant("linear", "raw", "straight, raw", row=0),
        Variant("linear", "normalised", "straight, scales removed", row=0),
        Variant("linear", "aligned", "straight, permutations removed", row=1),
        Variant("linear", "both", "straight, both removed", row=1),
    ),
    paths=straight_line,
)
