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

from symgeom.study.claims.claim import Claim
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Question, ask_contrast
from symgeom.study.claims.selection import Selection

KINDS = ("robust-typical", "typical-typical")
"""The two kinds of pairs that are compared: of large margin and typical, and both typical."""


def difference_of_kinds(measured: Measured) -> Question:
    """Ask for the barrier from robust to typical solutions minus that between typical ones.

    Parameters
    ----------
    measured : Measured
        With ``barrier``, ``first``, ``second`` and ``kind`` over pairs and ``solution_kind`` over
        solutions in the stage "solutions".

    Returns
    -------
    Question
        The difference of the mean barriers; the interval is over solutions of one draw.
    """
    solutions = measured.stages["solutions"]
    barriers = solutions["barrier"].values
    finite = np.isfinite(barriers)
    ends = [solutions["first"].values, solutions["second"].values]
    members = np.stack(ends, axis=1)[finite]
    strata = solutions["solution_kind"].values.astype(str)
    selection = Selection(strata, members, barriers[finite][:, None], ())
    kind = solutions["kind"].values[finite]
    return ask_contrast(selection, {name: kind == name for name in KINDS})


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
            "threshold {threshold:g}; one draw of the constraints, the same in all studies of this "
            "size, so that these count as one"
        ),
        unit_of_n="pairs",
        threshold=0.0,
        direction="below",
        stages=("solutions",),
        ask=difference_of_kinds,
        words=size_of_model,
        model="perceptron",
    ),
)
