"""In the middle of several minima.

The error at the barycentre, on the product of spheres, of so many minima of an arm, all aligned to
the first of them; 1 is the minima themselves. Lines are means over all choices of the first seeds,
thin bars their middle 80 %. (a) Training error, (b) test error. Where solutions form a star with
flat minima in its core, the middle of these is a solution, however many they are. The middle of two
is that of their geodesic. Choices share minima: the claims H6-simplex and H6-simplex-sharp have
intervals, for three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import limits, percent, ticks
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import CONNECTION, Figure, has_scales
from symgeom.study.figures.selection import MIDDLE
from symgeom.study.figures.series import RESOLVED, spread
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

TITLES = {"train": "on training data", "test": "on test data"}
"""Titles of the panels."""

APART = 0.3
"""Over how much of the axis the arms stand beside each other."""


def draw(results: Results) -> Picture:
    """Draw the error in the middle of minima against their number.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``simplices``.

    Returns
    -------
    Picture
        A page wide.
    """
    usable = results.usable()
    simplices = results.stage("simplices")
    members = _members(simplices, usable)
    if not members:
        nothing = "No middle to show: no arm has two usable minima on the torus. "
        return words(nothing + results.left_out())
    figure, panels = sheet("ab", width=PAGE, height=3.0)
    look_of = looks(results.arms)
    places = dict(zip(members, spread(len(members), APART), strict=True))
    for panel, (split, title) in zip(panels.values(), TITLES.items(), strict=True):
        for arm, rows in members.items():
            of_arm = simplices.isel(simplex=rows).sel(split=split)
            _line(panel, of_arm, look_of[arm], places[arm])
        panel.set_xticks([1, *np.unique(simplices["vertices"].values)])
        panel.set(title=title, xlabel="number of minima around the middle")
        panel.set_ylabel("error in the middle (%)")
        percent(panel, least=RESOLVED)
        shown = simplices.isel(simplex=np.concatenate(list(members.values()))).sel(split=split)
        both = np.concatenate([shown["centre_error"].values, shown["vertex_error"].values])
        panel.set_ylim(limits(both, least=RESOLVED))
        panel.set_yticks(ticks(*panel.get_ylim()))
    letter(panels)
    vertices = {arm: len(usable[arm]) for arm in members}
    key(figure, vertices, look_of)
    note(figure, results.left_out())
    return figure


def _members(
    simplices: xr.Dataset, usable: Mapping[str, Sequence[int]]
) -> dict[str, NDArray[np.intp]]:
    """Find the simplices of each arm all of whose vertices can be used."""
    arms = simplices["simplex_arm"].values.tolist()
    seeds = simplices["simplex_seed"].transpose("simplex", "vertex").values.tolist()
    sizes = simplices["vertices"].values.tolist()
    has_centre = simplices["centre_error"].notnull().all("split").values
    rows: dict[str, list[int]] = {arm: [] for arm in usable}
    for row, (arm, vertices, size) in enumerate(zip(arms, seeds, sizes, strict=True)):
        if has_centre[row] and set(vertices[:size]) <= set(usable.get(arm, ())):
            rows[arm].append(row)
    return {arm: np.array(indices) for arm, indices in rows.items() if indices}


def _line(panel: Axes, simplices: xr.Dataset, look: Look, place: float) -> None:
    """Draw the mean error of an arm against the number of minima."""
    sizes = simplices["vertices"].values
    errors = {1: simplices["vertex_error"].values}
    for size in np.unique(sizes).tolist():
        errors[size] = simplices["centre_error"].values[sizes == size]
    for size, values in errors.items():
        low, high = np.percentile(values, MIDDLE)
        panel.vlines(size + place, low, high, color=look.colour, linewidth=1.0, alpha=0.7)
    x = [size + place for size in errors]
    means = [values.mean() for values in errors.values()]
    panel.plot(x, means, color=look.colour, marker=look.marker, linestyle=look.dashes)


FIGURE = Figure(
    name="simplices",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "simplices"),
    drawing=draw,
    asked=has_scales,
)
