"""Claims about flatness (H1): its order over optimizers, and what it says about generalisation.

References
----------
Pittorino, Ferraro, Perugini, Feinauer, Baldassi, Zecchina, "Deep Networks on Toroids: Removing
Symmetries Reveals the Structure of Flat Regions in the Landscape Geometry", ICML 2022 (arXiv
2202.03038), abstract. Differs from the source: the statistics and thresholds are ours, because the
paper states its findings in words and figures.
"""

import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.bootstrap import spearman
from symgeom.study.claims.question import Question, ask_difference, named
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Roles, arms_of, select_minima

SOURCE = "Pittorino et al., ICML 2022 (arXiv 2202.03038), abstract"


def mean_local_energy(flatness: xr.Dataset) -> xr.DataArray:
    """Return the area under the curve of local energy over the noise amplitude, divided by the range of amplitudes.

    Parameters
    ----------
    flatness : xr.Dataset
        With ``local_energy(arm, seed, amplitude)``, the increase of the training error.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        The mean increase of the training error (fraction); with one amplitude, the value there.

    Examples
    --------
    >>> curve = xr.DataArray([[[0.0, 0.2, 0.4]]], {"arm": ["sgd"], "seed": [0], "amplitude": [0.0, 0.1, 0.2]})
    >>> round(mean_local_energy(xr.Dataset({"local_energy": curve})).item(), 6)
    0.2
    """
    curve = flatness["local_energy"].sortby("amplitude")
    if curve.sizes["amplitude"] == 1:
        return curve.isel(amplitude=0, drop=True)
    amplitude = curve["amplitude"].values
    return curve.integrate("amplitude") / (amplitude[-1] - amplitude[0])


def flatter(
    identifier: str,
    flatness: xr.Dataset,
    minima: xr.Dataset,
    roles: Roles,
    *,
    first: str,
    second: str,
) -> Question:
    """H1a, H1b: minima of the first role have a lower local energy than those of the second.

    Parameters
    ----------
    identifier : str
        Name of the claim: "H1a" for flat and reference, "H1b" for reference and sharp.
    flatness, minima : xr.Dataset
        With ``local_energy(arm, seed, amplitude)`` and ``usable(arm, seed)``.
    roles : mapping of str to str or sequence of str
        The arms of each role.
    first, second : str
        The two roles.

    Returns
    -------
    Question
        Supported if the difference of the mean local energies is below zero.
    """
    claim = Claim(
        identifier,
        f"Minima of {named(roles, first)} are flatter than those of {named(roles, second)}.",
        SOURCE,
        f"mean local energy (error fraction), {first} minus {second}",
        "seeds",
        threshold=0.0,
        direction="below",
    )
    selection = select_minima(mean_local_energy(flatness), minima, arms_of(roles, first, second))
    return ask_difference(claim, selection, roles, first=first, second=second)


def flatness_predicts_test_error(flatness: xr.Dataset, minima: xr.Dataset) -> Question:
    """H1c: local energy and test error rank the minima of all arms alike.

    Parameters
    ----------
    flatness, minima : xr.Dataset
        With ``local_energy(arm, seed, amplitude)``, ``usable(arm, seed)`` and ``test_error(arm,
        seed)``.

    Returns
    -------
    Question
        Supported if Spearman's correlation is above zero.
    """
    claim = Claim(
        "H1c",
        "Flatter minima generalise better, across all arms.",
        SOURCE,
        "Spearman correlation of local energy with test error over all minima",
        "minima",
        threshold=0.0,
        direction="above",
    )
    measured = [mean_local_energy(flatness), minima["test_error"]]
    columns = xr.concat(measured, "column", join="outer", coords="minimal", compat="override")
    selection = select_minima(columns, minima)
    energy, error = selection.values.reshape(-1, 2).T

    def correlation(counts: NDArray) -> NDArray:
        return spearman(energy, error, counts)

    return Question(
        claim, correlation, selection.strata, {"the study": len(energy)}, selection.left_out
    )
