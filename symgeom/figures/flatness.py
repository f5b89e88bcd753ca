"""Flatness: how the training error rises with multiplicative noise on the weights, and the largest curvatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.figures.parts import columns, key, letter, logarithmic, note, percent, spread
from symgeom.figures.selection import counts, left_out, mean_interval, usable
from symgeom.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOLVED = 1e-3
"""Increase of the error below which the axis is linear; a data set of thousands does not resolve less."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the local energy of each arm against the noise amplitude, and the top Hessian eigenvalues of each minimum.

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
        A page wide.
    """
    minima, flatness = case["minima"].to_dataset(), case["flatness"].to_dataset()
    kept = usable(minima, arms)
    if not any(kept.values()):
        return words("No local energies to show: no minimum can be used. " + left_out(minima, arms))
    shown = [arm for arm in arms if kept[arm]]
    figure, panels = sheet("aab", width=PAGE, height=2.9)
    for arm in shown:
        look, curves = looks(arms)[arm], flatness["local_energy"].sel(arm=arm, seed=kept[arm]).transpose("seed", "amplitude")
        mean, low, high = mean_interval(curves.values, settings["level"])
        amplitude = curves["amplitude"].values
        panels["a"].fill_between(amplitude, low, high, color=look.colour, alpha=0.2, linewidth=0)
        panels["a"].plot(amplitude, mean, color=look.colour, marker=look.marker, linestyle=look.dashes)
    panels["a"].set(
        title="local energy", xlabel="amplitude of the multiplicative weight noise", ylabel="increase of the training error (%)"
    )
    percent(panels["a"], least=RESOLVED)
    panels["a"].set_ylim(bottom=0)
    panels["a"].set_xticks(flatness["amplitude"].values[:: 1 + flatness.sizes["amplitude"] // 10])
    _eigenvalues(panels["b"], flatness["eigenvalue"], {arm: kept[arm] for arm in shown}, arms)
    letter(panels)
    key(figure, counts(kept), arms)
    note(figure, left_out(minima, arms))
    return figure


def _eigenvalues(panel: Axes, eigenvalue: xr.DataArray, kept: Mapping[str, Sequence[int]], arms: Sequence[str]) -> None:
    """Draw one column per arm: a marker for the top eigenvalue of each minimum, dashes for the next ones."""
    for column, (arm, seeds) in enumerate(kept.items()):
        look, values = looks(arms)[arm], eigenvalue.sel(arm=arm, seed=seeds).transpose("seed", "rank").values
        places = column + spread(len(seeds))
        for lower in values.T[1:]:
            panel.plot(places, lower, linestyle="none", marker="_", markersize=4, color=look.colour, alpha=0.6)
        panel.plot(places, values[:, 0], linestyle="none", marker=look.marker, color=look.colour)
    panel.set(title="curvature", ylabel="largest Hessian eigenvalues (nats)")
    logarithmic(panel)
    columns(panel, list(kept))
    spans = np.log10(panel.get_ylim())
    if spans[1] - spans[0] < 1.5:
        panel.set_ylim(10 ** np.floor(spans[0]), 10 ** np.ceil(spans[1]))
