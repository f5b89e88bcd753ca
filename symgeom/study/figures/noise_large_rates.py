"""A large learning rate needs a flat point of the orbit: which starts survive.

Two linear layers with one unit between them learn a function of rank one with noisy labels. The
same fresh networks start as they are (Kaiming's initialisation), at other points of their orbits,
where they compute the same outputs, or after a warm-up at the small learning rate 0.001. Shown is
the fraction of the draws that do not diverge, by learning rate; markers of one rate stand beside
each other. (a) With as many inputs as outputs equal lengths are the point of the smallest trace.
(b) With more inputs they are not. The noise equilibrium of a fresh network, whose error is large,
is another point than that of a trained one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import percent
from symgeom.study.figures.keys import key, letter
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

TICKS = (0.002, 0.005, 0.01, 0.02, 0.05)
"""Learning rates that are written."""

APART = 1.02
"""By which factor the markers of one start stand beside those of the one before."""


def draw(results: Results) -> Picture:
    """Draw which starts survive.

    Parameters
    ----------
    results : Results
        With the stage ``large_rates``.

    Returns
    -------
    Picture
        A page wide.
    """
    rates = results.stage("large_rates")
    if "survived" not in rates:
        return words("No descents to show: no large learning rates were tried.")
    points = [str(name) for name in rates["point"].values]
    look_of = ordered_looks(points)
    figure, panels = sheet("ab", width=PAGE, height=2.7)
    for label, size in zip("ab", rates["size"].values, strict=True):
        of_size = rates.sel(size=size)
        for number, name in enumerate(points):
            shift = APART ** (number - (len(points) - 1) / 2)
            _survivors(panels[label], of_size.sel(point=name), look_of[name], shift)
        panels[label].set(title=str(size), xlabel="learning rate", xscale="log")
        panels[label].set_xticks(TICKS, [f"{rate:g}" for rate in TICKS])
        panels[label].set_xticks([], minor=True)
        percent(panels[label])
    panels["a"].set_ylabel("descents that do not diverge (%)")
    letter(panels)
    numbers = dict.fromkeys(points, rates.sizes["draw"])
    key(figure, numbers, look_of, heading="start (draws)")
    return figure


def _survivors(panel: Axes, descents: xr.Dataset, look: Look, shift: float) -> None:
    """Draw the fraction of the draws that survive each rate."""
    fraction = np.mean(descents["survived"].transpose("rate", "draw").values, axis=1)
    markers = dots(panel, shift * descents["rate"].values, fraction, look)
    markers.set(linestyle=look.dashes, linewidth=0.8)


FIGURE = Figure(
    name="noise_large_rates",
    text=__doc__,
    question=THEORY,
    stages=("large_rates",),
    drawing=draw,
    asked=does_experiment("large_rates"),
    model="noise_models",
)
