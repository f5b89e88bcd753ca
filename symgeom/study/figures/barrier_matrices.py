"""Barriers between arms.

How high the error rises above the straight line between its values at the two ends, along the path
with all symmetries removed (geodesics on the torus; for binary networks, flips in random order);
means over the pairs of each two arms, for the training (a) and the test error (b). On the diagonal
are pairs within an arm. Where fewer than half of the pairs of arms were joined, each kind of pairs
has a column instead: the mean as a marker, and the middle 80 % of the pairs as a bar; filled
markers are pairs within an arm, hollow ones pairs of two arms. The claim is that pairs of flat
minima have the lowest barriers, and that a flat and a sharp minimum have a lower barrier than two
sharp ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import ROOMY, columns, percent
from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import MIDDLE, matrix_of_arms, pair_kinds
from symgeom.study.figures.series import dots, table
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.selection import Matrix, PairKind
    from symgeom.study.figures.style import Look

TITLES = {
    "train": "mean barrier of the training error (%)",
    "test": "mean barrier of the test error (%)",
}
"""Titles of the panels, by split."""

BESIDE = 6
"""Kinds of pairs whose numbers have room where two panels stand side by side."""

HIGH = 0.75
"""Share of a panel above which marks leave no room for numbers at its top."""


def draw(results: Results) -> Picture:
    """Draw the mean barriers of the training and of the test error as matrices of arms.

    If most pairs of arms were not joined, each kind of pairs has a column instead of a cell.

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
    barriers = paths["barrier"].sel(variant=full_variant(paths))
    matrices = {}
    for split in TITLES:
        matrices[split] = matrix_of_arms(100 * barriers.sel(split=split).values, paths, usable)
    if not matrices["train"].arms:
        nothing = "No barriers to show: there is no pair of usable minima. "
        return words(nothing + results.left_out())
    if _sparse(matrices["train"]):
        return _strips(results, barriers)
    top = max(np.nanmax(matrix.means) for matrix in matrices.values())
    count = len(matrices["train"].arms)
    crowded = count > ROOMY
    layout = [[split] for split in TITLES] if crowded else [list(TITLES)]
    height = 8.0 if crowded else max(3.0, 1.4 + 0.32 * count)
    figure, panels = sheet(layout, width=PAGE, height=height)
    for split, matrix in matrices.items():
        scale = PowerNorm(0.4, vmin=0, vmax=top or 1)
        table(panels[split], matrix, form="{:.2f}", scale=scale)
        panels[split].set_title(TITLES[split])
    letter(panels)
    note(figure, results.left_out())
    return figure


def _sparse(matrix: Matrix) -> bool:
    """Tell whether a matrix would be dashes: most cells beside the diagonal are empty."""
    size = len(matrix.arms)
    measured = np.count_nonzero(matrix.numbers) - np.count_nonzero(np.diag(matrix.numbers))
    return bool(measured < size * (size - 1) / 2)


def _strips(results: Results, barriers: xr.DataArray) -> Picture:
    """Draw a column for each kind of pairs that were joined."""
    kinds = pair_kinds(results.stage("paths"), results.usable())
    crowded = len(kinds) > BESIDE
    layout = [[split] for split in TITLES] if crowded else [list(TITLES)]
    height = 6.0 if crowded else 3.0
    figure, panels = sheet(layout, width=PAGE, height=height, sharey=True)
    look_of = looks(results.arms)
    names = []
    for kind in kinds:
        alone = kind.first == kind.second
        names.append(kind.first if alone else f"{kind.first}–{kind.second}")
    for split, panel in panels.items():
        values = barriers.sel(split=split).values
        for column, kind in enumerate(kinds):
            _strip(panel, column, values[kind.members], look_of[kind.first], kind)
        panel.set_title(TITLES[split])
        panel.margins(y=0.25)
        percent(panel, least=1e-3)
        panel.set_ylim(bottom=0)
        columns(panel, names)
        _write_numbers(panel, values, kinds)
    for name, panel in panels.items():
        if crowded or name == "train":
            panel.set_ylabel("barrier (%)")
    letter(panels)
    note(figure, results.left_out())
    return figure


def _strip(panel: Axes, column: int, barrier: NDArray, look: Look, kind: PairKind) -> None:
    """Draw the mean and the middle 80 % of the pairs of a kind."""
    low, high = np.percentile(barrier, MIDDLE)
    mean = barrier.mean()
    panel.plot([column, column], [low, high], color=look.colour, linewidth=1.4)
    dots(panel, column, mean, look, fill=None if kind.first == kind.second else "white", size=5)


def _write_numbers(panel: Axes, barriers: NDArray, kinds: Sequence[PairKind]) -> None:
    """Write the mean of every kind and n, above the marks, or below where marks are high."""
    highest = max(np.percentile(barriers[kind.members], MIDDLE[1]) for kind in kinds)
    _, on_screen = panel.transData.transform((0, highest))
    _, share = panel.transAxes.inverted().transform((0, on_screen))
    height, align = (0.03, "bottom") if share > HIGH else (0.99, "top")
    for column, kind in enumerate(kinds):
        barrier = barriers[kind.members]
        panel.annotate(
            f"{100 * barrier.mean():.2f}\nn = {len(barrier)}",
            (column, height),
            xycoords=("data", "axes fraction"),
            ha="center",
            va=align,
            fontsize=6.5,
        )


FIGURE = Figure(
    name="barrier_matrices",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
)
