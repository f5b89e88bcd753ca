"""Whether a larger charge converges faster.

Gradient descent of the two-layer model at one learning rate. (a, d) As published, from starts of
several scales: the charge grows with the scale, but so do the function and the error at the start.
(b, e) The control: one network, its incoming weights multiplied and its outgoing ones divided by
one factor, so that function and error at the start are the same and the charge alone differs; the
further the charge is from zero, on either side, the faster. (c) The radial model at one function:
here a larger charge is slower; (f) against steps over charge all descents are one curve. Q is the
sum of all charges at the start (weight²). Our reconstruction of figures 6 and 7 of Zhao et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic, minus
from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.style import PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results

LEAST = 1e-14
"""Losses below this are rounding and are not drawn."""

ACTIVATIONS = {"identity": "linear", "relu": "ReLU"}
"""Words for the activations of the two rows."""


def draw(results: Results) -> Picture:
    """Draw the loss against the step for several charges.

    Parameters
    ----------
    results : Results
        With the stage ``descents``.

    Returns
    -------
    Picture
        A page wide.
    """
    descents = results.stage("descents")
    if "loss" not in descents:
        return words("No descents to show: the two-layer model was not followed.")
    layout = [
        ["identity scale", "identity function", "radial"],
        ["relu scale", "relu function", "collapsed"],
    ]
    figure, panels = sheet(layout, width=PAGE, height=4.6)
    rate = descents["learning_rate"]
    slowest = np.flatnonzero(rate == rate.min())
    double = descents.sel(precision="double").isel(network=slowest)
    for name in ACTIVATIONS:
        descended = double.sel(activation=name)
        _scales(panels[f"{name} scale"], descended, name)
        _copies(panels[f"{name} function"], descended, name)
    _radial(panels, descents)
    letter(panels)
    start = "Q: sum of all charges at the start (weight²), incoming minus outgoing; "
    note(figure, start + "radial: both added.")
    return figure


def _scales(panel: Axes, descents: xr.Dataset, activation: str) -> None:
    """Draw the descents from starts of several scales, as published."""
    starts = np.flatnonzero(descents["factor"] == 1.0)
    _descents(panel, descents.isel(network=starts).sortby("deviation"))
    panel.set_title(f"{ACTIVATIONS[activation]}, starts of several scales")
    panel.set_ylabel("mean squared error")


def _copies(panel: Axes, descents: xr.Dataset, activation: str) -> None:
    """Draw the descents from rescaled copies of one network."""
    copies = np.flatnonzero(descents["deviation"] == 0.1)
    _descents(panel, descents.isel(network=copies).sortby("factor"))
    panel.set_title(f"{ACTIVATIONS[activation]}, one function")


def _descents(panel: Axes, descents: xr.Dataset) -> None:
    """Draw the loss of each network, with its charge at the start."""
    losses = descents["loss"].transpose("network", "record").values
    charges = descents["charge"].isel(record=0).values
    labels = [_name(charge) for charge in charges]
    _losses(panel, descents["step"].values, losses, labels)
    panel.set_xlabel("steps of descent")


def _radial(panels: Mapping[str, Axes], descents: xr.Dataset) -> None:
    """Draw the radial model against the steps, and against the steps over the charge."""
    steps = descents["radial_step"].values
    charge = descents["radial_charge"].values
    losses = descents["radial_loss"].values
    labels = [_name(value) for value in charge]
    _losses(panels["radial"], steps, losses, labels)
    _losses(panels["collapsed"], steps[None] / charge[:, None], losses, labels)
    panels["radial"].set(title="radial, one function", xlabel="steps of descent")
    panels["collapsed"].set(title="the same against steps / Q", xlabel="steps of descent / Q")
    for name in ("radial", "collapsed"):
        panels[name].set_ylabel("error / length of the targets")


def _name(charge: float) -> str:
    """Name a line by its charge, with three digits."""
    rounded = float(f"{charge:.3g}")
    return minus(f"Q = {rounded:g}")


def _losses(panel: Axes, steps: NDArray, losses: NDArray, labels: Sequence[str]) -> None:
    """Draw one line per charge, from the first step to where rounding begins."""
    look_of = ordered_looks(labels)
    of_each = np.broadcast_to(steps, losses.shape)
    for label, step, loss in zip(labels, of_each, losses, strict=True):
        look = look_of[label]
        shown = (loss > LEAST) & (step > 0)
        panel.plot(
            step[shown],
            loss[shown],
            label=label,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            markevery=0.2,
        )
    panel.set_xscale("log")
    logarithmic(panel)
    panel.legend(loc="lower left", fontsize=6.5)


FIGURE = Figure(
    name="model_rates",
    text=__doc__,
    question=THEORY,
    stages=("descents",),
    drawing=draw,
    asked=asks_for("two_layer"),
    model="two_layer",
)
