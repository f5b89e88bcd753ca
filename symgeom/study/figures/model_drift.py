"""Charges of the two-layer model under gradient descent.

One start (the authors' seed), three learning rates, full batches. Above: how far the sum of all
charges has moved since the start. Gradient flow would keep it; finite steps move it by an amount
proportional to the learning rate, until the error is small (solid lines: a factor of ten between
neighbouring rates). Dashed: the same in single precision, where rounding takes over at the smallest
rate, so that smaller steps may look worse. Below: the mean squared error. Our reconstruction of
figure 3 of Zhao et al., who used single precision only; their potentials of tanh and sigmoid
contain constants that make relative changes look small, ours begin at zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import TEST, key, letter, line, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.style import PAGE, SOLID, ordered_looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

FLOOR = 1e-12
"""Relative drifts below this are drawn on the lower edge."""

LEAST = 1e-18
"""Losses below this are not shown."""


def draw(results: Results) -> Picture:
    """Draw how far the charges drift, at several learning rates and in two precisions.

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
    if "charge" not in descents:
        return words("No descents to show: the two-layer model was not followed.")
    activations = [str(name) for name in descents["activation"].values]
    above = [f"drift {name}" for name in activations]
    below = [f"loss {name}" for name in activations]
    figure, panels = sheet([above, below], width=PAGE, height=3.9, sharex=True)
    as_published = (descents["deviation"] == 0.1) & (descents["factor"] == 1)
    published = descents.isel(network=np.flatnonzero(as_published))
    rates = [f"{rate:g}" for rate in published["learning_rate"].values]
    look_of = ordered_looks(rates)
    for name in activations:
        drift = panels[f"drift {name}"]
        loss = panels[f"loss {name}"]
        for network, rate in enumerate(rates):
            descent = published.sel(activation=name).isel(network=network)
            _precisions(drift, loss, descent, look_of[rate])
        drift.set(title=name, yscale="log")
        loss.set(xlabel="steps of descent", xscale="log", yscale="log")
    _share(panels, above, "relative change of the charge")
    _share(panels, below, "mean squared error")
    letter(panels)
    precisions = [line(SOLID, "double precision"), line(TEST, "single precision")]
    once = dict.fromkeys(rates, 1)
    key(figure, once, look_of, heading="learning rate (descents)", extra=precisions)
    note(
        figure,
        "Change of the sum of all charges, over the squares (tanh, sigmoid: potentials) that it is "
        "a difference of, added.",
    )
    return figure


def _share(panels: Mapping[str, Axes], row: Sequence[str], label: str) -> None:
    """Give a row of panels one vertical axis."""
    first = panels[row[0]]
    for name in row[1:]:
        panels[name].sharey(first)
        panels[name].tick_params(labelleft=False)
    first.autoscale(axis="y")
    logarithmic(first)
    first.set_ylabel(label)


def _precisions(drift: Axes, loss: Axes, descents: xr.Dataset, look: Look) -> None:
    """Draw one learning rate in both precisions, without the start, whose step is zero."""
    steps = descents["step"].values[1:]
    double = descents.sel(precision="double")
    single = descents.sel(precision="single")
    for panel, followed in ((drift, _moved), (loss, _loss)):
        panel.plot(
            steps,
            followed(double),
            color=look.colour,
            linestyle="-",
            marker=look.marker,
            markevery=0.25,
        )
        panel.plot(steps, followed(single), color=look.colour, linestyle=TEST, linewidth=0.8)


def _moved(descent: xr.Dataset) -> NDArray:
    """Return how far the charge has moved since the start, relative to its size."""
    charge = descent["charge"].values
    moved = np.abs(charge - charge[0])[1:] / float(descent["size"])
    return np.maximum(moved, FLOOR)


def _loss(descent: xr.Dataset) -> NDArray:
    """Return the loss after the start, as far as it is shown."""
    loss = descent["loss"].values[1:]
    return np.where(loss >= LEAST, loss, np.nan)


FIGURE = Figure(
    name="model_drift",
    text=__doc__,
    question=THEORY,
    stages=("descents",),
    drawing=draw,
    asked=asks_for("two_layer"),
    model="two_layer",
)
