"""Claims about charges as coordinates of the valley (C3 to C6).

Each stands beside a control in which nothing but the charge differs. That networks far from balance
are sharp and fast (C3, C4) can hardly fail. The figure of an earlier study showed that the lowest
point is not balance itself: C3-minimum and C4-slow ask where it lies. On the data of that study
they are no independent test.

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, Flat Minima, and the Conserved Quantities of
Gradient Flow", ICLR 2023 (arXiv 2210.17216): charges are tied to sharpness and to the rate of
convergence. The walks at one function are ours.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.averages import ask_over_arms
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question
from symgeom.study.claims.scope import least_positive, outermost, walk_words
from symgeom.study.claims.selection import select_minima, select_pairs

SOURCE = "Zhao et al., ICLR 2023 (arXiv 2210.17216)"


def charges_of(valleys: xr.Dataset) -> list[xr.DataArray]:
    """Return the charges at the end of training, group by group.

    Parameters
    ----------
    valleys : xr.Dataset
        With ``charge_<group>(arm, seed, moment, <group>)``.

    Returns
    -------
    list of xr.DataArray, dims (arm, seed, <group>)
        In the order of the groups.
    """
    groups = []
    for name, charges in valleys.data_vars.items():
        if str(name).startswith("charge_"):
            groups.append(charges.sel(moment="end", drop=True))
    return groups


def mean_charge(valleys: xr.Dataset) -> xr.DataArray:
    """Return the mean size of a unit's charge at the end of training.

    Parameters
    ----------
    valleys : xr.Dataset
        With ``charge_<group>(arm, seed, moment, <group>)``.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        In squared weight units.
    """
    total = xr.DataArray(0)
    units = 0
    for group in charges_of(valleys):
        dimension = str(group.dims[-1])
        total = total + abs(group).sum(dimension, skipna=False)
        units += group.sizes[dimension]
    return total / units


def charge_distance(valleys: xr.Dataset, distances: xr.Dataset) -> xr.DataArray:
    """Return how different the charges of two minima are, whatever the order of their units.

    Parameters
    ----------
    valleys : xr.Dataset
        With ``charge_<group>(arm, seed, moment, <group>)``.
    distances : xr.Dataset
        With the ends of every pair.

    Returns
    -------
    xr.DataArray, dims (pair)
        Mean difference of the sorted charges, group by group (the first Wasserstein distance), in
        squared weight units.
    """
    differences = []
    for group in charges_of(valleys):
        first = _sorted_charges(group, distances, "first")
        second = _sorted_charges(group, distances, "second")
        differences.append(np.abs(np.subtract(first, second)))
    mean = np.concatenate(differences, axis=-1).mean(-1)
    coordinates = {}
    for name, values in distances.coords.items():
        if values.dims == ("pair",):
            coordinates[name] = values
    return xr.DataArray(mean, dims="pair", coords=coordinates)


def _sorted_charges(group: xr.DataArray, distances: xr.Dataset, end: str) -> NDArray:
    """Return the charges of one end of every pair in ascending order, shape (pair, unit)."""
    networks = {"arm": distances[f"{end}_arm"], "seed": distances[f"{end}_seed"]}
    charges = group.sel(networks).transpose("pair", ...)
    return np.sort(charges.values, axis=-1)


def ratio_to_balanced(
    measured: Measured,
    *,
    variable: str,
    moment: str,
    where: Callable[[Sequence[float]], list[float]] = outermost,
) -> Question:
    """Ask how much larger a measure is away from balance than in the balanced network.

    Parameters
    ----------
    measured : Measured
        With the variable over (arm, seed, moment, imbalance) in the stage "valleys".
    variable : str
        What was measured along the walk.
    moment : {"start", "end"}
        Of training.
    where : callable
        From the imbalances of the walk to those that are compared with zero.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio.
    """
    walked = measured.stages["valleys"][variable].sel(moment=moment)
    unbalanced = walked.sel(imbalance=where(walked["imbalance"].values.tolist()))
    balanced = walked.sel(imbalance=0.0, drop=True)
    octaves = cast(xr.DataArray, np.log2(unbalanced / balanced))
    ratio = octaves.mean("imbalance", skipna=False).drop_vars("moment")
    return ask_over_arms(select_minima(ratio, measured.minima), "all minima")


def flattest_imbalance(measured: Measured) -> Question:
    """Ask at which imbalance the largest Hessian eigenvalue is smallest.

    Parameters
    ----------
    measured : Measured
        With ``eigenvalue(arm, seed, moment, imbalance)`` in the stage "valleys".

    Returns
    -------
    Question
        The mean imbalance.
    """
    walked = measured.stages["valleys"]["eigenvalue"].sel(moment="end", drop=True)
    ordered = walked.sortby("imbalance").transpose("arm", "seed", "imbalance")
    positions = np.arcsinh(ordered["imbalance"].values)
    lowest = np.sinh(lowest_position(positions, np.log2(ordered.values)))
    flattest = ordered.isel(imbalance=0, drop=True).copy(data=lowest)
    return ask_over_arms(select_minima(flattest, measured.minima), "all minima")


def lowest_position(positions: NDArray, heights: NDArray) -> NDArray:
    """Return where curves are lowest: between the points of a grid, by a parabola.

    Parameters
    ----------
    positions : array, shape (point,)
        Of at least three points, in ascending order.
    heights : array, shape (..., point)
        The curves.

    Returns
    -------
    array, shape (...)
        Vertices of the parabolas through the lowest points and their neighbours. A curve that is
        lowest at an end of the grid has its minimum there; NaN where a height is not known.

    Examples
    --------
    >>> positions = np.array([-1.0, 0.0, 2.0])
    >>> lowest_position(positions, np.array([(positions - 0.25) ** 2, -positions]))
    array([0.25, 2.  ])
    """
    last = len(positions) - 1
    lowest = heights.argmin(axis=-1)
    middle = np.clip(lowest, 1, last - 1)
    around = np.stack([middle - 1, middle, middle + 1], axis=-1)
    near = positions[around]
    slopes = np.diff(np.take_along_axis(heights, around, axis=-1)) / np.diff(near)
    middles = (near[..., 1:] + near[..., :-1]) / 2  # there a parabola has the slopes of its chords
    with np.errstate(divide="ignore", invalid="ignore"):  # of curves that are straight
        share = slopes[..., 0] / (slopes[..., 0] - slopes[..., 1])
        vertex = middles[..., 0] + share * (middles[..., 1] - middles[..., 0])
    at_an_end = (lowest == 0) | (lowest == last)
    minimum = np.where(at_an_end, positions[lowest], vertex)
    return np.where(np.isfinite(heights).all(axis=-1), minimum, np.nan)


def charge_and_sharpness(measured: Measured) -> Question:
    """Ask whether minima of an arm whose charges are larger are sharper.

    Parameters
    ----------
    measured : Measured
        With charges and ``own_eigenvalue(arm, seed, moment)`` in the stage "valleys".

    Returns
    -------
    Question
        Spearman's correlation within arms.
    """
    valleys = measured.stages["valleys"]
    eigenvalue = valleys["own_eigenvalue"].sel(moment="end", drop=True)
    columns = xr.concat(
        [mean_charge(valleys), eigenvalue], "column", coords="minimal", compat="override"
    )
    return ask_correlation(select_minima(columns, measured.minima), "all minima")


def charge_and_distance(measured: Measured) -> Question:
    """Ask whether minima of one arm whose charges differ more are further apart on the torus.

    The torus is blind to charges: a correlation comes from what the two have in common.

    Parameters
    ----------
    measured : Measured
        With charges in the stage "valleys" and ``distance(pair, stage)`` in "distances".

    Returns
    -------
    Question
        Spearman's correlation of the pairs of an arm.
    """
    distances = measured.stages["distances"]
    toroidal = distances["distance"].sel(stage="aligned", drop=True)
    columns = xr.concat(
        [charge_distance(measured.stages["valleys"], distances), toroidal],
        "column",
        coords="minimal",
        compat="override",
    )
    inside_arms = distances["first_arm"].values == distances["second_arm"].values
    pairs = columns.transpose("pair", "column").isel(pair=np.flatnonzero(inside_arms))
    return ask_correlation(select_pairs(pairs, measured.minima), "inside arms")


def has_walks(measured: Measured) -> bool:
    """Say whether the networks could be moved along their valleys.

    Parameters
    ----------
    measured : Measured
        With the stage "valleys".

    Returns
    -------
    bool
        Whether anything was measured along a walk.
    """
    return "eigenvalue" in measured.stages["valleys"]


def has_walks_near_balance(measured: Measured) -> bool:
    """Say whether walks tell on which side of balance they are lowest.

    Parameters
    ----------
    measured : Measured
        With the stage "valleys".

    Returns
    -------
    bool
        Whether they have a positive imbalance before the outermost one, and a negative one.
    """
    if not has_walks(measured):
        return False
    imbalances = measured.stages["valleys"]["imbalance"].values.tolist()
    negative = [value for value in imbalances if value < 0]
    positive = [value for value in imbalances if value > 0]
    return bool(negative) and len(positive) > 1


CLAIMS = (
    Claim(
        identifier="C3",
        statement=(
            "At one function, minima are sharper the further their charges are from balance."
        ),
        source=f"{SOURCE}; the walk is ours",
        statistic=(
            "mean log2 of the largest Hessian eigenvalue over that of the balanced network, at the "
            "imbalances {outermost}; mean over arms, whichever arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "valleys"),
        ask=partial(ratio_to_balanced, variable="eigenvalue", moment="end"),
        applies=has_walks,
        words=walk_words,
        kind="check",
    ),
    Claim(
        identifier="C3-minimum",
        statement=(
            "At one function, minima are flattest with longer incoming than outgoing weights, not "
            "in balance."
        ),
        source="ours",
        statistic=(
            "imbalance at which the largest Hessian eigenvalue is smallest (parabola through the "
            "lowest of {grid} and its neighbours: logarithm of the eigenvalue over arsinh of the "
            "imbalance); mean over arms, whichever arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "valleys"),
        ask=flattest_imbalance,
        applies=has_walks_near_balance,
        words=walk_words,
    ),
    Claim(
        identifier="C4",
        statement=(
            "From one function, gradient flow starts faster the further the charges are from "
            "balance."
        ),
        source=f"{SOURCE}; the walk is ours",
        statistic=(
            "mean log2 of the rate at which gradient flow lowers the loss at the start over that "
            "of the balanced network, at the imbalances {outermost}; mean over arms, whichever "
            "arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "valleys"),
        ask=partial(ratio_to_balanced, variable="rate", moment="start"),
        applies=has_walks,
        words=walk_words,
        kind="check",
    ),
    Claim(
        identifier="C4-slow",
        statement=(
            "From one function, gradient flow starts slower with longer incoming than outgoing "
            "weights (imbalance {least_positive}) than from balance."
        ),
        source="ours",
        statistic=(
            "mean log2 of the rate at which gradient flow lowers the loss at the start over that "
            "of the balanced network, at the imbalance {least_positive}; mean over arms, whichever "
            "arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="below",
        stages=("minima", "valleys"),
        ask=partial(ratio_to_balanced, variable="rate", moment="start", where=least_positive),
        applies=has_walks_near_balance,
        words=walk_words,
    ),
    Claim(
        identifier="C5",
        statement="Of the minima of an arm, those whose charges are larger are sharper.",
        source=SOURCE,
        statistic=(
            "Spearman correlation of the mean size of a charge with the largest Hessian "
            "eigenvalue within arms, mean over arms, whichever arm is left out"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "valleys"),
        ask=charge_and_sharpness,
        applies=has_walks,
    ),
    Claim(
        identifier="C6",
        statement=(
            "Minima of one arm whose charges differ more are further apart on the torus, which is "
            "blind to charges."
        ),
        source=f"ours, after {SOURCE}",
        statistic=(
            "Spearman correlation of the difference of the charges with the toroidal distance, "
            "over the pairs of an arm, mean over arms, whichever arm is left out"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="above",
        stages=("minima", "valleys", "distances"),
        ask=charge_and_distance,
        applies=has_walks,
    ),
)
