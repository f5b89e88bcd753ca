"""Claims about flatness (H1): its order over optimizers, and what it says about generalisation.

References
----------
Pittorino, Ferraro, Perugini, Feinauer, Baldassi, Zecchina, "Deep Networks on Toroids: Removing
Symmetries Reveals the Structure of Flat Regions in the Landscape Geometry", ICML 2022 (arXiv
2202.03038), abstract. Differs from the source: the statistics and thresholds are ours, because the
paper states its findings in words and figures.
"""

from functools import partial

import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.correlation import ask_correlation
from symgeom.study.claims.gates import equal_depth
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_difference
from symgeom.study.claims.scope import noise_words
from symgeom.study.claims.selection import select_minima

PAPER = "Pittorino et al., ICML 2022 (arXiv 2202.03038)"
SOURCE = f"{PAPER}, abstract"


def mean_local_energy(flatness: xr.Dataset) -> xr.DataArray:
    """Return the area under the curve of local energy over the noise amplitude.

    It is divided by the range of the amplitudes, so that it is a mean.

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
    >>> coordinates = {"arm": ["sgd"], "seed": [0], "amplitude": [0.0, 0.1, 0.2]}
    >>> curve = xr.DataArray([[[0.0, 0.2, 0.4]]], coordinates)
    >>> round(mean_local_energy(xr.Dataset({"local_energy": curve})).item(), 6)
    0.2
    """
    curve = flatness["local_energy"].sortby("amplitude")
    if curve.sizes["amplitude"] == 1:
        return curve.isel(amplitude=0, drop=True)
    amplitude = curve["amplitude"].values
    return curve.integrate("amplitude") / (amplitude[-1] - amplitude[0])


def difference_of_energies(measured: Measured, *, first: str, second: str) -> Question:
    """Ask for the mean local energy of one role's minima minus that of another's.

    Parameters
    ----------
    measured : Measured
        With ``local_energy(arm, seed, amplitude)`` in the stage "flatness".
    first, second : str
        The two roles.

    Returns
    -------
    Question
        The difference of the mean local energies.
    """
    energy = mean_local_energy(measured.stages["flatness"])
    selection = select_minima(
        energy, measured.minima_as(first, second), measured.arms(first, second)
    )
    return ask_difference(selection, measured, first=first, second=second)


def energy_and_test_error(measured: Measured) -> Question:
    """Ask how local energy and test error rank the minima of an arm.

    Parameters
    ----------
    measured : Measured
        With ``local_energy(arm, seed, amplitude)`` in the stage "flatness", and ``test_error(arm,
        seed)`` of the minima.

    Returns
    -------
    Question
        Spearman's correlation within arms.
    """
    columns = xr.concat(
        [mean_local_energy(measured.stages["flatness"]), measured.minima["test_error"]],
        "column",
        join="outer",
        coords="minimal",
        compat="override",
    )
    return ask_correlation(select_minima(columns, measured.minima), "the study")


def flatter(identifier: str, first: str, second: str) -> Claim:
    """Claim that one role's minima have a lower local energy than another's.

    Parameters
    ----------
    identifier : str
        Name of the claim.
    first, second : str
        The two roles.

    Returns
    -------
    Claim
        Supported if the difference of the mean local energies is below zero.
    """
    return Claim(
        identifier=identifier,
        statement=f"Minima of {{{first}}} are flatter than those of {{{second}}}.",
        source=SOURCE,
        statistic=(
            f"mean local energy (error fraction), {first} minus {second}; {{noise}}; {{samples}}"
        ),
        unit_of_n="seeds",
        threshold=0.0,
        direction="below",
        stages=("minima", "flatness"),
        ask=partial(difference_of_energies, first=first, second=second),
        words=noise_words,
        gates=equal_depth(first, second),
    )


CLAIMS = (
    flatter("H1a", "flat", "reference"),
    flatter("H1b", "reference", "sharp"),
    Claim(
        identifier="H1c",
        statement="Of the minima of an arm, the flatter ones generalise better.",
        source=SOURCE,
        statistic=(
            "Spearman correlation of local energy with test error within arms, mean over arms, "
            "whichever arm is left out; {noise}; {samples}"
        ),
        unit_of_n="minima",
        threshold=0.0,
        direction="above",
        stages=("minima", "flatness"),
        ask=energy_and_test_error,
        words=noise_words,
    ),
)
