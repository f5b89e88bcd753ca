"""Barriers between minima of one arm, for each kind of path and combination of removed symmetries.

Error along the path between two minima, mean over pairs: solid for the training set (bands are the
middle 80 % of the pairs), dashed for the test set. In the second row the permutations of units are
removed; from left to right: raw weights, scales removed and straight paths, scales removed and
geodesics on the torus. The claim is that both removals are needed: panel f should be the lowest.
Compare the columns within a row to see what the scales do once the units are matched, and the
colours within a panel to see which arms lie in one basin. A third row, where a study has one,
varies panel f: units matched in a single pass from input to output, as in the paper, and geodesics
along which the variance of every layer's activations is repaired. Binary networks have four panels:
the signs of interpolated latent weights and flips in random order, as trained (above) and with
units matched (below). The error axis is linear below 0.1 %. The dotted line is the error of
untrained networks: where the curves of all arms come near it, barriers are at their ceiling and
tell no arms apart, and a line below the figure says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import percent
from symgeom.study.figures.keys import key, letter, line, note, splits
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import pairs_inside
from symgeom.study.figures.series import profile
from symgeom.study.figures.style import MUTED, PAGE, Dashes, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

CEILING = 0.9
"""Above this share of the error of untrained networks, a barrier is at its ceiling."""

UNTRAINED: Dashes = (0, (1, 1.5))
"""Dashes of the error of untrained networks."""

EMPTY = "."
"""Where there is no panel."""


def draw(results: Results) -> Picture:
    """Draw the error against the position along the path: a panel per variant, a line per arm.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``paths``.

    Returns
    -------
    Picture
        A page wide.
    """
    paths = results.stage("paths")
    pairs = pairs_inside(paths, results.usable())
    if not pairs:
        nothing = "No paths to show: no arm has two usable minima. "
        return words(nothing + results.left_out())
    t = paths["t"].values
    look_of = looks(results.arms)
    figure, panels = _sheet(paths)
    untrained = _untrained(results.minima)
    ceilings = []
    for variant, panel in panels.items():
        error = paths["error"].sel(variant=variant).transpose("split", "pair", "t")
        train = error.sel(split="train").values
        test = error.sel(split="test").values
        for arm, members in pairs.items():
            profile(panel, t, train[members], test[members], look_of[arm])
        panel.set_title(paths["variant_title"].sel(variant=variant).item())
        percent(panel, least=1e-3)
        panel.set_ylim(bottom=0)
        panel.axhline(untrained, color=MUTED, linewidth=0.8, linestyle=UNTRAINED, zorder=0)
        peaks = [train[members].mean(0).max() for members in pairs.values()]
        ceilings.append(min(peaks) > CEILING * untrained)
    letter(panels)
    numbers = {arm: len(members) for arm, members in pairs.items()}
    extra = [*splits(), *_of_untrained(untrained)]
    key(figure, numbers, look_of, heading="arm (pairs)", extra=extra)
    note(figure, _at_the_ceiling(ceilings), results.left_out())
    return figure


def _of_untrained(error: float) -> list[Artist]:
    """Return what the legend says of untrained networks, if their error is known."""
    if not np.isfinite(error):
        return []
    return [line(UNTRAINED, "untrained", colour=MUTED, width=0.8)]


def _untrained(minima: xr.Dataset) -> float:
    """Return the median training error of the networks before training; NaN if none was seen."""
    if "history_error" not in minima:
        return np.nan
    first = minima["history_error"].isel(epoch=0).values
    seen = first[np.isfinite(first)]
    return float(np.median(seen)) if len(seen) else np.nan


def _at_the_ceiling(ceilings: Sequence[bool]) -> str:
    """Name the panels in which every arm is near the error of untrained networks."""
    letters = [chr(ord("a") + number) for number, high in enumerate(ceilings) if high]
    if not letters:
        return ""
    return (
        f"At the ceiling: {', '.join(letters)}; the training error of every arm comes within "
        f"{100 * (1 - CEILING):.0f} % of that of untrained networks."
    )


def _sheet(paths: xr.Dataset) -> tuple[Picture, dict[str, Axes]]:
    """Make the panels of the variants that were measured, with words at the outer axes only."""
    layout = _layout(paths)
    height = 0.5 + 1.9 * len(layout)
    figure, panels = sheet(layout, width=PAGE, height=height, sharex=True, sharey=True)
    for row in layout:
        panels[row[0]].set_ylabel("error (%)")
    for variant in _lowest(layout):
        panels[variant].set_xlabel("position along the path, t")
        panels[variant].tick_params(labelbottom=True)
    first = panels[layout[0][0]]
    first.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    return figure, panels


def _layout(paths: xr.Dataset) -> list[list[str]]:
    """Return the rows of variants that were measured, all equally long."""
    rows: dict[int, list[str]] = {}
    for variant in paths["variant"].values.tolist():
        row = int(paths["variant_row"].sel(variant=variant))
        rows.setdefault(row, []).append(variant)
    across = max(len(row) for row in rows.values())
    return [rows[row] + [EMPTY] * (across - len(rows[row])) for row in sorted(rows)]


def _lowest(layout: Sequence[Sequence[str]]) -> list[str]:
    """Return the variants with no panel below them."""
    lowest = {}
    for row in layout:
        for column, variant in enumerate(row):
            if variant != EMPTY:
                lowest[column] = variant
    return list(lowest.values())


FIGURE = Figure(
    name="barriers",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
)
