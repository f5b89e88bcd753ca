"""From opposite starts to one balance, which the noise of the labels decides.

Two linear layers learn the identity; the labels of half of the outputs have noise of variance ψ,
those of the others 2 − ψ. (a) Squared norm of the incoming over that of the outgoing weights along
the descents of one draw, from starts with large incoming and with large outgoing weights; dashed:
closed form. (b) For one network, entries of the matrix of all balances that SGD shall bring to
zero. (c) The ratio that SGD comes to, from both starts, against the closed form; bars are intervals
over draws. Gradient descent (grey) has no noise, and stays as unbalanced as it starts. Our
reconstruction of figure 2 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, line
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars
from symgeom.study.figures.style import (
    BROKEN,
    COLOURS,
    MUTED,
    PAGE,
    SOLID,
    ordered_looks,
    sheet,
    words,
)
from symgeom.study.stationary import late_mean

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

GREY = "#aaaaaa"
"""Of gradient descent."""

RATIO = "squared norms (incoming / outgoing)"


def draw(results: Results) -> Picture:
    """Draw how two layers come to their balance.

    Parameters
    ----------
    results : Results
        With the stage ``label_noise``.

    Returns
    -------
    Picture
        A page wide.
    """
    descents = results.stage("label_noise")
    if "ratio" not in descents:
        return words("No descents to show: two layers with noisy labels were not followed.")
    figure, panels = sheet("abc", width=PAGE, height=2.9)
    names = [f"ψ = {split:g}" for split in descents["split"].values]
    look_of = ordered_looks(names)
    for number, name in enumerate(names):
        of_split = descents.isel(split=number)
        _paths(panels["a"], of_split, look_of[name])
        _ends(panels["c"], of_split, look_of[name], results.number("level"))
    _entries(panels["b"], descents.isel(split=0, start=0, draw=0))
    panels["a"].set(title="norms on the way", xlabel="steps of descent", ylabel=RATIO)
    panels["b"].set(title="entries of the balance", xlabel="steps of descent")
    panels["b"].set_ylabel("UᵀΓU − WΓWᵀ (loss² / weight²)")
    panels["c"].set(title="norms in the end", xlabel="predicted (incoming / outgoing)")
    panels["c"].set_ylabel(RATIO)
    logarithmic(panels["a"])
    letter(panels)
    extra = [line(BROKEN, "closed form"), line(SOLID, "gradient descent", colour=GREY, width=0.6)]
    numbers = dict.fromkeys(names, descents.sizes["draw"])
    key(figure, numbers, look_of, heading="noise (draws)", extra=extra)
    return figure


def _paths(panel: Axes, descents: xr.Dataset, look: Look) -> None:
    """Draw the ratio of the norms along the descents of one draw."""
    ratio = descents["ratio"].isel(draw=0).transpose("descent", "record", "start")
    steps = descents["step"].values
    panel.plot(steps, ratio.sel(descent="GD").values, color=GREY, linewidth=0.6)
    panel.plot(steps, ratio.sel(descent="SGD").values, color=look.colour, linewidth=0.9)
    panel.axhline(
        float(descents["ratio_theory"]), color=look.colour, linestyle=BROKEN, linewidth=0.9
    )


def _entries(panel: Axes, descents: xr.Dataset) -> None:
    """Draw the entries of the balance of one network."""
    for method, colour in (("GD", GREY), ("SGD", COLOURS[0])):
        entries = descents["entry"].sel(descent=method).transpose("record", "number").values
        panel.plot(descents["step"].values, entries, color=colour, linewidth=0.6)
    panel.set_yscale("symlog", linthresh=1)


def _ends(panel: Axes, descents: xr.Dataset, look: Look, level: float) -> None:
    """Draw the ratio of the norms that SGD comes to against its closed form."""
    theory = float(descents["ratio_theory"])
    ends = late_mean(descents["ratio"].sel(descent="SGD")).transpose("draw", "start")
    predicted = np.full(ends.sizes["start"], theory)
    bars(panel, predicted, ends.values, look, level=level, joined=False)
    panel.axline((1, 1), slope=1, color=MUTED, linestyle=BROKEN, linewidth=0.8, zorder=0)


FIGURE = Figure(
    name="noise_label_noise",
    text=__doc__,
    question=THEORY,
    stages=("label_noise",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("label_noise"),
    model="noise_models",
)
