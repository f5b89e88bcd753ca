"""Barriers between arms.

How high the error rises above the straight line between its values at the two ends, along the path
with all symmetries removed (geodesics on the torus; for binary networks, flips in random order);
means over the pairs of each two arms, for the training (a) and the test error (b). On the diagonal
are pairs within an arm. The claim is that pairs of flat minima have the lowest barriers, and that a
flat and a sharp minimum have a lower barrier than two sharp ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import matrix_of_arms
from symgeom.study.figures.series import table
from symgeom.study.figures.style import PAGE, sheet, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

TITLES = {
    "train": "mean barrier of the training error (%)",
    "test": "mean barrier of the test error (%)",
}
"""Titles of the panels, by split."""


def draw(results: Results) -> Picture:
    """Draw the mean barriers of the training and of the test error as matrices of arms.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``paths``.

    Returns
    -------
    Picture
        A page wide.
    """
    from matplotlib.colors import PowerNorm

    from symgeom.study.claims.barriers import full_variant

    paths = results.stage("paths")
    usable = results.usable()
    barriers = 100 * paths["barrier"].sel(variant=full_variant(paths))
    matrices = {}
    for split in TITLES:
        matrices[split] = matrix_of_arms(barriers.sel(split=split).values, paths, usable)
    if not matrices["train"].arms:
        nothing = "No barriers to show: there is no pair of usable minima. "
        return words(nothing + results.left_out())
    top = max(np.nanmax(matrix.means) for matrix in matrices.values())
    figure, panels = sheet([list(TITLES)], width=PAGE, height=3.0)
    for split, matrix in matrices.items():
        scale = PowerNorm(0.4, vmin=0, vmax=top or 1)
        table(panels[split], matrix, form="{:.2f}", scale=scale)
        panels[split].set_title(TITLES[split])
    letter(panels)
    note(figure, results.left_out())
    return figure


FIGURE = Figure(
    name="barrier_matrices",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
)
