"""The claim that can be checked on a model with known theory: the star shape of the spherical negative perceptron (H6).

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino, Saglietti, "The star-shaped space of
solutions of the spherical negative perceptron", Physical Review Letters 131, 227301, 2023 (arXiv
2305.10623).
"""

import numpy as np
import xarray as xr

from symgeom.study.claims.bootstrap import LEVEL, RESAMPLES
from symgeom.study.claims.question import answer, ask_contrast
from symgeom.study.claims.record import Claim
from symgeom.study.claims.selection import Selection

CASE = "perceptron"
"""What the claims table calls the model."""


def judge_perceptron(
    solutions: xr.Dataset, *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Claim:
    """H6-anchor: solutions of large margin reach typical ones along great circles at a lower barrier than these reach each other.

    Parameters
    ----------
    solutions : xr.Dataset
        With ``barrier``, ``first``, ``second`` and ``kind`` over pairs and ``solution_kind`` over
        solutions.
    level : float
        Coverage of the interval.
    resamples : int
        How many bootstrap resamples, over solutions.

    Returns
    -------
    Claim
        Supported if the difference of the mean barriers is below zero.
    """
    attrs = solutions.attrs
    claim = Claim(
        "H6-anchor",
        "In the spherical negative perceptron, robust solutions reach typical ones along great circles at a lower barrier than "
        "typical ones reach each other.",
        "Annesi et al., PRL 2023 (arXiv 2305.10623)",
        "mean barrier (fraction of violated constraints), robust-typical minus typical-typical; "
        f"{attrs['dimension']} dimensions, {attrs['density']:g} constraints per dimension, threshold {attrs['threshold']:g}",
        "pairs",
        threshold=0.0,
        direction="below",
        case=CASE,
    )
    found = np.isfinite(solutions["barrier"].values)
    members = np.stack([solutions[end].values for end in ("first", "second")], axis=1)[found]
    strata = solutions["solution_kind"].values.astype(str)
    selection = Selection(strata, members, solutions["barrier"].values[found][:, None], ())
    kind = solutions["kind"].values[found]
    sides = {name: kind == name for name in ("robust-typical", "typical-typical")}
    return answer(ask_contrast(claim, selection, sides), level=level, resamples=resamples)
