"""What networks with nearly the same function buy on test data.

Differences of ensembles from the minimum alone, of the mean prediction: (a) error in percentage
points, (b) loss, (c) calibration error; left of the line the ensemble is better. (d) How often two
members disagree.
Small markers are ensembles, one for every seed, large ones their means with intervals that leave
out one network at a time. All ensembles have as many members. Above the rule they are made of one
minimum, and all but the orbits are controls; below it of several. Independent minima show what
there is to gain: an orbit that gains should lie left of the line and of its controls, which also
move the weights. Axes are linear near the line and logarithmic beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import minus
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import ENSEMBLES, Figure, asks_for
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import FAINT, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

PANELS = {
    "error": ("difference (points)", 100.0, 1.0),
    "loss": ("difference (nat)", 1.0, 0.05),
    "calibration_error": ("difference (points)", 100.0, 1.0),
    "disagreement": ("pairs that differ (%)", 100.0, 1.0),
}
"""Of every score the label of its axis, a factor, and up to where the axis is linear."""

ROOM = 0.5
"""Share of a row that its arms take."""

TICKS = (1.0, 10.0, 100.0)
"""Where axes are labelled, on both sides, in units of the linear part."""


def draw(results: Results) -> Picture:
    """Draw the differences of all kinds of ensembles from one minimum.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``neighbours``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    arms = arms_with_ensembles(results)
    if not arms:
        nothing = "No ensembles to show: no usable minimum has any. "
        return words(nothing + results.left_out())
    stage = results.stage("neighbours")
    # Those of one minimum first, whatever the order in which the study names them.
    stage = stage.isel(kind=np.argsort(stage["minima"].values > 1, kind="stable"))
    kinds = stage["kind"].values.tolist()[1:]
    height = 1.1 + 0.24 * len(kinds)
    figure, panels = sheet([list(PANELS)], width=PAGE, height=height, sharey=True)
    look_of = looks(results.arms)
    for name, panel in panels.items():
        for shift, arm in zip(spread(len(arms), ROOM), arms, strict=True):
            for row, kind in enumerate(kinds):
                _ensembles(panel, row + shift, results, (name, arm, kind), look_of[arm])
        _frame(panel, name, stage, kinds)
    first = panels["error"]
    titles = stage["kind_title"].values.tolist()[1:]
    first.set_yticks(range(len(kinds)), titles)
    first.set_ylim(len(kinds) - 0.4, -0.6)
    letter(panels)
    shown = counts({arm: results.usable()[arm] for arm in arms})
    key(figure, shown, look_of, lines=False)
    members = f"{stage.attrs['members']} members, scale {stage.attrs['scale']:g}."
    note(figure, members, results.left_out())
    return figure


def arms_with_ensembles(results: Results) -> list[str]:
    """Return the arms of whose usable minima there are ensembles.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``neighbours``.

    Returns
    -------
    list of str
        In the order of the study.
    """
    stage = results.stage("neighbours")
    if "error" not in stage:
        return []
    arms = []
    for arm, seeds in results.usable().items():
        if arm not in stage["arm"].values:
            continue
        of_arm = stage["error"].sel(arm=arm, seed=seeds).isel(kind=slice(1, None))
        if of_arm.notnull().any():
            arms.append(arm)
    return arms


def groups_of(
    results: Results, score: xr.DataArray, arm: str, kind: str
) -> tuple[NDArray, dict[str, float]]:
    """Return what was measured of a kind of ensembles, beside the minima alone.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``neighbours``, and the setting ``level``.
    score : xr.DataArray, dims (arm, seed, kind)
        What was measured.
    arm, kind : str
        Of which ensembles.

    Returns
    -------
    values : array, shape (ensemble, 2)
        Of the kind, and of the minima that it is made of.
    bounds : dict of str to float
        As from :func:`~symgeom.study.claims.ensemble_table.bounds_of_groups`.
    """
    from symgeom.study.claims.ensemble_table import bounds_of_groups
    from symgeom.study.claims.groups import SINGLE, select_groups

    stage = results.stage("neighbours")
    groups = select_groups(score, stage, results.minima, arm, (kind, SINGLE))
    return groups.values, bounds_of_groups(groups, results.number("level"))


def numbers_of(results: Results, arm: str, kinds: Sequence[str]) -> dict[str, int]:
    """Return how many ensembles of every kind an arm has.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``neighbours``.
    arm : str
        The arm.
    kinds : sequence of str
        The kinds.

    Returns
    -------
    dict of str to int
        By kind.
    """
    from symgeom.study.claims.groups import compared

    score = compared(results.stage("neighbours"), "error")
    return {kind: len(groups_of(results, score, arm, kind)[0]) for kind in kinds}


def _ensembles(
    panel: Axes, height: float, results: Results, which: tuple[str, str, str], look: Look
) -> None:
    """Draw the ensembles of a kind and of an arm, and their mean."""
    from symgeom.study.claims.groups import compared

    name, arm, kind = which
    score = compared(results.stage("neighbours"), name)
    values, bounds = groups_of(results, score, arm, kind)
    if not len(values):
        return
    factor = PANELS[name][1]
    alone = 0.0 if name == "disagreement" else 1.0
    single = values[:, 0] - alone * values[:, 1]
    column = "" if name == "disagreement" else "difference"
    mean = factor * bounds[column or "mean"]
    low = factor * bounds[f"{column}_low".lstrip("_")]
    high = factor * bounds[f"{column}_high".lstrip("_")]
    beside = np.full(len(values), height)
    small = dots(panel, factor * single, beside, look, size=1.8)
    small.set_alpha(0.4)
    panel.hlines(height, low, high, color=look.colour, linewidth=1.0)
    dots(panel, mean, height, look, size=4.0)


def _frame(panel: Axes, name: str, stage: xr.Dataset, kinds: Sequence[str]) -> None:
    """Draw the line of no difference and the rule between families, and name the axis."""
    label, _, linear = PANELS[name]
    panel.set_title(name.replace("_", " "))
    panel.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    several = int((stage["minima"].values[1:] == 1).sum())
    if 0 < several < len(kinds):
        panel.axhline(several - 0.5, color=FAINT, linewidth=0.8, zorder=0)
    panel.tick_params(axis="y", length=0)
    panel.set_xscale("asinh", linear_width=linear)
    low, high = panel.get_xlim()
    left = [-linear * tick for tick in TICKS if -linear * tick >= low]
    right = [linear * tick for tick in TICKS if linear * tick <= high]
    inside = [*left[-1:], 0.0, *right[-1:]]
    panel.set_xticks(inside, [minus(f"{tick:g}") for tick in inside], minor=False)
    panel.minorticks_off()
    panel.set_xlabel(label)


FIGURE = Figure(
    name="ensembles",
    text=__doc__,
    question=ENSEMBLES,
    stages=("minima", "neighbours"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_for("neighbours"),
)
