"""Lengths of weights that change no output: noise makes them grow, decay stops them.

(a) Length to the fourth power along SGD of a regression on the direction of its weights, all draws:
without decay it grows by a constant, with decay it comes to the closed form (dashed, one for every
draw). (b) and (c) Lengths of all weights and of both layers of networks with two layers, mean over
draws, over their value at the start. Where both layers have one free length together (b), that of
all weights grows under SGD, while the layers exchange length; where each has one (c), all three
grow. Descent without noise (open markers) stops. After figure 7 of Ziyin et al.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import plain_numbers
from symgeom.study.figures.keys import letter, line, mark
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.style import (
    BROKEN,
    FAINT,
    MUTED,
    PAGE,
    SOLID,
    ordered_looks,
    sheet,
    words,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results


def draw(results: Results) -> Picture:
    """Draw lengths against the step.

    Parameters
    ----------
    results : Results
        With the stage ``free_lengths``.

    Returns
    -------
    Picture
        A page wide.
    """
    free = results.stage("free_lengths")
    if "fourth_power" not in free:
        return words("No lengths to show: networks with free lengths were not followed.")
    figure, panels = sheet("abc", width=PAGE, height=2.9)
    _regressions(panels["a"], free)
    for panel, network in zip("bc", free["network"].values, strict=True):
        _network(panels[panel], free.sel(network=network))
        panels[panel].set_title(f"free length of {network}", fontsize=7.5)
    parts = [str(name) for name in free["part"].values]
    look_of = ordered_looks(parts)
    handles = [mark(look_of[part].marker, part, colour=look_of[part].colour) for part in parts]
    handles += [line(SOLID, "SGD", colour=MUTED), line(BROKEN, "GD", colour=MUTED)]
    panels["b"].legend(handles=handles, fontsize=6.5)
    letter(panels)
    return figure


def _regressions(panel: Axes, free: xr.Dataset) -> None:
    """Draw the regressions."""
    names = [str(name) for name in free["regression"].values]
    look_of = ordered_looks(names)
    for name in names:
        regression = free.sel(regression=name)
        look = look_of[name]
        powers = regression["fourth_power"].transpose("record", "draw").values
        panel.plot(regression["step"].values, powers, color=look.colour, linewidth=0.6)
        if name != names[0]:
            for predicted in regression["predicted"].values:
                panel.axhline(predicted, color=look.colour, linestyle=BROKEN, linewidth=0.6)
    handles = [line(SOLID, name, colour=look_of[name].colour) for name in names]
    panel.legend(handles=handles, fontsize=6.5)
    plain_numbers(panel.xaxis, most=3)
    panel.set(title="regression", xlabel="steps", ylabel="length⁴ (weight⁴)")


def _network(panel: Axes, free: xr.Dataset) -> None:
    """Draw the lengths of a network with two layers."""
    parts = [str(name) for name in free["part"].values]
    look_of = ordered_looks(parts)
    steps = free["network_step"].values
    for method in free["descent"].values:
        noisy = str(method) == "SGD"
        for part in parts:
            look = look_of[part]
            length = free["length"].sel(descent=method, part=part).mean("draw")
            relative = (length / length.isel(network_record=0)).values
            panel.plot(
                steps,
                relative,
                color=look.colour,
                linestyle=SOLID if noisy else BROKEN,
                marker=look.marker,
                markerfacecolor=look.colour if noisy else "none",
                markevery=0.25,
                linewidth=0.9,
            )
    panel.axhline(1, color=FAINT, linewidth=0.6, zorder=0)
    plain_numbers(panel.xaxis, most=3)
    panel.set(xlabel="steps", ylabel="length / length at the start")


FIGURE = Figure(
    name="noise_free_lengths",
    text=__doc__,
    question=THEORY,
    stages=("free_lengths",),
    drawing=draw,
    asked=does_experiment("free_lengths"),
    model="noise_models",
)
