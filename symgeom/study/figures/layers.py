"""Layers: in which of them a minimum is flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.flatness import RESOLVED
from symgeom.study.figures.parts import bars, key, letter, logarithmic, note, percent, spread
from symgeom.study.figures.selection import counts, left_out, stage, usable
from symgeom.study.figures.style import FAINT, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {
    "layer_energy": (
        "flatness",
        "noise on one layer at a time",
        "increase of the\ntraining error (%)",
    ),
    "layer_margin": (
        "flatness",
        "change of one layer's weights to the median sample's decision boundary",
        "relative margin",
    ),
    "layer_trace": ("curvature", "one layer's block of the Hessian", "trace (nats/weight²)"),
}
"""Stage, title and axis of every measure."""

ROOMY = 8
"""Up to how many layers there is room for their names in upright letters."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the local energy, the relative margin and the trace of the Hessian by layer, one row each, one line per arm.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima``, ``flatness`` and ``curvature``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide.
    """
    minima = stage(case, "minima")
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    found = {
        name: _median(stage(case, where)[name])
        for name, (where, *_) in MEASURES.items()
        if name in stage(case, where)
    }
    if not kept:
        return words("No layers to compare: no minimum can be used. " + left_out(minima, arms))
    if not found:
        return words("No layers to compare: the study measured the network as a whole only.")
    figure, panels = sheet(
        [[name] for name in found], width=PAGE, height=0.9 + 1.9 * len(found), sharex=True
    )
    for name, panel in panels.items():
        _rows(panel, found[name], kept, arms, settings["level"])
        panel.set(title=MEASURES[name][1], ylabel=MEASURES[name][2])
    if "layer_energy" in panels:
        percent(panels["layer_energy"], least=RESOLVED)
        panels["layer_energy"].set_ylim(bottom=0)
    if "layer_margin" in panels and found["layer_margin"].where(minima["usable"]).notnull().any():
        panels["layer_margin"].set_ylim(bottom=0)
    if "layer_trace" in panels and (found["layer_trace"].where(minima["usable"]).min() > 0).item():
        logarithmic(panels["layer_trace"])
    _names(panel, found[name]["layer"].values.tolist())
    letter(panels)
    key(figure, counts(kept), arms)
    note(figure, left_out(minima, arms))
    return figure


def _median(measured: xr.DataArray) -> xr.DataArray:
    """Return a measure of the median sample, if it was measured at several quantiles."""
    return measured.sel(quantile=0.5) if "quantile" in measured.dims else measured


def _rows(
    panel: Axes,
    measured: xr.DataArray,
    kept: Mapping[str, Sequence[int]],
    arms: Sequence[str],
    level: float,
) -> None:
    """Draw the arms beside each other at every layer."""
    places = np.arange(measured.sizes["layer"])
    for border in places[1:] - 0.5:
        panel.axvline(border, color=FAINT, linewidth=0.5, zorder=0)
    for shift, (arm, seeds) in zip(spread(len(kept), 0.5), kept.items(), strict=True):
        values = measured.sel(arm=arm, seed=seeds).transpose("seed", "layer").values
        bars(panel, places + shift, values, looks(arms)[arm], level=level)
    panel.set_xlim(-0.5, len(places) - 0.5)


def _names(panel: Axes, layers: Sequence[str]) -> None:
    """Name the layers below the last panel, slanted where they are many."""
    style = (
        {}
        if len(layers) <= ROOMY
        else {"rotation": 45, "ha": "right", "rotation_mode": "anchor", "fontsize": 6.5}
    )
    panel.set_xticks(range(len(layers)), layers, **style)
    panel.set_xlabel("layer, from input to output")
