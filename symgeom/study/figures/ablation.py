"""What the removal of each symmetry does to the barriers between minima.

The change of the barrier of the training error when one thing is done to the two networks, all else
equal: means over the pairs of one arm, bars leave one network out at a time (Student's t). (a) The
scales of the units are removed, on straight lines. (b) The permutations of the units are removed.
(c) The geodesic is followed in the place of the straight line; geodesics exist between networks
without scales. Below zero, what is done lowers barriers. Permutations do most; scales alone make
straight lines worse where a lies above zero. Panels have scales of their own. The claims
H3b-permutation, H3b-scale and H3b-geodesic ask each for one of these changes over all arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import compartments, percent
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import CONNECTION, Figure, has_scales
from symgeom.study.figures.selection import counts, pairs_inside
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import FAINT, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


@dataclass(frozen=True)
class Change:
    """What is done to the networks, all else equal.

    Attributes
    ----------
    before, after : str
        Variants of a path.
    otherwise : str
        What else is the case, in words.
    """

    before: str
    after: str
    otherwise: str


SCALES = (
    Change("linear raw", "linear normalised", "permutations\nin"),
    Change("linear aligned", "linear both", "permutations\nremoved"),
)
PERMUTATIONS = (
    Change("linear raw", "linear aligned", "lines,\nscales in"),
    Change("linear normalised", "linear both", "lines, scales\nremoved"),
    Change("geodesic normalised", "geodesic both", "geodesics"),
)
GEODESICS = (
    Change("linear normalised", "geodesic normalised", "permutations\nin"),
    Change("linear both", "geodesic both", "permutations\nremoved"),
)
PANELS = {
    "scales removed": SCALES,
    "permutations removed": PERMUTATIONS,
    "geodesics for lines": GEODESICS,
}
"""The changes of each panel, by its title."""


def draw(results: Results) -> Picture:
    """Draw the change of the barrier by what is removed, a column for each change.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``paths``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    usable = results.usable()
    paths = results.stage("paths")
    arms = list(pairs_inside(paths, usable))
    if not arms:
        return words("No barriers to compare: no arm has two minima. " + results.left_out())
    variants = set(paths["variant"].values.tolist())
    if "geodesic both" not in variants:
        return words("No symmetries to compare: networks of signs have no scales and no geodesics.")
    layout = [list(PANELS)]
    figure, panels = sheet(layout, width=PAGE, height=2.9, width_ratios=[2, 3, 2])
    look_of = looks(results.arms)
    for title, changes in PANELS.items():
        _columns(panels[title], changes, results, [look_of[arm] for arm in arms], arms)
        panels[title].set_title(title)
    panels["scales removed"].set_ylabel("change of the barrier (points)")
    letter(panels)
    key(figure, counts(usable), look_of, lines=False)
    note(figure, results.left_out())
    return figure


def _columns(
    panel: Axes,
    changes: Sequence[Change],
    results: Results,
    look_of: Sequence[Look],
    arms: Sequence[str],
) -> None:
    """Draw a column for each change: the arms beside each other."""
    paths = results.stage("paths")
    on_training_data = paths["barrier"].sel(split="train", drop=True)
    shifts = spread(len(arms), 0.6)
    for column, change in enumerate(changes):
        after = on_training_data.sel(variant=change.after, drop=True)
        difference = after - on_training_data.sel(variant=change.before, drop=True)
        for shift, arm, look in zip(shifts, arms, look_of, strict=True):
            _mean(panel, column + shift, difference, results, (arm, look))
    panel.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    panel.set_xticks(range(len(changes)), [change.otherwise for change in changes], fontsize=6.5)
    compartments(panel, len(changes))
    percent(panel)


def _mean(
    panel: Axes,
    x: float,
    difference: xr.DataArray,
    results: Results,
    of_arm: tuple[str, Look],
) -> None:
    """Draw the mean over the pairs of an arm, and its interval."""
    from symgeom.study.claims.intervals import bounds_of_mean
    from symgeom.study.claims.selection import select_pairs

    arm, look = of_arm
    pairs = select_pairs(difference, results.minima, [arm])
    tail = (1 - results.number("level")) / 2
    mean, low, high = bounds_of_mean(pairs, pairs.within([arm]), tail)
    panel.vlines(x, low, high, color=look.colour, linewidth=1.0, alpha=0.7)
    dots(panel, np.array([x]), np.array([mean]), look)


FIGURE = Figure(
    name="ablation",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
    settings=("claims.level",),
    asked=has_scales,
)
