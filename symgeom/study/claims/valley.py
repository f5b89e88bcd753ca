"""Claims about charges as coordinates of the valley (C3 to C6): each beside a control in which nothing but the charge differs.

References
----------
Zhao, Ganev, Walters, Yu, Dehmamy, "Symmetries, Flat Minima, and the Conserved Quantities of
Gradient Flow", ICLR 2023 (arXiv 2210.17216): charges are tied to sharpness and to the rate of
convergence. The walks at one function are ours.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import spearman
from symgeom.study.claims.question import Question, ask_mean
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import select_minima, select_pairs

SOURCE = "Zhao et al., ICLR 2023 (arXiv 2210.17216)"
EVERY = "all minima"


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
    names = [name for name in valleys.data_vars if str(name).startswith("charge_")]
    return [valleys[name].sel(moment="end", drop=True) for name in names]


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
    groups = charges_of(valleys)
    total = sum(abs(group).sum(group.dims[-1], skipna=False) for group in groups)
    return total / sum(group.sizes[group.dims[-1]] for group in groups)


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
    groups = charges_of(valleys)
    ends = {
        end: {axis: distances[f"{end}_{axis}"] for axis in ("arm", "seed")}
        for end in ("first", "second")
    }
    apart = [
        np.abs(
            np.subtract(
                *(
                    np.sort(group.sel(place).transpose("pair", ...).values, axis=-1)
                    for place in ends.values()
                )
            )
        )
        for group in groups
    ]
    mean = np.concatenate(apart, axis=-1).mean(-1)
    of_pairs = {
        name: values for name, values in distances.coords.items() if values.dims == ("pair",)
    }
    return xr.DataArray(mean, dims="pair", coords=of_pairs)


def unbalanced_is_sharper(valleys: xr.Dataset, minima: xr.Dataset) -> Question:
    """C3: moved away from balance along its valley, a minimum becomes sharper.

    Parameters
    ----------
    valleys, minima : xr.Dataset
        With ``eigenvalue(arm, seed, moment, imbalance)`` and ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if the mean logarithm of the ratio is above zero.
    """
    statistic = "mean log2 of the largest Hessian eigenvalue over that of the balanced network, at the outermost imbalances"
    return _of_walk(
        "C3",
        "At one function, minima are sharper the further their charges are from balance.",
        statistic,
        valleys["eigenvalue"].sel(moment="end"),
        minima,
    )


def unbalanced_starts_faster(valleys: xr.Dataset, minima: xr.Dataset) -> Question:
    """C4: moved away from balance along its valley, an untrained network learns faster at first.

    Parameters
    ----------
    valleys, minima : xr.Dataset
        With ``rate(arm, seed, moment, imbalance)`` and ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if the mean logarithm of the ratio is above zero.
    """
    statistic = "mean log2 of the rate at which gradient flow lowers the loss at the start over that of the balanced network"
    return _of_walk(
        "C4",
        "From one function, gradient flow starts faster the further the charges are from balance.",
        statistic,
        valleys["rate"].sel(moment="start"),
        minima,
    )


def _of_walk(
    identifier: str, statement: str, statistic: str, walked: xr.DataArray, minima: xr.Dataset
) -> Question:
    claim = Claim(
        identifier,
        statement,
        f"{SOURCE}; the walk is ours",
        statistic,
        "minima",
        threshold=0.0,
        direction="above",
    )
    imbalances = walked["imbalance"].values
    outermost = walked.sel(imbalance=sorted({imbalances.min(), imbalances.max()} - {0.0}))
    ratio = (
        np.log2(outermost / walked.sel(imbalance=0.0, drop=True))
        .mean("imbalance", skipna=False)
        .drop_vars("moment")
    )
    return ask_mean(claim, select_minima(ratio, minima), EVERY)


def charge_tells_sharpness(valleys: xr.Dataset, minima: xr.Dataset) -> Question:
    """C5: over all minima, those of larger charges are sharper.

    Parameters
    ----------
    valleys, minima : xr.Dataset
        With charges, ``own_eigenvalue(arm, seed, moment)`` and ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if Spearman's correlation is above zero.
    """
    claim = Claim(
        "C5",
        "Minima whose charges are larger are sharper.",
        SOURCE,
        "Spearman correlation of the mean size of a charge with the largest Hessian eigenvalue, over all minima",
        "minima",
        threshold=0.0,
        direction="above",
    )
    measured = [mean_charge(valleys), valleys["own_eigenvalue"].sel(moment="end", drop=True)]
    selection = select_minima(
        xr.concat(measured, "column", coords="minimal", compat="override"), minima
    )
    charge, sharp = selection.values.reshape(-1, 2).T

    def correlation(counts: NDArray) -> NDArray:
        return spearman(charge, sharp, counts)

    return Question(claim, correlation, selection.strata, {EVERY: len(charge)}, selection.left_out)


def charge_tells_distance(
    valleys: xr.Dataset, distances: xr.Dataset, minima: xr.Dataset
) -> Question:
    """C6: inside arms, minima of more different charges are further apart on the torus.

    Parameters
    ----------
    valleys, distances, minima : xr.Dataset
        With charges, ``distance(pair, stage)`` and ``usable(arm, seed)``.

    Returns
    -------
    Question
        Supported if Spearman's correlation is above zero. The torus is blind to charges: a
        correlation comes from what the two have in common.
    """
    claim = Claim(
        "C6",
        "Minima of one arm whose charges differ more are further apart on the torus, which is blind to charges.",
        f"ours, after {SOURCE}",
        "Spearman correlation of the difference of the charges with the toroidal distance, over pairs inside arms",
        "pairs",
        threshold=0.0,
        direction="above",
    )
    distance = distances["distance"].sel(stage="aligned", drop=True)
    inside = np.flatnonzero(distances["first_arm"].values == distances["second_arm"].values)
    both = xr.concat(
        [charge_distance(valleys, distances), distance],
        "column",
        coords="minimal",
        compat="override",
    )
    selection = select_pairs(both.transpose("pair", "column").isel(pair=inside), minima)
    charge, apart = selection.values.reshape(-1, 2).T

    def correlation(counts: NDArray) -> NDArray:
        return spearman(charge, apart, selection.weights(counts))

    return Question(
        claim, correlation, selection.strata, {"inside arms": len(charge)}, selection.left_out
    )
