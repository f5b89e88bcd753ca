"""How far networks turn before samples are lost, and barriers beside the room that there is.

These measures have no ceiling at the error of guessing, where barriers and local energies end. (a)
Escape angle along random directions: all units turn at once until the training error has risen by
the points that the study names (5 by default), mean over directions; bars are the standard error
over directions. (b) The same along the geodesics between aligned minima of one arm, from either
end, interpolated on the profile of the error. Hollow symbols are lower bounds: in a, along some
direction the error does not rise so far within a quarter turn; in b, it does not rise so far before
the other minimum, whose distance is shown. (c) Barrier of these geodesics as a share of the
headroom, which is the room between the errors of the ends and that of guessing: at 100 % the path
knows nothing. Larger angles and lower barriers are flatter, but hollow symbols say nothing of the
order of arms. Compare the order in a with that of the local energies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import columns, percent
from symgeom.study.figures.keys import key, letter, mark, note
from symgeom.study.figures.record import FLATNESS, Figure, all_of, asks_for, has_scales
from symgeom.study.figures.selection import counts, pairs_inside
from symgeom.study.figures.series import RESOLVED, dots, spread
from symgeom.study.figures.style import COLUMN, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

GEODESIC = "geodesic both"
"""The variant that is shown: geodesics between aligned networks."""


def draw(results: Results) -> Picture:
    """Draw the escape angles of minima and of pairs, and barriers relative to the headroom.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``flatness`` and ``paths``.

    Returns
    -------
    Picture
        A page wide; a column wide where no arm has two minima.
    """
    usable = results.usable()
    flatness = results.stage("flatness")
    if not usable:
        nothing = "No escape angles to show: no minimum can be used. "
        return words(nothing + results.left_out())
    if "escape_angle" not in flatness:
        return words("No escape angles to show: networks of signs have no directions to turn in.")
    paths = results.stage("paths")
    pairs = pairs_inside(paths, usable)
    look_of = looks(results.arms)
    layout, width = ("abc", PAGE) if pairs else ("a", COLUMN)
    figure, panels = sheet(layout, width=width, height=2.9)
    _random_directions(panels["a"], flatness, usable, look_of)
    if pairs:
        _geodesics(panels["b"], paths, pairs, look_of)
        _barriers(panels["c"], paths, pairs, look_of)
    letter(panels)
    bound = mark("o", "lower bound", fill="white")
    key(figure, counts(usable), look_of, lines=False, extra=[bound])
    note(figure, results.left_out())
    return figure


def _random_directions(
    panel: Axes,
    flatness: xr.Dataset,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one column per arm: a symbol for each minimum, with its standard error."""
    for column, (arm, seeds) in enumerate(usable.items()):
        minima = flatness.sel(arm=arm, seed=seeds)
        angle = minima["escape_angle"].values
        error = minima["escape_angle_standard_error"].values
        x = column + spread(len(seeds))
        panel.vlines(x, angle - error, angle + error, color=look_of[arm].colour, linewidth=0.8)
        _symbols(panel, x, angle, minima["escape_reached"].values == 1, look_of[arm])
    _frame(panel, list(usable), "random directions")


def _geodesics(
    panel: Axes,
    paths: xr.Dataset,
    pairs: Mapping[str, NDArray[np.intp]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one column per arm: a symbol for either end of each pair."""
    geodesics = paths[["escape_angle", "escape_reached"]].sel(geodesic=GEODESIC)
    for column, (arm, members) in enumerate(pairs.items()):
        ends = geodesics.isel(pair=members)
        angle = ends["escape_angle"].transpose("pair", "end").values.ravel()
        reached = ends["escape_reached"].transpose("pair", "end").values.ravel() == 1
        _symbols(panel, column + spread(len(angle)), angle, reached, look_of[arm])
    _frame(panel, list(pairs), "along geodesics")


def _symbols(panel: Axes, x: NDArray, angle: NDArray, reached: NDArray, look: Look) -> None:
    """Draw angles that were reached filled, and lower bounds hollow."""
    dots(panel, x[reached], angle[reached], look, size=3.2)
    dots(panel, x[~reached], angle[~reached], look, size=3.2, fill="white")


def _frame(panel: Axes, arms: Sequence[str], title: str) -> None:
    """Name the columns and the axis of angles, which begins at zero."""
    panel.set(title=title, ylabel="escape angle (rad)")
    panel.set_ylim(bottom=0)
    columns(panel, arms)


def _barriers(
    panel: Axes,
    paths: xr.Dataset,
    pairs: Mapping[str, NDArray[np.intp]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one column per arm: a symbol for each pair."""
    relative = paths["relative_barrier"].sel(variant=GEODESIC, split="train")
    for column, (arm, members) in enumerate(pairs.items()):
        values = relative.isel(pair=members).values
        dots(panel, column + spread(len(values)), values, look_of[arm], size=3.2)
    panel.set(title="barriers on geodesics", ylabel="barrier (% of the headroom)")
    columns(panel, list(pairs))
    percent(panel, least=RESOLVED)
    panel.set_ylim(bottom=0)


FIGURE = Figure(
    name="escapes",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness", "paths"),
    drawing=draw,
    asked=all_of(asks_for("flatness.escape_rise"), has_scales),
)
