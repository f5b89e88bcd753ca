"""Whether flatter minima generalise better.

Test error against local energy (the mean of its curve over the amplitudes, or over the
probabilities of a flip). The horizontal axis is logarithmic. Small markers are single minima; large
markers are the means of the arms with Student's intervals over seeds, cut at the edges of the
panel. The claim is a cloud that rises to the right. A test set of a few hundred samples makes steps
of several tenths of a percent, so that the spread within an arm is partly the test set's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic_below, percent, percent_below
from symgeom.study.figures.keys import key, note
from symgeom.study.figures.record import FLATNESS, Figure
from symgeom.study.figures.selection import counts, mean_interval
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import COLUMN, looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


def draw(results: Results) -> Picture:
    """Draw the test error of each minimum against its mean local energy.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``flatness``, and the setting ``level``.

    Returns
    -------
    Picture
        A column wide.
    """
    from symgeom.study.claims.flatness import mean_local_energy

    minima = results.minima
    flatness = results.stage("flatness")
    usable = results.usable()
    if not usable:
        return words("No minima to compare: none can be used. " + results.left_out())
    look_of = looks(results.arms)
    mean = mean_local_energy(flatness)
    figure, panels = sheet("a", width=COLUMN, height=3.0)
    panel = panels["a"]
    energies = []
    for arm, seeds in usable.items():
        energy = mean.sel(arm=arm, seed=seeds).values
        error = minima["test_error"].sel(arm=arm, seed=seeds).values
        _cross(panel, energy, error, look_of[arm], results.number("level"))
        energies.append(energy)
    percent(panel)
    panel.set_ylim(bottom=max(0, panel.get_ylim()[0]))
    logarithmic_below(panel, np.concatenate(energies))
    percent_below(panel)
    panel.set(xlabel=_across(flatness), ylabel="test error (%)")
    key(figure, counts(usable), look_of, lines=False)
    note(figure, results.left_out())
    return figure


def _across(flatness: xr.Dataset) -> str:
    """Say over what the local energy is averaged."""
    amplitude = flatness["amplitude"].values
    flips = flatness.attrs.get("noise") == "flips"
    noises = "probabilities" if flips else "amplitudes"
    span = f"{amplitude.min():g} to {amplitude.max():g}"
    return f"local energy (%),\nmean over {noises} {span}"


def _cross(panel: Axes, energy: NDArray, error: NDArray, look: Look, level: float) -> None:
    """Draw the minima of an arm, and their mean with its intervals."""
    minima = dots(panel, energy, error, look, size=3.2)
    minima.set_alpha(0.55)
    x, left, right = mean_interval(energy, level)
    y, low, high = mean_interval(error, level)
    panel.plot([left, right], [y, y], color=look.colour, linewidth=1.2)
    panel.plot([x, x], [low, high], color=look.colour, linewidth=1.2)
    panel.plot(
        x,
        y,
        marker=look.marker,
        color=look.colour,
        markersize=6.5,
        markeredgecolor="white",
        zorder=3,
    )


FIGURE = Figure(
    name="generalisation",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness"),
    drawing=draw,
    settings=("claims.level",),
)
