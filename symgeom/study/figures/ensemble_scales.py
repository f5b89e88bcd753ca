"""Ensembles around a minimum against the size of their moves.

(a) Error of the mean prediction, (b) mean error of the members, both minus the error of the
minimum, against the scale of the group elements that move the units of an orbit and of its
controls; means over seeds, bars are intervals that leave out one network at a time. The published
comparison trained another network for every cell and was of one seed. An orbit that buys anything
dips below the line; a correction that does anything keeps it below its controls. The dotted line is
the scale of which the claims are. Axes are linear near the line and logarithmic beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import minus
from symgeom.study.figures.ensembles import TICKS, arms_with_ensembles, groups_of, numbers_of
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import ENSEMBLES, Figure, asks_within
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import MUTED, PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

PANELS = {"error": "mean prediction", "member_error": "members"}
"""What is drawn, in words."""

BESIDE = 1.04
"""Factor by which kinds stand beside each other."""

PERCENT = 100.0


def draw(results: Results) -> Picture:
    """Draw the error of ensembles around a minimum against the scale of their moves.

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
    stage = results.stage("neighbours")
    of_one = stage["kind"].values[stage["minima"].values == 1].tolist() if arms else []
    kinds = of_one[1:]
    if not kinds:
        nothing = "No scales to show: no usable minimum has an ensemble around it. "
        return words(nothing + results.left_out())
    names = [[f"{arm} {name}" for name in PANELS] for arm in arms]
    figure, panels = sheet(names, width=PAGE, height=0.9 + 2.0 * len(arms), sharey=True)
    look_of = ordered_looks(kinds)
    for arm in arms:
        for name, title in PANELS.items():
            panel = panels[f"{arm} {name}"]
            for number, kind in enumerate(kinds):
                shift = BESIDE ** (number - len(kinds) / 2)
                _curve(panel, results, (arm, kind, name), look_of[kind], shift)
            _frame(panel, float(stage.attrs["scale"]))
            panel.set_title(f"{arm}, {title}" if len(arms) > 1 else title)
        panels[f"{arm} error"].set_ylabel("error minus that of\nthe minimum (points)")
    for name in PANELS:
        panels[f"{arms[-1]} {name}"].set_xlabel("scale of the group elements")
    letter(panels)
    key(figure, numbers_of(results, arms[0], kinds), look_of, heading="members (ensembles)")
    note(figure, f"{stage.attrs['members']} members.", results.left_out())
    return figure


def _curve(
    panel: Axes, results: Results, which: tuple[str, str, str], look: Look, shift: float
) -> None:
    """Draw the error of a kind of ensembles against the scale."""
    from symgeom.study.claims.groups import compared

    arm, kind, name = which
    stage = results.stage("neighbours")
    scales = np.sort(stage["scale"].values)
    bounds = []
    for scale in scales:
        score = compared(stage, name, scale=scale)
        values, at_scale = groups_of(results, score, arm, kind)
        if not len(values):
            return
        bounds.append(at_scale)
    lows = [PERCENT * at_scale["difference_low"] for at_scale in bounds]
    highs = [PERCENT * at_scale["difference_high"] for at_scale in bounds]
    means = [PERCENT * at_scale["difference"] for at_scale in bounds]
    panel.vlines(shift * scales, lows, highs, color=look.colour, linewidth=0.8, alpha=0.7)
    markers = dots(panel, shift * scales, means, look, size=2.8)
    markers.set(linestyle=look.dashes, linewidth=0.8)


def _frame(panel: Axes, claimed: float) -> None:
    """Scale the axes, and draw the line of no difference and the scale of the claims."""
    panel.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    panel.axvline(claimed, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    panel.set_xscale("log")
    panel.set_yscale("asinh", linear_width=1.0)
    low, high = panel.get_ylim()
    ticks = [-tick for tick in TICKS] + [0.0, *TICKS]
    inside = [tick for tick in ticks if low <= tick <= high]
    panel.set_yticks(inside, [minus(f"{tick:g}") for tick in inside])
    panel.minorticks_off()


FIGURE = Figure(
    name="ensemble_scales",
    text=__doc__,
    question=ENSEMBLES,
    stages=("minima", "neighbours"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_within("neighbours", "further_scales"),
)
