"""Ensembles of networks with nearly the same function under attack.

Error of the mean prediction against the budget of an attack, by which every input may change, as a
share of the range of the data; at 0 inputs are as they are. (a) The attack is aimed at each
ensemble itself, (b) at the minimum alone and transferred, (c) for every sample by whichever
succeeds. Means over ensembles, bars are intervals that leave out one network at a time. A kind of
ensemble that is more robust than the minimum lies below it in c. One that is below it in b alone
evades an attack that was not made for it, as random moves of the same length do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.axes import percent
from symgeom.study.figures.ensembles import arms_with_ensembles, groups_of, numbers_of
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import ENSEMBLES, Figure, asks_within
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

AIMS = {
    "aimed": "aimed at the ensemble",
    "transferred": "aimed at the minimum",
    "either": "whichever succeeds",
}
"""At what an attack is aimed, in words."""

SHIFT = 0.02
"""Share of the range of budgets by which kinds stand beside each other."""


def draw(results: Results) -> Picture:
    """Draw the error under attack of all kinds of ensembles, arm by arm.

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
    if not arms or "robust_error" not in stage:
        nothing = "No attacks to show: no usable minimum was attacked. "
        return words(nothing + results.left_out())
    names = [[f"{arm} {aim}" for aim in AIMS] for arm in arms]
    figure, panels = sheet(names, width=PAGE, height=0.9 + 1.9 * len(arms), sharey=True)
    kinds = stage["kind"].values.tolist()
    look_of = ordered_looks(kinds)
    for arm in arms:
        for aim, title in AIMS.items():
            panel = panels[f"{arm} {aim}"]
            for number, kind in enumerate(kinds):
                _curve(panel, results, (arm, kind, aim), look_of[kind], number / len(kinds) - 0.5)
            panel.set_title(f"{arm}, {title}" if len(arms) > 1 else title)
            percent(panel)
        panels[f"{arm} aimed"].set_ylabel("error (%)")
    for aim in AIMS:
        panels[f"{arms[-1]} {aim}"].set_xlabel("budget (share of the range)")
    letter(panels)
    key(figure, numbers_of(results, arms[0], kinds), look_of, heading="members (ensembles)")
    attack = f"Attack: {stage.attrs['attack']}; {stage.attrs['members']} members."
    note(figure, attack, results.left_out())
    return figure


def _curve(
    panel: Axes, results: Results, which: tuple[str, str, str], look: Look, place: float
) -> None:
    """Draw the error of a kind of ensembles against the budget."""
    arm, kind, aim = which
    stage = results.stage("neighbours")
    budgets = [0.0, *stage["budget"].values.tolist()]
    bounds = []
    for budget in budgets:
        values, at_budget = groups_of(results, _error(stage, budget, aim), arm, kind)
        if not len(values):
            return
        bounds.append(at_budget)
    beside = [budget + place * SHIFT * budgets[-1] for budget in budgets]
    lows = [at_budget["low"] for at_budget in bounds]
    highs = [at_budget["high"] for at_budget in bounds]
    panel.vlines(beside, lows, highs, color=look.colour, linewidth=0.8, alpha=0.7)
    markers = dots(panel, beside, [at_budget["mean"] for at_budget in bounds], look, size=2.8)
    markers.set(linestyle=look.dashes, linewidth=0.8)


def _error(stage: xr.Dataset, budget: float, aim: str) -> xr.DataArray:
    """Return the error at a budget."""
    if not budget:
        return stage["attacked_error"]
    which = {"budget": budget, "attack": stage.attrs["attack"], "aim": aim}
    return stage["robust_error"].sel(which, drop=True)


FIGURE = Figure(
    name="robustness",
    text=__doc__,
    question=ENSEMBLES,
    stages=("minima", "neighbours"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_within("neighbours", "attacks"),
)
