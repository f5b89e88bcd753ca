"""Generalisation: whether flatter minima have the lower test error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from symgeom.study.claims.flatness import mean_local_energy
from symgeom.study.figures.parts import key, note, percent
from symgeom.study.figures.selection import counts, left_out, mean_interval, usable
from symgeom.study.figures.style import COLUMN, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look


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
    panel, shown = panels["a"], {arm: seeds for arm, seeds in kept.items() if seeds}
    mean = mean_local_energy(flatness)
    energies = {arm: mean.sel(arm=arm, seed=seeds).values for arm, seeds in shown.items()}
    for arm, seeds in shown.items():
        _cross(
            panel,
            energies[arm],
            minima["test_error"].sel(arm=arm, seed=seeds).values,
            looks(arms)[arm],
            settings["level"],
        )
    percent(panel)
    panel.set_ylim(bottom=max(0, panel.get_ylim()[0]))
    every = np.concatenate(list(energies.values()))
    if every.min() > 0:
        panel.set_xscale("log")
        panel.set_xlim(every.min() / 1.5, every.max() * 1.5)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panel.xaxis.set_major_formatter(panel.yaxis.get_major_formatter())
    amplitude = flatness["amplitude"].values
    what = "probabilities" if flatness.attrs.get("noise") == "flips" else "amplitudes"
    span = f"{amplitude.min():g} to {amplitude.max():g}"
    panel.set(xlabel=f"local energy, mean over {what} {span} (%)", ylabel="test error (%)")
    key(figure, counts(kept), arms, lines=False)
    note(figure, left_out(minima, arms))
    return figure


def _cross(panel: Axes, energy: NDArray, error: NDArray, look: Look, level: float) -> None:
    """Draw the minima of an arm, and their mean with its intervals."""
    panel.plot(
        energy,
        error,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        alpha=0.55,
        markersize=3.2,
    )
    (x, left, right), (y, low, high) = (mean_interval(values, level) for values in (energy, error))
    panel.plot([left, right], [y, y], color=look.colour, linewidth=1.2)
    panel.plot([x, x], [low, high], color=look.colour, linewidth=1.2)
    panel.plot(
        x,
        y,
        marker=look.marker,
        color=look.colour,
        markersize=6.5,
        markeredgecolor="white",
        zorder=3,
    )
