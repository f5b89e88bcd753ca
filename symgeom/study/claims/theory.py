"""The claim that is asked of a model with known theory (H6-anchor): its star shape.

The model is the spherical negative perceptron.

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino, Saglietti, "The star-shaped space of
solutions of the spherical negative perceptron", Physical Review Letters 131, 227301, 2023 (arXiv
2305.10623).
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_mean
from symgeom.study.claims.selection import Selection

KINDS = ("robust-typical", "typical-typical")
"""The two kinds of pairs that are compared: of large margin and typical, and both typical."""


def difference_of_kinds(measured: Measured) -> Question:
    """Ask for the barrier from robust to typical solutions minus that between typical ones.

    Solutions of one draw of the constraints share its disorder: the unit is the draw.

    Parameters
    ----------
    measured : Measured
        With ``barrier``, ``kind`` and ``draw`` over pairs in the stage "solutions".

    Returns
    -------
    Question
        The mean over draws of the difference of the mean barriers.
    """
    solutions = measured.stages["solutions"]
    draws = np.unique(solutions["draw"].values)
    differences = np.array([_difference(solutions, draw) for draw in draws])
    known_draws = np.isfinite(differences)
    left_out = [f"draw {draw} (unsolved)" for draw in draws[~known_draws]]
    values = differences[known_draws][:, None]
    strata = np.repeat("perceptron", len(values))
    members = np.arange(len(values))[:, None]
    return ask_mean(Selection(strata, members, values, tuple(left_out)), "the model")


def _difference(solutions: xr.Dataset, draw: int) -> float:
    """Return the difference of the mean barriers of one draw, NaN if a kind has none."""
    of_draw = solutions["draw"].values == draw
    barriers = solutions["barrier"].values
    means = []
    for kind in KINDS:
        of_kind = of_draw & np.isfinite(barriers) & (solutions["kind"].values == kind)
        means.append(barriers[of_kind].mean() if of_kind.any() else np.nan)
    return float(means[0] - means[1])


def size_of_model(measured: Measured) -> Mapping[str, object]:
    """Name the size of the perceptron.

    Parameters
    ----------
    measured : Measured
        With the stage "solutions".

    Returns
    -------
    mapping of str to object
        ``dimension``, ``density`` and ``threshold``.
    """
    attributes = measured.stages["solutions"].attrs
    return {name: attributes[name] for name in ("dimension", "density", "threshold")}


CLAIMS = (
    Claim(
        identifier="H6-anchor",
        statement=(
            "In the spherical negative perceptron, robust solutions reach typical ones along great "
            "circles at a lower barrier than typical ones reach each other."
        ),
        source="Annesi et al., PRL 2023 (arXiv 2305.10623)",
        statistic=(
            "mean barrier (fraction of violated constraints), robust-typical minus "
            "typical-typical; {dimension} dimensions, {density:g} constraints per dimension, "
            "threshold {threshold:g}; mean over draws of the constraints, which are the same in "
            "all studies of this size, so that these count as one"
        ),
        unit_of_n="draws",
        threshold=0.0,
        direction="below",
        stages=("solutions",),
        ask=difference_of_kinds,
        words=size_of_model,
        model="perceptron",
    ),
)
