"""Claims about how minima lie to each other: distances (H2), barriers (H3) and chains with one bend (H4).

The paper is that of :mod:`symgeom.study.claims.flatness`; statistics and thresholds are ours.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import mean
from symgeom.study.claims.flatness import SOURCE
from symgeom.study.claims.question import Question, ask_difference, ask_mean, named
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, arms_of, select_pairs

FULL = ("geodesic both", "hamming aligned")
"""The variant of a path with all symmetries removed: of real weights, and of binary ones, which have no scales."""

PARTIAL = {
    "geodesic both": ("linear raw", "linear normalised", "geodesic normalised", "linear aligned"),
    "hamming aligned": ("hamming raw",),
}
"""Variants of a path that leave a symmetry in."""


def full_variant(paths: xr.Dataset) -> str:
    """Return the name of the variant with all symmetries removed.

    Parameters
    ----------
    paths : xr.Dataset
        With the coordinate ``variant``.

    Returns
    -------
    str
        One of :data:`FULL`; the first if there is none.

    Examples
    --------
    >>> full_variant(xr.Dataset(coords={"variant": ["hamming raw", "hamming aligned"]}))
    'hamming aligned'
    """
    return next((name for name in FULL if name in paths["variant"].values), FULL[0])


def nearer(
    identifier: str,
    distances: xr.Dataset,
    minima: xr.Dataset,
    roles: Roles,
    *,
    first: str,
    second: str,
) -> Question:
    """H2a: aligned minima of the first role are closer to each other than those of the second.

    Parameters
    ----------
    identifier : str
        Name of the claim: "H2a" for flat and sharp, "H2a-reference" for flat and reference.
    distances, minima : xr.Dataset
        With ``distance(pair, stage)`` and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role.
    first, second : str
        The two roles.

    Returns
    -------
    Question
        Supported if the difference of the mean aligned distances is below zero.
    """
    claim = Claim(
        identifier,
        f"With the symmetries removed, minima of {named(roles, first)} are closer to each other than those of "
        f"{named(roles, second)}.",
        SOURCE,
        f"mean aligned distance within an arm (rad, root mean square over spheres), {first} minus {second}",
        "pairs",
        threshold=0.0,
        direction="below",
    )
    aligned = distances["distance"].sel(stage="aligned", drop=True)
    selection = select_pairs(aligned, minima, arms_of(roles, first, second))
    return ask_difference(claim, selection, roles, first=first, second=second)


def nearer_than_random(distances: xr.Dataset, minima: xr.Dataset) -> Question:
    """H2b: alignment brings trained minima closer together than it brings random networks.

    Alignment selects matching units and so shortens the distance of any two networks; the control
    says by how much.

    Parameters
    ----------
    distances, minima : xr.Dataset
        With ``distance(pair, stage)``, ``random_distance(control, stage)`` (random networks) and
        ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if the mean aligned distance over all pairs within an arm is below that of the
        control.
    """
    claim = Claim(
        "H2b",
        "Aligned minima of the same arm are closer to each other than aligned random networks.",
        SOURCE + "; the random control is ours",
        "mean aligned distance within an arm, over all arms, minus that of random networks (rad, root mean square over spheres)",
        "pairs",
        threshold=0.0,
        direction="below",
    )
    selection = select_pairs(distances["distance"].sel(stage="aligned", drop=True), minima)
    inside, networks = selection.within(selection.strata), len(selection.strata)
    random = (
        distances["random_distance"].sel(stage="aligned").values
        if "random_distance" in distances
        else np.zeros(0)
    )
    control = random[np.isfinite(random)]

    def difference(counts: NDArray) -> NDArray:
        return selection.mean_of(inside, counts[:, :networks])[:, 0] - mean(
            control, counts[:, networks:]
        )

    strata = [*selection.strata, *["random control"] * len(control)]
    sizes = {"the study": int(inside.sum()), "the random control": len(control)}
    return Question(claim, difference, strata, sizes, selection.left_out)


def lower_barriers(
    identifier: str, paths: xr.Dataset, minima: xr.Dataset, roles: Roles, *, first: str, second: str
) -> Question:
    """H3a: barriers between minima of the first role are lower than between those of the second.

    Parameters
    ----------
    identifier : str
        Name of the claim: "H3a" for flat and sharp, "H3a-reference" for flat and reference.
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)`` and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role.
    first, second : str
        The two roles.

    Returns
    -------
    Question
        Supported if the difference of the mean barriers is below zero.
    """
    variant = full_variant(paths)
    claim = Claim(
        identifier,
        f"Along geodesics, with all symmetries removed, barriers between minima of {named(roles, first)} are lower than between "
        f"those of {named(roles, second)}.",
        SOURCE,
        f"mean barrier of the training error (fraction, '{variant}') within an arm, {first} minus {second}",
        "pairs",
        threshold=0.0,
        direction="below",
    )
    barrier = paths["barrier"].sel(split="train", drop=True).reindex(variant=[variant])
    selection = select_pairs(barrier, minima, arms_of(roles, first, second))
    return ask_difference(claim, selection, roles, first=first, second=second)


def both_removals_needed(paths: xr.Dataset, minima: xr.Dataset) -> Question:
    """H3b: removing all symmetries lowers barriers more than removing some or none.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)`` and ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if the mean barrier with all removed is below the lowest of the means with some or
        none removed.
    """
    variant = full_variant(paths)
    claim = Claim(
        "H3b",
        "Barriers within an arm are lower with all symmetries removed than with some or none.",
        SOURCE,
        f"mean barrier of the training error (fraction) of '{variant}' minus the lowest mean of "
        f"{', '.join(map(repr, PARTIAL[variant]))}",
        "pairs",
        threshold=0.0,
        direction="below",
    )
    return _below_the_lowest(claim, paths, minima, variant, PARTIAL[variant])


def iterated_is_lower(paths: xr.Dataset, minima: xr.Dataset) -> Question:
    """H3-matching, a control: how much of the barrier is left by the paper's single pass of matching.

    Parameters
    ----------
    paths, minima : xr.Dataset
        With ``barrier(pair, variant, split)``, of which the variant "geodesic greedy" is matched by
        a single pass.

    Returns
    -------
    Question
        Supported if the mean barrier after iterated matching is below that after the single pass.
    """
    claim = Claim(
        "H3-matching",
        "Part of the barriers after the single-pass matching of the paper is due to the matching: iterated matching lowers them.",
        "control, ours; the single pass is that of Pittorino et al., ICML 2022 (arXiv 2202.03038)",
        "mean barrier of the training error (fraction) within an arm, 'geodesic both' minus 'geodesic greedy'",
        "pairs",
        threshold=0.0,
        direction="below",
    )
    return _below_the_lowest(claim, paths, minima, "geodesic both", ("geodesic greedy",))


def _below_the_lowest(
    claim: Claim, paths: xr.Dataset, minima: xr.Dataset, variant: str, others: Sequence[str]
) -> Question:
    within = np.flatnonzero(
        paths["first_arm"].values == paths["second_arm"].values
    )  # across arms one kind of path is measured
    barrier = paths["barrier"].sel(split="train", drop=True).reindex(variant=[variant, *others])
    selection = select_pairs(barrier.isel(pair=within), minima)
    inside = selection.within(selection.strata)

    def difference(counts: NDArray) -> NDArray:
        means = selection.mean_of(inside, counts)
        return means[:, 0] - means[:, 1:].min(axis=1)

    return Question(
        claim, difference, selection.strata, {"the study": int(inside.sum())}, selection.left_out
    )


def chains_connect(chains: xr.Dataset, minima: xr.Dataset, *, threshold: float) -> Question:
    """H4: nearly all pairs of minima, of all arms, are joined by a chain with one bend at almost no training error.

    Parameters
    ----------
    chains, minima : xr.Dataset
        With ``bend_error(pair)``, the maximum of the training error along the chain, ``error(pair,
        split, t)`` along it, and ``usable(arm, seed)``.
    threshold : float
        How much above the training error of its worse end (fraction) a chain may rise to count as
        connecting.

    Returns
    -------
    Question
        Supported if the fraction of connected pairs is above 0.9.
    """
    claim = Claim(
        "H4",
        f"Pairs of minima are connected by a polygonal chain with one bend, its training error at most {threshold:g} above that "
        "of its worse end.",
        SOURCE,
        f"fraction of pairs whose largest training error along the chain is at most {threshold:g} above that of the worse end",
        "pairs",
        threshold=0.9,
        direction="above",
    )
    worse_end = chains["error"].sel(split="train").isel(t=[0, -1]).max("t")
    selection = select_pairs(chains["bend_error"] - worse_end, minima)
    connected = selection.values <= threshold
    question = ask_mean(claim, replace(selection, values=connected.astype(float)), "the study")
    return replace(question, trials=(int(connected.sum()), len(connected)))


def bend_lowers_error(chains: xr.Dataset, minima: xr.Dataset) -> Question:
    """H4-bend: optimising the bend lowers the largest training error along the chain.

    Parameters
    ----------
    chains, minima : xr.Dataset
        With ``bend_error(pair)``, ``straight_error(pair)`` (before optimisation) and ``usable(arm,
        seed)``.

    Returns
    -------
    Question
        Supported if the mean of the reduction is above zero.
    """
    claim = Claim(
        "H4-bend",
        "Optimising one bend lowers the largest training error between two minima.",
        SOURCE,
        "mean over pairs of the largest training error (fraction), straight minus bent",
        "pairs",
        threshold=0.0,
        direction="above",
    )
    return ask_mean(
        claim, select_pairs(chains["straight_error"] - chains["bend_error"], minima), "the study"
    )
