"""Noise equilibria: how far each unit's scale is from where the gradient noise would balance, before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from symgeom.study.figures.parts import columns, key, letter, logarithmic, note
from symgeom.study.figures.selection import counts, grouped, left_out, seen
from symgeom.study.figures.style import INK, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw, per unit group and arm, how the displacements of the units are distributed at the start and at the end of training.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``equilibria``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, equilibria = case["minima"].to_dataset(), case["equilibria"].to_dataset()
    kept, elsewhere = seen(minima, arms)
    groups, remark = grouped(equilibria, "displacement")
    if not kept or not groups:
        nothing = "No noise equilibria to show: no usable minimum that was trained here has a rescaling symmetry."
        return words(" ".join(filter(None, [nothing, left_out(minima, arms), elsewhere])))
    figure, panels = sheet([groups], width=PAGE, height=2.9, sharey=True)
    lost = total = 0
    for group, panel in panels.items():
        for column, (arm, seeds) in enumerate(kept.items()):
            units = np.abs(
                equilibria[f"displacement_{group}"]
                .sel(arm=arm, seed=seeds)
                .transpose("moment", "seed", group)
            )
            for shift, moment, fill in (
                (-0.17, "start", "white"),
                (0.17, "end", looks(arms)[arm].colour),
            ):
                values = units.sel(moment=moment).values.ravel()
                lost, total = lost + int((~np.isfinite(values)).sum()), total + values.size
                _distribution(
                    panel, column + shift, values[np.isfinite(values)], looks(arms)[arm], fill
                )
        panel.set_title(f"{group}: {equilibria.sizes[group]} units per network")
        logarithmic(panel)
        columns(panel, list(kept), rotation=0 if len(kept) < 6 else 35)
    panels[groups[0]].set_ylabel("|λ*|, distance to the equilibrium\n(log of the scale factor)")
    moments = [
        Line2D([], [], linestyle="none", marker="o", color=INK, markerfacecolor=fill, label=moment)
        for moment, fill in (("start", "white"), ("end", INK))
    ]
    letter(panels)
    key(figure, counts(kept), arms, lines=False, extra=moments)
    infinite = (
        f"{lost} of {total} values are left out: units without gradient noise on one side."
        if lost
        else ""
    )
    note(figure, " ".join(filter(None, [infinite, remark, left_out(minima, arms), elsewhere])))
    return figure


def _distribution(panel: Axes, place: float, values: NDArray, look: Look, fill: str) -> None:
    """Draw the median (marker), the middle half (thick) and the middle 90 % (thin) of the units."""
    if len(values) == 0:
        return
    lowest, low, middle, high, highest = np.percentile(values, [5, 25, 50, 75, 95])
    panel.plot([place, place], [lowest, highest], color=look.colour, linewidth=0.8)
    panel.plot(
        [place, place],
        [low, high],
        color=look.colour,
        linewidth=3,
        alpha=0.55,
        solid_capstyle="butt",
    )
    panel.plot(
        place,
        middle,
        marker=look.marker,
        color=look.colour,
        markerfacecolor=fill,
        markersize=4.5,
        zorder=3,
    )
