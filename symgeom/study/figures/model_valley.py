"""Sharpness along the valley, and where networks start on it.

(a) Largest Hessian eigenvalue (of the summed squared error) where descents from starts of several
scales ended, as published: charge and length of the weights grow together. (b) One minimum of the
linear model, moved along its valley by rescaling: same function, other charges; balanced weights
are flattest, in closed form. (c) The sum of all charges at random starts of several sizes (outputs,
units, samples): middle 90 % and mean of the draws, after subtraction of the mean and division by
the standard deviation in closed form; starts of one kind cover a slice of a valley that has no end.
Our reconstruction of figures 4, 5 and 9 of Zhao et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.style import INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

ACTIVATIONS = {"identity": "linear", "relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
"""Words for the activations."""

FLAT = 1e-6
"""Below this, an eigenvalue counts as zero."""


def draw(results: Results) -> Picture:
    """Draw the largest Hessian eigenvalue against the charge, and charges of random starts.

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
    if "eigenvalue" not in descents:
        return words("No minima to show: the two-layer model was not followed.")
    figure, panels = sheet([["scale", "function", "starts"]], width=PAGE, height=2.7)
    _published(panels["scale"], descents)
    _moved(panels["function"], descents)
    _starts(panels["starts"], descents)
    letter(panels)
    note(figure, _dimensions(descents))
    return figure


def _published(panel: Axes, descents: xr.Dataset) -> None:
    """Draw one line per activation, over the scales of the start."""
    for name, look in looks(list(ACTIVATIONS)).items():
        ended = descents.sel(activation=name)
        panel.plot(
            ended["scale"],
            ended["eigenvalue"].max("rank"),
            label=ACTIVATIONS[name],
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
        )
    panel.set(
        title="starts of several scales",
        xlabel="standard deviation of the start",
        ylabel="largest Hessian eigenvalue",
    )
    logarithmic(panel)
    panel.legend(loc="best", fontsize=6.5)


def _moved(panel: Axes, descents: xr.Dataset) -> None:
    """Draw one minimum of the linear model that is moved along its valley."""
    panel.plot(descents["moved_charge"], descents["moved_eigenvalue"], color=INK, marker="o")
    panel.set(
        title="one linear minimum",
        xlabel="charge (weight²)",
        ylabel="largest Hessian eigenvalue",
    )
    logarithmic(panel)


def _starts(panel: Axes, descents: xr.Dataset) -> None:
    """Draw the middle 90 % and the mean of the draws, standardised by their closed forms."""
    deviation = np.sqrt(descents["start_variance"])
    standardised = (descents["start_charge"] - descents["start_mean"]) / deviation
    look_of = looks(list(ACTIVATIONS))
    labels: list[str] = []
    for activation in descents["activation"].values.tolist():
        look = look_of[activation]
        for size in descents["network_size"].values:
            draws = standardised.sel(activation=activation, network_size=size).values
            low, high = np.percentile(draws, [5, 95])
            row = len(labels)
            panel.plot([low, high], [row, row], color=look.colour)
            panel.plot(draws.mean(), row, color=look.colour, marker=look.marker)
            labels.append(f"{ACTIVATIONS[activation]} {size}")
    panel.axvline(0, color=MUTED, linewidth=0.8)
    panel.set_yticks(range(len(labels)), labels, fontsize=6.5)
    panel.invert_yaxis()
    panel.set(title="outputs, units, samples", xlabel="standardised charge")


def _dimensions(descents: xr.Dataset) -> str:
    """Say how many directions at a linear minimum are flat, and how many symmetries reach."""
    eigenvalue = descents["eigenvalue"].sel(activation="identity")
    flat = int((abs(eigenvalue) < FLAT).sum("rank").min())
    linear = int(descents["orbit_dimension"].sel(activation="identity"))
    relu = int(descents["orbit_dimension"].sel(activation="relu"))
    return (
        f"Flat directions at a linear minimum: {flat} of {descents.sizes['rank']}; the matrices of "
        f"its symmetry reach {linear} (scales of ReLU units: {relu})."
    )


FIGURE = Figure(
    name="model_valley",
    text=__doc__,
    question=THEORY,
    stages=("descents",),
    drawing=draw,
    asked=asks_for("two_layer"),
    model="two_layer",
)
