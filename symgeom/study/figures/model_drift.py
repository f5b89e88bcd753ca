"""The two-layer model: how far finite steps move a charge, and how far rounding does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from symgeom.study.figures.parts import TEST, key, letter, logarithmic, note
from symgeom.study.figures.selection import stage
from symgeom.study.figures.style import INK, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR, LEAST = 1e-12, 1e-18
"""Relative drifts below the first are drawn on the lower edge; losses below the second are not shown."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the drift of the sum of the charges against the step, at several learning rates and in two precisions, above the loss.

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
    if "charge" not in descents:
        return words("No descents to show: the two-layer model was not followed.")
    activations = [str(name) for name in descents["activation"].values]
    first, again = ([f"{row} {name}" for name in activations] for row in ("drift", "loss"))
    figure, panels = sheet([first, again], width=PAGE, height=3.9, sharex=True)
    published = descents.isel(
        network=np.flatnonzero((descents["deviation"] == 0.1) & (descents["factor"] == 1))
    )
    rates = {f"{rate:g}": k for k, rate in enumerate(published["learning_rate"].values)}
    for name in activations:
        for rate, k in rates.items():
            chosen = published.sel(activation=name).isel(network=k)
            _course(panels[f"drift {name}"], panels[f"loss {name}"], chosen, looks(rates)[rate])
        panels[f"drift {name}"].set(title=name, ylim=(FLOOR, 1e-1))
        panels[f"drift {name}"].set_yscale("log")
        panels[f"loss {name}"].set(xlabel="steps of descent", ylim=(LEAST, 1e2))
        panels[f"loss {name}"].set_xscale("log")
    for row in (first, again):
        for inner in row[1:]:
            panels[inner].sharey(panels[row[0]])
            panels[inner].tick_params(labelleft=False)
        logarithmic(panels[row[0]])
    panels[first[0]].set_ylabel("relative change of the charge")
    panels[again[0]].set_ylabel("mean squared error")
    letter(panels)
    precisions = (("double", "-"), ("single", TEST))
    lines = [
        Line2D([], [], color=INK, linestyle=dashes, label=f"{name} precision")
        for name, dashes in precisions
    ]
    key(
        figure,
        dict.fromkeys(rates, 1),
        list(rates),
        heading="learning rate (descents)",
        extra=lines,
    )
    note(
        figure,
        "Change of the sum of all charges, over the squares (tanh, sigmoid: potentials) that it is a difference of, added.",
    )
    return figure


def _course(drift: Axes, loss: Axes, descents: xr.Dataset, look: object) -> None:
    """Draw one learning rate: both precisions, without the start, whose step is zero."""
    steps = descents["step"].values[1:]
    for precision, dashes in (("double", "-"), ("single", TEST)):
        chosen = descents.sel(precision=precision)
        moved = np.abs(chosen["charge"].values - chosen["charge"].values[0])[1:] / float(
            chosen["size"]
        )
        marker = (
            {"marker": look.marker, "markevery": 0.25}
            if precision == "double"
            else {"linewidth": 0.8}
        )
        drift.plot(steps, np.maximum(moved, FLOOR), color=look.colour, linestyle=dashes, **marker)
        loss.plot(steps, chosen["loss"].values[1:], color=look.colour, linestyle=dashes, **marker)
