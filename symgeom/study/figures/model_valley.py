"""The two-layer model: how sharp minima of several charges are, and at which charges networks start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import letter, logarithmic, note
from symgeom.study.figures.selection import stage
from symgeom.study.figures.style import INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = {"identity": "linear", "relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the largest Hessian eigenvalue against the charge, as published and at one function, and charges of random starts.

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
    if "eigenvalue" not in descents:
        return words("No minima to show: the two-layer model was not followed.")
    figure, panels = sheet([["scale", "function", "starts"]], width=PAGE, height=2.7)
    _published(panels["scale"], descents)
    panels["function"].plot(
        descents["moved_charge"], descents["moved_eigenvalue"], color=INK, marker="o"
    )
    panels["function"].set(
        title="one linear minimum", xlabel="charge (weight²)", ylabel="largest Hessian eigenvalue"
    )
    logarithmic(panels["function"])
    _starts(panels["starts"], descents)
    letter(panels)
    flat = int((np.abs(descents["eigenvalue"].sel(activation="identity")) < 1e-6).sum("rank").min())
    linear, relu = (
        int(descents["orbit_dimension"].sel(activation=name)) for name in ("identity", "relu")
    )
    reached = f"the matrices of its symmetry reach {linear} (scales of ReLU units: {relu})"
    note(
        figure,
        f"Flat directions at a linear minimum: {flat} of {descents.sizes['rank']}; {reached}.",
    )
    return figure


def _published(panel: Axes, descents: xr.Dataset) -> None:
    """Draw one line per activation, over the scales of the start."""
    for look, name in zip(looks(list(SHOWN)).values(), SHOWN, strict=True):
        chosen = descents.sel(activation=name)
        style = {"color": look.colour, "linestyle": look.dashes, "marker": look.marker}
        panel.plot(chosen["scale"], chosen["eigenvalue"].max("rank"), label=SHOWN[name], **style)
    panel.set(
        title="starts of several scales",
        xlabel="standard deviation of the start",
        ylabel="largest Hessian eigenvalue",
    )
    logarithmic(panel)
    panel.legend(loc="best", fontsize=6.5)


def _starts(panel: Axes, descents: xr.Dataset) -> None:
    """Draw what is left of the mean in closed form, in its standard deviations: the middle 90 % and the mean of the draws."""
    axes, places, labels = ("activation", "network_size"), [], []
    scaled = (descents["start_charge"] - descents["start_mean"]) / np.sqrt(
        descents["start_variance"]
    )
    for row, (a, s) in enumerate(np.ndindex(*(scaled.sizes[axis] for axis in axes))):
        chosen, look = (
            scaled.isel(activation=a, network_size=s).values,
            list(looks(list(SHOWN)).values())[a],
        )
        low, high = np.percentile(chosen, [5, 95])
        panel.plot([low, high], [row, row], color=look.colour)
        panel.plot(chosen.mean(), row, color=look.colour, marker=look.marker)
        places.append(row)
        labels.append(
            f"{SHOWN[str(descents['activation'].values[a])]} {descents['network_size'].values[s]}"
        )
    panel.axvline(0, color=MUTED, linewidth=0.8)
    panel.set_yticks(places, labels, fontsize=6.5)
    panel.invert_yaxis()
    panel.set(title="outputs, units, samples", xlabel="standardised charge")
