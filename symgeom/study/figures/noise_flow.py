"""The path of every charge under SGD: predicted, and measured.

Networks with one hidden layer of 16 ReLU units come to rest by gradient descent, and all their
units are scaled away from balance without a change of the outputs. (a) to (e) Charges of the units
of the first draw from there on: solid as measured, broken as predicted from one measurement of the
gradients at the start. With label noise SGD leads all charges to the noise equilibrium; full
batches, and SGD on labels without noise, keep them. With Adam they drift at first order, of which
nothing is predicted. (f) Median over units of the distance to equilibrium, of every draw. (g)
Change of every charge against what the forces add up to that were measured along training; all
draws; on the diagonal, the prediction is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.style import BROKEN, INK, PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

LAYOUT = ["abcd", "efgg"]
"""A panel for every descent, and two for all."""


def draw(results: Results) -> Picture:
    """Draw predicted and measured paths.

    Parameters
    ----------
    results : Results
        With the stage ``relu_flow``.

    Returns
    -------
    Picture
        A page wide.
    """
    flow = results.stage("relu_flow")
    if "charge" not in flow:
        return words("No paths to show: no charges of ReLU units were followed.")
    descents = [str(name) for name in flow["descent"].values]
    look_of = ordered_looks(descents)
    figure, panels = sheet(LAYOUT, width=PAGE, height=4.6)
    for label, name in zip("abcde", descents, strict=True):
        _paths(panels[label], flow.sel(descent=name), look_of[name])
        panels[label].set_title(name)
    for name in descents:
        of_descent = flow.sel(descent=name)
        _distance(panels["f"], of_descent, look_of[name])
        _changes(panels["g"], of_descent, look_of[name])
    _frame(panels, flow)
    letter(panels)
    numbers = dict.fromkeys(descents, flow.sizes["draw"])
    predicted = line(BROKEN, "predicted from one measurement")
    key(figure, numbers, look_of, heading="descent (draws)", extra=[predicted])
    return figure


def _paths(panel: Axes, descent: xr.Dataset, look: Look) -> None:
    """Draw the charges of the units of one draw, as measured and as predicted."""
    first = descent.isel(draw=0)
    steps = first["step"].values
    panel.plot(steps, first["charge"].values, color=look.colour, linewidth=0.7)
    panel.plot(steps, first["path"].values, color=INK, linestyle=BROKEN, linewidth=0.7)


def _distance(panel: Axes, descent: xr.Dataset, look: Look) -> None:
    """Draw how far the units of every draw are from equilibrium."""
    distances = np.abs(descent["displacement"].transpose("record", "draw", "unit").values)
    medians = np.nanmedian(distances, axis=-1)
    panel.plot(
        descent["step"].values, medians, color=look.colour, linestyle=look.dashes, linewidth=0.8
    )


def _changes(panel: Axes, descent: xr.Dataset, look: Look) -> None:
    """Draw the whole change of every charge against what was predicted along training."""
    last = descent.isel(record=-1)
    predicted = last["predicted"].sum("cause", skipna=False)
    change = last["booked"].sum("cause")
    axes = ("draw", "unit")
    panel.scatter(
        predicted.transpose(*axes).values,
        change.transpose(*axes).values,
        s=9,
        color=look.colour,
        marker=look.marker,
        linewidth=0,
        alpha=0.7,
    )


def _frame(panels: dict[str, Axes], flow: xr.Dataset) -> None:
    """Label the axes; panels of charges share theirs."""
    lowest = float(flow["charge"].isel(draw=0).min())
    highest = float(flow["charge"].isel(draw=0).max())
    margin = 0.05 * (highest - lowest)
    for label in "abcde":
        panels[label].set(ylim=(lowest - margin, highest + margin), xlabel="steps of descent")
    for label in "ae":
        panels[label].set_ylabel("charge (weight²)")
    distance = "median |λ*| (log of scale)"
    panels["f"].set(title="all descents", ylabel=distance, xlabel="steps of descent")
    logarithmic(panels["f"])
    panels["g"].set(
        title="every unit",
        ylabel="change of charge (weight²)",
        xlabel="predicted along training (weight²)",
    )
    panels["g"].axline((0, 0), slope=1, color=INK, linestyle=BROKEN, linewidth=0.7, zorder=0)


FIGURE = Figure(
    name="noise_flow",
    text=__doc__,
    question=THEORY,
    stages=("relu_flow",),
    drawing=draw,
    asked=does_experiment("relu_flow"),
    model="noise_models",
)
