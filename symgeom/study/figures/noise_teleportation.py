"""Teleportation and its controls: what training costs from other points of an orbit.

Small networks train on 512 digits by plain SGD, and after four epochs are moved along their orbits,
which changes no output, by scales of units from e^-bound to e^bound: to the steepest point, the
flattest, the straightest, or to a random corner of the same bound. (a), (b) Compute until the
training loss is 0.2 nat, for two bounds: epochs, and what the search took, in gradients of all
samples. Where markers are missing, a draw did not reach that loss. A move helps if its markers lie
lower at the best learning rate of each, not at one rate alone. (c) Test error in the end, all
trainings having taken as many epochs. Markers are means over draws, bars their intervals; those of
one rate stand beside each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import percent
from symgeom.study.figures.keys import key, letter
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import bars
from symgeom.study.figures.style import PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

APART = 1.03
"""By which factor the markers of one point stand beside those of the one before."""


def draw(results: Results) -> Picture:
    """Draw compute and test errors by learning rate.

    Parameters
    ----------
    results : Results
        With the stage ``teleportation``.

    Returns
    -------
    Picture
        A page wide.
    """
    trainings = results.stage("teleportation")
    if "reached" not in trainings:
        return words("No trainings to show: no network was teleported.")
    figure, panels = sheet("abc", width=PAGE, height=2.7)
    level = results.number("level")
    bounds = trainings["bound"].values
    for label, number in (("a", 0), ("b", -1)):
        _points(panels[label], trainings["reached"].isel(bound=number), level)
        panels[label].set(title=f"bound {bounds[number]:g}")
    highest = max(panels[label].get_ylim()[1] for label in "ab")
    for label in "ab":
        panels[label].set_ylim(0, highest)
    panels["a"].set_ylabel("compute until 0.2 nat (epochs)")
    _points(panels["c"], trainings["error"].isel(bound=-1), level)
    panels["c"].set(title=f"bound {bounds[-1]:g}", ylabel="test error (%)")
    percent(panels["c"])
    letter(panels)
    points = _names(trainings)
    numbers = dict.fromkeys(points, trainings.sizes["draw"])
    key(figure, numbers, ordered_looks(points), heading="from (draws)")
    return figure


def _names(arrays: xr.Dataset | xr.DataArray) -> list[str]:
    """Return the points of the orbit."""
    return [str(name) for name in arrays["point"].values]


def _points(panel: Axes, values: xr.DataArray, level: float) -> None:
    """Draw a quantity of every point by learning rate."""
    names = _names(values)
    look_of = ordered_looks(names)
    rates = values["rate"].values
    for number, name in enumerate(names):
        shift = APART ** (number - (len(names) - 1) / 2)
        of_point = values.sel(point=name).transpose("draw", "rate").values
        bars(panel, shift * rates, of_point, look_of[name], level=level)
    panel.set(xlabel="learning rate", xscale="log")
    panel.set_xticks(rates, [f"{rate:g}" for rate in rates])
    panel.set_xticks([], minor=True)


FIGURE = Figure(
    name="noise_teleportation",
    text=__doc__,
    question=THEORY,
    stages=("teleportation",),
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment("teleportation"),
    model="noise_models",
)
