"""The two-layer model: does a larger charge converge faster? As published, and at the same function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import letter, logarithmic, note
from symgeom.study.figures.selection import stage
from symgeom.study.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

LEAST = 1e-14
"""Losses below this are rounding and are not drawn."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the loss against the step for several charges: from starts of several scales, from one function, and the radial model.

    Parameters
    ----------
    case : xr.DataTree
        With the stage ``descents``.
    arms : sequence of str
        Not used: the model has none.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    descents = stage(case, "descents")
    if "loss" not in descents:
        return words("No descents to show: the two-layer model was not followed.")
    layout = [
        ["identity scale", "identity function", "radial"],
        ["relu scale", "relu function", "collapsed"],
    ]
    figure, panels = sheet(layout, width=PAGE, height=4.6)
    same_rate = np.flatnonzero(descents["learning_rate"] == descents["learning_rate"].min())
    slowest = descents.sel(precision="double").isel(network=same_rate)
    for name, shown in (("identity", "linear"), ("relu", "ReLU")):
        chosen = slowest.sel(activation=name)
        scales, copies = (
            np.flatnonzero(chosen[fixed] == value)
            for fixed, value in (("factor", 1.0), ("deviation", 0.1))
        )
        for kind, places, varied in (
            ("scale", scales, "deviation"),
            ("function", copies, "factor"),
        ):
            ordered = chosen.isel(network=places).sortby(varied)
            labels = [
                f"Q = {float(charge):.3g}".replace("-", "−")
                for charge in ordered["charge"].isel(record=0)
            ]
            losses = ordered["loss"].transpose("network", "record").values
            _losses(panels[f"{name} {kind}"], ordered["step"].values, losses, labels)
        panels[f"{name} scale"].set(
            title=f"{shown}, starts of several scales", ylabel="mean squared error"
        )
        panels[f"{name} function"].set(title=f"{shown}, one function")
    steps, charge = descents["radial_step"].values, descents["radial_charge"].values
    labels = [f"Q = {value:.3g}" for value in charge]
    _losses(panels["radial"], steps, descents["radial_loss"].values, labels)
    _losses(
        panels["collapsed"], steps[None] / charge[:, None], descents["radial_loss"].values, labels
    )
    panels["radial"].set(title="radial, one function")
    panels["collapsed"].set(title="the same against steps / Q", xlabel="steps of descent / Q")
    for name in ("radial", "collapsed"):
        panels[name].set_ylabel("error / length of the targets")
    for name, panel in panels.items():
        if name != "collapsed":
            panel.set_xlabel("steps of descent")
    letter(panels)
    note(
        figure,
        "Q: sum of all charges at the start (weight²), incoming minus outgoing; radial: both added.",
    )
    return figure


def _losses(panel: Axes, steps: NDArray, losses: NDArray, labels: Sequence[str]) -> None:
    """Draw one line per charge, from the first step to where rounding begins."""
    steps = np.broadcast_to(steps, losses.shape)
    for look, at, loss, label in zip(looks(labels).values(), steps, losses, labels, strict=True):
        shown = (loss > LEAST) & (at > 0)
        style = {
            "color": look.colour,
            "linestyle": look.dashes,
            "marker": look.marker,
            "markevery": 0.2,
        }
        panel.plot(at[shown], loss[shown], label=label, **style)
    panel.set_xscale("log")
    logarithmic(panel)
    panel.legend(loc="lower left", fontsize=6.5)
