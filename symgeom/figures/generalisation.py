"""Generalisation: whether flatter minima have the lower test error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from symgeom.figures.parts import key, note, percent
from symgeom.figures.selection import counts, left_out, mean_interval, usable
from symgeom.figures.style import COLUMN, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.figure import Figure


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the test error of each minimum against its local energy, averaged over the range of amplitudes.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``flatness``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A column wide.
    """
    minima, flatness = case["minima"].to_dataset(), case["flatness"].to_dataset()
    kept = usable(minima, arms)
    if not any(kept.values()):
        return words("No minima to compare: none can be used. " + left_out(minima, arms))
    figure, panels = sheet("a", width=COLUMN, height=3.0)
    panel, number = panels["a"], counts(kept)
    amplitude = flatness["amplitude"].values
    for arm in filter(kept.get, arms):
        look, curves = (
            looks(arms)[arm],
            flatness["local_energy"].sel(arm=arm, seed=kept[arm]).transpose("seed", "amplitude").values,
        )
        energy = np.trapezoid(curves, amplitude) / np.ptp(amplitude) if len(amplitude) > 1 else curves[:, 0]
        error = minima["test_error"].sel(arm=arm, seed=kept[arm]).values
        panel.plot(energy, error, linestyle="none", marker=look.marker, color=look.colour, alpha=0.55, markersize=3.2)
        (x, left, right), (y, low, high) = (mean_interval(values, settings["level"]) for values in (energy, error))
        bars = {"xerr": [[x - left], [right - x]], "yerr": [[y - low], [high - y]]} if number[arm] > 1 else {}
        panel.errorbar(
            x, y, **bars, color=look.colour, marker=look.marker, markersize=6.5, markeredgecolor="white", elinewidth=1.2,
            linestyle="none", zorder=3,         )  # fmt: skip
    percent(panel)
    if panel.dataLim.minposx <= panel.dataLim.x0:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.xaxis.set_major_formatter(panel.yaxis.get_major_formatter())
    span = f"{amplitude.min():g} to {amplitude.max():g}"
    panel.set(xlabel=f"local energy, mean over amplitudes {span} (%)", ylabel="test error (%)")
    key(figure, number, arms, lines=False)
    note(figure, left_out(minima, arms))
    return figure
