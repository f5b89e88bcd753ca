"""Controls: what the claims would look like if another cause were at work.

Flat and sharp optimizers differ in more than flatness (weight decay, step size), and networks could
be near each other because they saw the data in the same order. Each control asks one such question
with the arms that isolate it; it is asked only of studies that have these arms.
"""

import xarray as xr

from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.question import Question, ask_difference, named
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, arms_of, select_minima, select_pairs

EQUAL_DISTANCE = 0.02
"""Difference of mean distances (radians) below which two arms count as equally spread."""

QUANTILE = 0.1
"""The quantile of the samples' margins that is compared."""


def order_does_not_matter(distances: xr.Dataset, minima: xr.Dataset, roles: Roles) -> Question:
    """K-order: minima trained on data in the same order are no closer to each other than those with orders of their own.

    Parameters
    ----------
    distances, minima : xr.Dataset
        With ``distance(pair, stage)`` and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "reference" and "same_order" are looked up.

    Returns
    -------
    Question
        Supported if the difference of the mean aligned distances is below :data:`EQUAL_DISTANCE`.
    """
    claim = Claim(
        "K-order",
        f"Sharing the order of the data ({named(roles, 'same_order')}) brings minima no closer to each other than independent "
        f"orders ({named(roles, 'reference')}).",
        "control, ours",
        "mean aligned distance within an arm (rad, root mean square over spheres), reference minus same_order",
        "pairs",
        threshold=EQUAL_DISTANCE,
        direction="below",
    )
    aligned = distances["distance"].sel(stage="aligned", drop=True)
    selection = select_pairs(aligned, minima, arms_of(roles, "reference", "same_order"))
    return ask_difference(claim, selection, roles, first="reference", second="same_order")


def larger_margin(flatness: xr.Dataset, minima: xr.Dataset, roles: Roles) -> Question:
    """H6-margin: flat minima classify the training samples with a larger normalised margin than sharp ones.

    Parameters
    ----------
    flatness, minima : xr.Dataset
        With ``margin(arm, seed, quantile)`` of the canonical networks, and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role; "flat" and "sharp" are looked up.

    Returns
    -------
    Question
        Supported if the difference of the margins is above zero.
    """
    claim = Claim(
        "H6-margin",
        f"Minima of {named(roles, 'flat')} have larger normalised margins than those of {named(roles, 'sharp')}.",
        "Baldassi et al. (arXiv 2107.01163), for shallow models: wide flat minima lie around high-margin solutions; "
        + SOURCE.split(",")[0]
        + " use the same normalised networks",
        f"margin (outputs of the canonical network) that {1 - QUANTILE:.0%} of the training samples exceed, flat minus sharp",
        "seeds",
        threshold=0.0,
        direction="above",
    )
    margin = flatness["margin"].sel(quantile=QUANTILE, method="nearest", drop=True)
    selection = select_minima(margin, minima, arms_of(roles, "flat", "sharp"))
    return ask_difference(claim, selection, roles, first="flat", second="sharp")
