"""Claims about points of one orbit: where in the valley a function is flattest (N2).

Each compares networks of one function that differ by the scales of their units, and by the matrices
that may mix them (within heads of attention, between linear layers), minimum by minimum.
The controls are as far from the minimum as the noise equilibrium: in a random direction
(N2-random), and at the same scales on other units (N2-shuffled). A prototype had shown all of this
on digits before the thresholds were fixed: a study of digits is no independent test.

References
----------
Ziyin, Wang, Li, Wu, "Parameter Symmetry and Noise Equilibrium of Stochastic Gradient Descent",
NeurIPS 2024 (arXiv 2402.07193), theorem 4.3, for the equilibrium. That it is next to the flattest
point of the valley is ours: at a minimum of the cross entropy the covariance of the sample
gradients is nearly the Hessian, and the equilibrium minimises its trace.
"""

from collections.abc import Mapping
from functools import partial
from typing import cast

import numpy as np
import xarray as xr

from symgeom.study.claims.averages import ask_over_arms
from symgeom.study.claims.claim import Claim
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_mean
from symgeom.study.claims.selection import Selection, select_minima

SOURCE = "ours, after Ziyin et al., NeurIPS 2024 (arXiv 2402.07193), theorem 4.3"

NEAR = 0.25
"""How far above the smallest trace of the orbit counts as next to it, in octaves: 19 %."""


def _octaves(
    measured: Measured, variable: str, point: str, other: str, arms: tuple[str, ...] | None = None
) -> Selection:
    """Return how far a measure at one point of the orbit is above that at another, in octaves."""
    values = measured.stages["orbits"][variable]
    here = values.sel(point=point, drop=True)
    there = values.sel(point=other, drop=True)
    octaves = cast(xr.DataArray, np.log2(here / there))
    return select_minima(octaves, measured.minima, arms)


def ratio_of_points(measured: Measured, *, variable: str, point: str, other: str) -> Question:
    """Ask how much larger a measure is at one point of the orbit than at another.

    Parameters
    ----------
    measured : Measured
        With the variable over (arm, seed, point) in the stage "orbits".
    variable : str
        What was measured.
    point, other : str
        The two points.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio.
    """
    return ask_over_arms(_octaves(measured, variable, point, other), "all minima")


def ratio_of_reference(measured: Measured, *, variable: str, point: str, other: str) -> Question:
    """Ask the same of the minima of the reference alone.

    Parameters
    ----------
    measured, variable, point, other
        As for :func:`ratio_of_points`.

    Returns
    -------
    Question
        The mean logarithm (base 2) of the ratio.
    """
    selection = _octaves(measured, variable, point, other, measured.arms("reference"))
    return ask_mean(selection, measured.named("reference"))


def has_orbits(measured: Measured) -> bool:
    """Say whether networks could be moved along their orbits.

    Parameters
    ----------
    measured : Measured
        With the stage "orbits".

    Returns
    -------
    bool
        Whether anything was measured there.
    """
    return measured.has_any("orbits", "trace")


def matrix_words(measured: Measured) -> Mapping[str, object]:
    """Return the words of a sentence about traces.

    Parameters
    ----------
    measured : Measured
        With the stage "orbits".

    Returns
    -------
    mapping of str to object
        Whether the trace is that of the Hessian.
    """
    return {"matrix": measured.stages["orbits"].attrs.get("matrix", "Hessian")}


OF_ORBITS = partial(
    Claim,
    source=SOURCE,
    unit_of_n="minima",
    threshold=0.0,
    stages=("minima", "orbits"),
    applies=has_orbits,
    words=matrix_words,
)
"""A claim about points of orbits."""

CLAIMS = (
    OF_ORBITS(
        identifier="N2-trace",
        statement=(
            "At one function, the noise equilibrium (without decay) is flatter than the minimum "
            "as trained, by the trace."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} at the noise equilibrium over that of the "
            "network as trained; mean over arms, whichever arm is left out"
        ),
        direction="below",
        ask=partial(ratio_of_points, variable="trace", point="noise", other="trained"),
    ),
    OF_ORBITS(
        identifier="N2-trace-balanced",
        statement=(
            "At one function, the noise equilibrium is flatter than the balanced network, where "
            "all charges are zero, by the trace."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} at the noise equilibrium over that of the "
            "balanced network; mean over arms, whichever arm is left out"
        ),
        direction="below",
        ask=partial(ratio_of_points, variable="trace", point="noise", other="balanced"),
    ),
    OF_ORBITS(
        identifier="N2-top",
        statement=(
            "At one function, the noise equilibrium is flatter than the minimum as trained, by "
            "the largest eigenvalue."
        ),
        statistic=(
            "mean log2 of the largest Hessian eigenvalue at the noise equilibrium over that of "
            "the network as trained; mean over arms, whichever arm is left out"
        ),
        direction="below",
        ask=partial(ratio_of_points, variable="eigenvalue", point="noise", other="trained"),
    ),
    OF_ORBITS(
        identifier="N2-top-balanced",
        statement=(
            "At one function, the noise equilibrium is flatter than the balanced network, by "
            "the largest eigenvalue."
        ),
        statistic=(
            "mean log2 of the largest Hessian eigenvalue at the noise equilibrium over that of "
            "the balanced network; mean over arms, whichever arm is left out"
        ),
        direction="below",
        ask=partial(ratio_of_points, variable="eigenvalue", point="noise", other="balanced"),
    ),
    OF_ORBITS(
        identifier="N2-flattest",
        statement=(
            "The noise equilibrium is next to the flattest point of the valley: its trace is at "
            "most a quarter of an octave (19 %) above the smallest of all networks of the "
            "function."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} at the noise equilibrium over the smallest "
            "on the orbit; mean over arms, whichever arm is left out"
        ),
        threshold=NEAR,
        direction="below",
        ask=partial(ratio_of_points, variable="trace", point="noise", other="flattest"),
    ),
    OF_ORBITS(
        identifier="N2-decay",
        statement=(
            "Weight decay alone would lead minima of {reference} to a sharper network of the "
            "same function."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} of the balanced network over that of the "
            "network as trained"
        ),
        unit_of_n="seeds",
        direction="above",
        ask=partial(ratio_of_reference, variable="trace", point="balanced", other="trained"),
    ),
    OF_ORBITS(
        identifier="N2-shuffled",
        statement=(
            "At one function, the scales that lead to the noise equilibrium make minima sharper "
            "if other units of the layer get them."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} over that of the network as trained, at the "
            "scales of the noise equilibrium in random order within each group; mean over arms, "
            "whichever arm is left out"
        ),
        direction="above",
        ask=partial(ratio_of_points, variable="trace", point="shuffled", other="trained"),
    ),
    OF_ORBITS(
        identifier="N2-random",
        statement=(
            "At one function, a random move as far as the noise equilibrium makes minima sharper."
        ),
        statistic=(
            "mean log2 of the trace of the {matrix} over that of the network as trained, as far "
            "away as the noise equilibrium in a random direction; mean over arms, whichever arm "
            "is left out"
        ),
        direction="above",
        ask=partial(ratio_of_points, variable="trace", point="random", other="trained"),
        kind="check",
    ),
)
