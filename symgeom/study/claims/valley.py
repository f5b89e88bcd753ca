"""Claims about charges as coordinates of the valley (C3 to C6).

Each stands beside a control in which nothing but the charge differs.

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, Flat Minima, and the Conserved Quantities of
Gradient Flow", ICLR 2023 (arXiv 2210.17216): charges are tied to sharpness and to the rate of
convergence. The walks at one function are ours.
"""

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
from symgeom.study.claims.scope import walk_words
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


def ratio_to_balanced(measured: Measured, *, variable: str, moment: str) -> Question:
    """Ask how much larger a measure is away from balance than in the balanced network.

    Parameters
    ----------
    measured : Measured
        With the variable over (arm, seed, moment, imbalance) in the stage "valleys".
    variable : str
        What was measured along the walk.
    moment : {"start", "end"}
        Of training.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio, at the outermost imbalances.
    """
    walked = measured.stages["valleys"][variable].sel(moment=moment)
    imbalances = walked["imbalance"].values
    outermost = sorted({imbalances.min(), imbalances.max()} - {0.0})
    unbalanced = walked.sel(imbalance=outermost)
    balanced = walked.sel(imbalance=0.0, drop=True)
    octaves = cast(xr.DataArray, np.log2(unbalanced / balanced))
    ratio = octaves.mean("imbalance", skipna=False).drop_vars("moment")
    return ask_over_arms(select_minima(ratio, measured.minima), "all minima")


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


CLAIMS = (
    Claim(
        identifier="C3",
        statement=(
            "At one function, minima are sharper the further their charges are from balance."
        ),
        source=f"{SOURCE}; the walk is ours",
        statistic=(
            "mean log2 of the largest Hessian eigenvalue over that of the balanced network, at the "
            "imbalances {imbalances}; mean over arms, whichever arm is left out"
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
        identifier="C4",
        statement=(
            "From one function, gradient flow starts faster the further the charges are from "
            "balance."
        ),
        source=f"{SOURCE}; the walk is ours",
        statistic=(
            "mean log2 of the rate at which gradient flow lowers the loss at the start over that "
            "of the balanced network, at the imbalances {imbalances}; mean over arms, whichever "
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
