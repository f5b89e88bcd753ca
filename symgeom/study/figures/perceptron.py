"""The spherical negative perceptron: whether robust solutions are joined to others by lower barriers than typical ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import key, letter, note, percent, spread
from symgeom.study.figures.selection import MIDDLE, stage
from symgeom.study.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look

KINDS = ("robust-robust", "robust-typical", "typical-typical")
"""Kinds of pairs, in the order in which theory expects their barriers to rise."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the fraction of violated constraints along great circles, and the barrier of every pair of solutions.

    Parameters
    ----------
    case : xr.DataTree
        With the stage ``solutions``.
    arms : sequence of str
        Not used: the perceptron has none.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    solutions = stage(case, "solutions")
    kind = solutions["kind"].values if "kind" in solutions else np.array([])
    finite = np.isfinite(solutions["barrier"].values) if len(kind) else kind
    members = {name: np.flatnonzero((kind == name) & finite) for name in KINDS} if len(kind) else {}
    members = {name: places for name, places in members.items() if len(places)}
    if not members:
        return words("No pairs of solutions to show: the perceptron was not solved twice.")
    figure, panels = sheet("aab", width=PAGE, height=2.9)
    error = solutions["error"].transpose("pair", "t").values
    for column, (name, places) in enumerate(members.items()):
        look = looks(KINDS)[name]
        _course(panels["a"], solutions["t"].values, error[places], look, first=0.03 * column)
        _barriers(panels["b"], column, solutions["barrier"].values[places], look)
    panels["a"].set(
        title="along great circles",
        xlabel="position along the great circle, t",
        xticks=[0, 0.25, 0.5, 0.75, 1],
    )
    panels["a"].set_xticklabels(["0", "0.25", "0.5", "0.75", "1"])
    panels["a"].set_ylabel("violated constraints (%)")
    panels["b"].set(title="barriers", ylabel="largest fraction violated (%)")
    panels["b"].set_xticks(range(len(members)), [name.replace("-", "–\n") for name in members])
    panels["b"].set_xlim(-0.6, len(members) - 0.4)
    panels["b"].tick_params(axis="x", length=0)
    for panel in panels.values():
        percent(panel)
        panel.set_ylim(bottom=0)
    letter(panels)
    key(
        figure,
        {name: len(places) for name, places in members.items()},
        KINDS,
        heading="kind of pair (pairs)",
    )
    size = "{dimension} weights, {density:g} constraints per weight, threshold {threshold:g}."
    missed = int((~solutions["solved"].values.astype(bool)).sum())
    remark = (
        f" Left out: {missed} of {solutions.sizes['solution']} solutions, which missed their margin."
        if missed
        else ""
    )
    note(figure, size.format(**solutions.attrs).replace("-", "−") + remark)
    return figure


def _course(panel: Axes, t: NDArray, error: NDArray, look: Look, *, first: float) -> None:
    """Draw the mean over pairs, and the middle 80 % of them as a band; the first marker is where no other kind has one."""
    low, high = np.percentile(error, MIDDLE, axis=0)
    panel.fill_between(t, low, high, color=look.colour, alpha=0.15, linewidth=0)
    panel.plot(
        t,
        error.mean(0),
        color=look.colour,
        linestyle=look.dashes,
        marker=look.marker,
        markevery=(first, 0.1),
        clip_on=False,
    )


def _barriers(panel: Axes, column: int, barriers: NDArray, look: Look) -> None:
    """Draw one marker per pair, a thick line at the mean, and the middle 80 % of the pairs as a bar."""
    low, high = np.percentile(barriers, MIDDLE)
    style = {
        "linestyle": "none",
        "marker": look.marker,
        "color": look.colour,
        "alpha": 0.5,
        "clip_on": False,
    }
    panel.plot(column + spread(len(barriers), 0.5), barriers, **style)
    panel.plot([column, column], [low, high], color=look.colour, linewidth=1.2)
    panel.plot([column - 0.3, column + 0.3], [barriers.mean()] * 2, color=look.colour, linewidth=2)
