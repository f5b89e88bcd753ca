"""Where in the valley a function is flattest.

Every marker is a network with the function of a minimum (one marker per seed), at other scales of
its units: balanced (all charges zero, the shortest), at the noise equilibrium of SGD without decay,
and the flattest, which has the smallest trace of the Hessian. (a) That trace, (b) the largest
eigenvalue, both relative to the minimum as it was trained (line). The noise equilibrium should lie
below the line and beside the flattest network; the balanced one need not. Two controls are as far
from the minimum as the noise equilibrium: "shuffled" gives its scales to other units of the same
layer, "random" goes in a random direction. Both should lie above the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import columns, compartments, logarithmic
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import DYNAMICS, Figure, has_scales
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

POINTS = ("balanced", "noise", "flattest", "shuffled", "random")
"""The points that are shown, from left to right."""

ARMS_WIDTH = 0.72
"""Share of a column that its arms take."""

SEEDS_WIDTH = 0.5
"""Share of the room of an arm that its seeds take."""


def draw(results: Results) -> Picture:
    """Draw the trace and the largest eigenvalue of the Hessian at points of every orbit.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``orbits``.

    Returns
    -------
    Picture
        A page wide.
    """
    orbits = results.stage("orbits")
    usable = results.usable()
    if not usable or "trace" not in orbits:
        nothing = "No orbits to show: no usable minimum has a rescaling symmetry. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    figure, panels = sheet([["trace", "eigenvalue"]], width=PAGE, height=2.9, sharey=True)
    for name, panel in panels.items():
        _ratios(panel, orbits[name], usable, look_of)
    panels["trace"].set_title(f"trace of the {orbits.attrs.get('matrix', 'Hessian')}")
    panels["eigenvalue"].set_title("largest eigenvalue of the Hessian")
    panels["trace"].set_ylabel("relative to the minimum as trained")
    letter(panels)
    key(figure, counts(usable), look_of, lines=False)
    largest = float(orbits["change"].max())
    note(figure, f"Outputs change by at most {largest:.1g} of their size.", results.left_out())
    return figure


def _ratios(
    panel: Axes,
    measured: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw a column for every point: one marker per seed, arms beside each other."""
    ratios = measured / measured.sel(point="trained", drop=True)
    centers = spread(len(usable), ARMS_WIDTH)
    room = SEEDS_WIDTH * ARMS_WIDTH / len(usable)
    for column, point in enumerate(POINTS):
        for center, (arm, seeds) in zip(centers, usable.items(), strict=True):
            heights = ratios.sel(arm=arm, seed=seeds, point=point).values
            beside = column + center + spread(len(seeds), room)
            dots(panel, beside, heights, look_of[arm], size=2.6)
    panel.axhline(1, color=MUTED, linewidth=0.8, zorder=0)
    columns(panel, POINTS)
    compartments(panel, len(POINTS))
    logarithmic(panel)


FIGURE = Figure(
    name="orbits",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "orbits"),
    drawing=draw,
    asked=has_scales,
)
