"""Geodesics on the torus, for comparison also between networks matched in a single pass."""

from collections.abc import Mapping

from symgeom.landscape.path import GeodesicPath
from symgeom.study.gauges import geodesic_between
from symgeom.study.variants.kind import Between, PathKind, Variant


def geodesics(between: Between) -> list[GeodesicPath]:
    """Return the geodesic between two canonical networks, if there is exactly one.

    Parameters
    ----------
    between : Between
        The networks.

    Returns
    -------
    list of GeodesicPath
        One path, or none if a unit is antipodal in the two networks.
    """
    geodesic = geodesic_between(between.torus, between.ends)
    return [] if geodesic is None else [geodesic]


def compares_a_single_pass(options: Mapping) -> bool:
    """Return whether a study compares its alignment with the single pass of the toroids paper.

    Parameters
    ----------
    options : mapping
        The section ``paths`` of the configuration.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> compares_a_single_pass({"compare": "greedy"})
    True
    """
    return options["compare"] == "greedy"


GEODESIC = PathKind(
    binary=False,
    variants=(
        Variant("geodesic", "normalised", "geodesic, scales removed", row=0),
        Variant("geodesic", "both", "geodesic, both removed", row=1, across_arms=True),
        Variant(
            "geodesic",
            "greedy",
            "both removed in a single pass",
            row=2,
            asked=compares_a_single_pass,
        ),
    ),
    paths=geodesics,
    geodesic=True,
)
