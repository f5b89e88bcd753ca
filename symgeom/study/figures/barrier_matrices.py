"""Barriers between arms: how high the error rises between minima of any two arms, all symmetries removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import PowerNorm

from symgeom.study.claims.barriers import full_variant
from symgeom.study.figures.parts import letter, note, table
from symgeom.study.figures.selection import left_out, matrix, usable
from symgeom.study.figures.style import PAGE, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.figure import Figure


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the mean barriers of the training and of the test error as matrices of arms.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``paths``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, paths = case["minima"].to_dataset(), case["paths"].to_dataset()
    barriers, kept = 100 * paths["barrier"].sel(variant=full_variant(paths)), usable(minima, arms)
    matrices = {
        split: matrix(barriers.sel(split=split).values, paths, kept) for split in ("train", "test")
    }
    if not matrices["train"][0]:
        return words(
            "No barriers to show: there is no pair of usable minima. " + left_out(minima, arms)
        )
    figure, panels = sheet([list(matrices)], width=PAGE, height=3.0)
    top = max(np.nanmax(means) for _, means, _ in matrices.values())
    for split, (found, means, numbers) in matrices.items():
        table(
            panels[split],
            found,
            means,
            numbers,
            form="{:.2f}",
            scale=PowerNorm(0.4, vmin=0, vmax=top or 1),
        )
        panels[split].set_title(
            f"mean barrier of the {split}{'ing' if split == 'train' else ''} error (%)"
        )
    letter(panels)
    note(figure, left_out(minima, arms))
    return figure
