"""Whether the loss shows the barriers that the error shows.

Paths with all symmetries removed (geodesics on the torus; for binary networks, flips in random
order). (a) Loss along the paths between minima of one arm, mean over pairs: solid for training
(bands are the middle 80 % of the pairs), dashed for test. (b) Barriers of the training error and of
the training loss; each symbol is a pair. Filled symbols are pairs within an arm, half-and-half
discs pairs of two arms, in the colours of both. Where error and loss rank pairs alike, they rise to
the right. (c) The mean barrier between two arms over the mean of those inside them. On the dashed
line error and loss agree; above it the loss hides barriers that the error shows. The loss depends
on the length of the head, which both ends of a path share: at a length that is not its own, an end
may have a high loss, and a rise in the middle stays below the line between the ends. The error does
not depend on it. Axes of barriers and of the loss are linear below their lowest decade, so that
zeros are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import along_path, linear_below, percent_below
from symgeom.study.figures.keys import halves, key, letter, note, splits
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import PairKind, measured_kinds, pairs_inside
from symgeom.study.figures.series import RESOLVED, dots_of_pairs, profile
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

LEAST_LOSS = 1e-3
"""Loss (nat) below which an axis is linear."""

MOST_LOSS = 10.0
"""Loss (nat) up to which an axis reaches."""

ZERO = -0.3
"""Where an axis begins that shows zeros, in units of what it is linear below."""


def draw(results: Results) -> Picture:
    """Draw the loss along paths, loss barriers against error barriers, and both between arms.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``paths``.

    Returns
    -------
    Picture
        A page wide.
    """
    from symgeom.study.claims.barriers import full_variant

    paths = results.stage("paths")
    usable = results.usable()
    pairs = pairs_inside(paths, usable)
    if not pairs:
        nothing = "No losses along paths to show: no arm has two usable minima. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    full = paths.sel(variant=full_variant(paths))
    error = full["barrier"].sel(split="train").values
    loss = full["loss_barrier"].sel(split="train").values
    kinds = measured_kinds(paths, usable, error + loss)
    ratios = _between_over_inside(kinds, error, loss)
    layout = "abc" if ratios else "ab"
    figure, panels = sheet(layout, width=PAGE, height=3.0)
    _along(panels["a"], full, pairs, look_of)
    for kind in kinds:
        dots_of_pairs(panels["b"], error[kind.members], loss[kind.members], kind, look_of)
    _frame_of_barriers(panels["b"])
    if ratios:
        _compare(panels["c"], ratios, look_of)
    letter(panels)
    numbers = {arm: len(members) for arm, members in pairs.items()}
    extra = [*splits(), *([halves("two arms")] if ratios else [])]
    key(figure, numbers, look_of, heading="arm (pairs)", extra=extra)
    note(figure, results.left_out())
    return figure


def _along(
    panel: Axes,
    full: xr.Dataset,
    pairs: Mapping[str, NDArray[np.intp]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw the loss along the paths within every arm."""
    loss = full["loss"].transpose("split", "pair", "t")
    train = loss.sel(split="train").values
    test = loss.sel(split="test").values
    for arm, members in pairs.items():
        profile(panel, full["t"].values, train[members], test[members], look_of[arm])
    panel.set(title="within arms", xlabel="position along the path, t", ylabel="loss (nat)")
    along_path(panel)
    linear_below(panel.yaxis, LEAST_LOSS, most=MOST_LOSS)
    panel.set_ylim(bottom=0)


def _frame_of_barriers(panel: Axes) -> None:
    """Name and scale the axes of error and loss barriers."""
    percent_below(panel, least=RESOLVED)
    linear_below(panel.yaxis, LEAST_LOSS, most=MOST_LOSS)
    panel.set_xlim(left=ZERO * RESOLVED)
    panel.set_ylim(bottom=ZERO * LEAST_LOSS)
    panel.set(title="pairs", xlabel="error barrier (%)", ylabel="loss barrier (nat)")


Ratio = tuple[PairKind, float, float]
"""Two arms, with the barrier between them over that inside them: of the loss, and of the error."""


def _between_over_inside(kinds: Sequence[PairKind], error: NDArray, loss: NDArray) -> list[Ratio]:
    """Return the ratios of every two arms that were joined and have barriers inside."""
    inside = {kind.first: kind.members for kind in kinds if kind.first == kind.second}
    ratios = []
    for kind in kinds:
        if kind.first == kind.second or not {kind.first, kind.second} <= inside.keys():
            continue
        sides = [inside[kind.first], inside[kind.second]]
        of_loss = _ratio(loss, kind.members, sides)
        of_error = _ratio(error, kind.members, sides)
        if np.isfinite(of_loss + of_error):
            ratios.append((kind, of_loss, of_error))
    return ratios


def _ratio(barriers: NDArray, between: NDArray, sides: Sequence[NDArray]) -> float:
    """Return the mean of some barriers over that inside two arms, NaN if there is none inside."""
    inside = np.mean([barriers[members].mean() for members in sides])
    return float(barriers[between].mean() / inside) if inside > 0 else np.nan


def _compare(panel: Axes, ratios: Sequence[Ratio], look_of: Mapping[str, Look]) -> None:
    """Draw the ratios of every two arms, and where error and loss agree."""
    panel.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=BROKEN, zorder=0)
    for kind, of_loss, of_error in ratios:
        dots_of_pairs(panel, [of_loss], [of_error], kind, look_of, size=6)
    panel.set(title="between / inside arms", xlabel="loss (ratio)", ylabel="error (ratio)")
    panel.set_xlim(left=min(-0.05, *panel.get_xlim()))
    panel.set_ylim(bottom=0)


FIGURE = Figure(
    name="losses",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
)
