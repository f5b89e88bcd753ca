"""Sharpness along the valley, and where networks start on it.

(a) Largest Hessian eigenvalue (of the summed squared error) where descents from starts of several
scales ended, as published: charge and length of the weights grow together. (b) One minimum of the
linear model, moved along its valley by rescaling: same function, other charges; balanced weights
are flattest, in closed form. (c) The sum of all charges at random starts of several sizes (outputs,
units, samples; for tanh and sigmoid the sum of potentials): middle 90 % of the draws as a bar and
their mean as a marker, below them in black the mean plus and minus one standard deviation in closed
form. The size decides where on the valley starts lie, and those of one size cover a thin slice of
it: compare the length of the bars with the range of b, and a valley has no end. Our reconstruction
of figures 4, 5 and 9 of Zhao et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.style import INK, MUTED, PAGE, ordered_looks, sheet, words

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
    note(figure, _dimensions(descents), _agreement(descents))
    return figure


def _published(panel: Axes, descents: xr.Dataset) -> None:
    """Draw one line per activation, over the scales of the start."""
    for name, look in ordered_looks(list(ACTIVATIONS)).items():
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
        xlabel="deviation of the start (weight)",
        ylabel="largest Hessian eigenvalue\n(output²/weight²)",
    )
    logarithmic(panel)
    panel.legend(loc="best", fontsize=6.5)


def _moved(panel: Axes, descents: xr.Dataset) -> None:
    """Draw one minimum of the linear model that is moved along its valley."""
    panel.plot(descents["moved_charge"], descents["moved_eigenvalue"], color=INK, marker="o")
    panel.set(
        title="one linear minimum",
        xlabel="charge (weight²)",
        ylabel="largest Hessian eigenvalue\n(output²/weight²)",
    )
    logarithmic(panel)


def _starts(panel: Axes, descents: xr.Dataset) -> None:
    """Draw the middle 90 % and the mean of the draws, and below them the closed forms."""
    look_of = ordered_looks(list(ACTIVATIONS))
    labels: list[str] = []
    for activation in descents["activation"].values.tolist():
        look = look_of[activation]
        for size in descents["network_size"].values:
            starts = descents.sel(activation=activation, network_size=size)
            draws = starts["start_charge"].values
            low, high = np.percentile(draws, [5, 95])
            row = len(labels)
            panel.plot([low, high], [row, row], color=look.colour, linewidth=2)
            panel.plot(draws.mean(), row, color=look.colour, marker=look.marker)
            _closed_form(panel, row + 0.4, starts)
            labels.append(f"{ACTIVATIONS[activation]} {size}")
    panel.axvline(0, color=MUTED, linewidth=0.8)
    panel.set_yticks(range(len(labels)), labels, fontsize=6.5)
    panel.set_ylabel("outputs, units, samples")
    panel.invert_yaxis()
    panel.set(title="random starts", xlabel="charge (weight²)")


def _closed_form(panel: Axes, row: float, starts: xr.Dataset) -> None:
    """Draw the mean plus and minus one standard deviation."""
    mean = float(starts["start_mean"])
    deviation = float(starts["start_variance"]) ** 0.5
    panel.plot([mean - deviation, mean + deviation], [row, row], color=INK, linewidth=0.8)


def _agreement(descents: xr.Dataset) -> str:
    """Say how near the draws are to their closed form."""
    deviation = np.sqrt(descents["start_variance"])
    apart = (descents["start_charge"].mean("draw") - descents["start_mean"]) / deviation
    farthest = float(abs(apart).max())
    return f"Means in c lie within {farthest:.1g} standard deviations of the closed form."


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
