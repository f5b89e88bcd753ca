"""A model that can be solved: the spherical negative perceptron.

Solutions of the same constraints, found by gradient descent up to the threshold (typical) or up to
a larger margin (robust), in several draws of the constraints; pairs are of one draw. (a) Fraction
of violated constraints along the great circle between two solutions: means over pairs, bands are
the middle 80 % of the pairs. (b) The largest fraction on the way of each pair, computed without a
grid; long lines are means, vertical ones the middle 80 %. Pairs share solutions and are not
independent. Theory predicts a star: robust solutions are joined to each other and to typical ones
by low barriers, while two typical ones are not. It is the model of the figure on hubs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import minus, percent
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import THEORY, Figure, asks_for
from symgeom.study.figures.selection import MIDDLE
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

KINDS = ("robust-robust", "robust-typical", "typical-typical")
"""Kinds of pairs, in the order in which theory expects their barriers to rise."""


def draw(results: Results) -> Picture:
    """Draw the violated constraints along great circles, and the barrier of every pair.

    Parameters
    ----------
    results : Results
        With the stage ``solutions``.

    Returns
    -------
    Picture
        A page wide.
    """
    solutions = results.stage("solutions")
    pairs = _pairs(solutions)
    if not pairs:
        return words("No pairs of solutions to show: the perceptron was not solved twice.")
    figure, panels = sheet("aab", width=PAGE, height=2.9)
    t = solutions["t"].values
    error = solutions["error"].transpose("pair", "t").values
    barrier = solutions["barrier"].values
    look_of = looks(KINDS)
    for column, (kind, members) in enumerate(pairs.items()):
        look = look_of[kind]
        _course(panels["a"], t, error[members], look, first=0.03 * column)
        _barriers(panels["b"], column, barrier[members], look)
    _frame(panels["a"], panels["b"], list(pairs))
    letter(panels)
    numbers = {kind: len(members) for kind, members in pairs.items()}
    key(figure, numbers, KINDS, heading="kind of pair (pairs)")
    note(figure, _size(solutions), _missed(solutions))
    return figure


def _pairs(solutions: xr.Dataset) -> dict[str, NDArray[np.intp]]:
    """Find the pairs of each kind whose barrier is known."""
    if "kind" not in solutions:
        return {}
    kinds = solutions["kind"].values
    finite = np.isfinite(solutions["barrier"].values)
    pairs = {}
    for kind in KINDS:
        members = np.flatnonzero((kinds == kind) & finite)
        if len(members):
            pairs[kind] = members
    return pairs


def _frame(along: Axes, barriers: Axes, kinds: list[str]) -> None:
    """Name and scale the axes."""
    ticks = [0, 0.25, 0.5, 0.75, 1]
    along.set(title="along great circles", xlabel="position along the great circle, t")
    along.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    along.set_ylabel("violated constraints (%)")
    barriers.set(title="barriers", ylabel="largest fraction violated (%)")
    barriers.set_xticks(range(len(kinds)), [kind.replace("-", "–\n") for kind in kinds])
    barriers.set_xlim(-0.6, len(kinds) - 0.4)
    barriers.tick_params(axis="x", length=0)
    for panel in (along, barriers):
        percent(panel)
        panel.set_ylim(bottom=0)


def _size(solutions: xr.Dataset) -> str:
    """Say which perceptron it is."""
    form = "{dimension} weights, {density:g} constraints per weight, threshold {threshold:g}."
    options = {str(name): value for name, value in solutions.attrs.items()}
    return minus(form.format(**options))


def _missed(solutions: xr.Dataset) -> str:
    """Say how many solutions are left out, if any are."""
    missed = int((~solutions["solved"].values.astype(bool)).sum())
    if not missed:
        return ""
    total = solutions.sizes["solution"]
    return f"Left out: {missed} of {total} solutions, which missed their margin."


def _course(panel: Axes, t: NDArray, error: NDArray, look: Look, *, first: float) -> None:
    """Draw the mean over pairs and their middle 80 %; kinds begin their markers apart."""
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
    """Draw one marker per pair, a thick line at the mean, and the middle 80 % as a bar."""
    low, high = np.percentile(barriers, MIDDLE)
    mean = barriers.mean()
    markers = dots(panel, column + spread(len(barriers), 0.5), barriers, look)
    markers.set(alpha=0.5, clip_on=False)
    panel.plot([column, column], [low, high], color=look.colour, linewidth=1.2)
    panel.plot([column - 0.3, column + 0.3], [mean, mean], color=look.colour, linewidth=2)


FIGURE = Figure(
    name="perceptron",
    text=__doc__,
    question=THEORY,
    stages=("solutions",),
    drawing=draw,
    asked=asks_for("perceptron"),
    model="perceptron",
)
