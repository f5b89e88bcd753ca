r"""Distance to the noise equilibrium of SGD.

For every hidden unit, \|λ*\| is the logarithm of the factor by which its incoming weights must be
scaled (and its outgoing ones divided) until gradient noise and weight decay on both sides balance.
Markers are medians over all units of all seeds, thick bars the middle half, thin bars the middle 90
%; hollow at the start of training, filled at the end. SGD should move the units towards zero. Units
without gradient noise on one side have no equilibrium and are counted below the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import columns, logarithmic
from symgeom.study.figures.keys import key, letter, mark, note, sentences
from symgeom.study.figures.record import (
    DYNAMICS,
    Figure,
    all_of,
    asks_for,
    has_scales,
    trains_networks,
)
from symgeom.study.figures.selection import counts, grouped, trained_seeds
from symgeom.study.figures.style import INK, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

SHIFT = 0.17
"""How far start and end lie on either side of their arm."""


def draw(results: Results) -> Picture:
    """Draw, per group and arm, the displacements of the units before and after training.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``equilibria``.

    Returns
    -------
    Picture
        A page wide.
    """
    equilibria = results.stage("equilibria")
    trained, elsewhere = trained_seeds(results.minima, results.arms)
    groups, remark = grouped(equilibria, "displacement")
    if not trained or not groups:
        nothing = (
            "No noise equilibria to show: no usable minimum that was trained here has a rescaling "
            "symmetry."
        )
        return words(sentences(nothing, results.left_out(), elsewhere))
    look_of = looks(results.arms)
    figure, panels = sheet([groups], width=PAGE, height=2.9, sharey=True)
    displacements = [_displacements(equilibria, group, trained) for group in groups]
    for group, units in zip(groups, displacements, strict=True):
        panel = panels[group]
        _arms(panel, units, look_of)
        panel.set_title(f"{group}: {equilibria.sizes[group]} units per network")
        logarithmic(panel)
        columns(panel, list(trained))
    panels[groups[0]].set_ylabel("|λ*|, distance to the equilibrium\n(log of the scale factor)")
    letter(panels)
    moments = [mark("o", "start", fill="white"), mark("o", "end", fill=INK)]
    key(figure, counts(trained), look_of, lines=False, extra=moments)
    note(figure, _infinite(displacements), remark, results.left_out(), elsewhere)
    return figure


def _displacements(
    equilibria: xr.Dataset, group: str, trained: Mapping[str, Sequence[int]]
) -> dict[str, NDArray]:
    """Return the displacements of a group's units by arm: (moment, seed and unit)."""
    units = {}
    for arm, seeds in trained.items():
        displacement = equilibria[f"displacement_{group}"].sel(arm=arm, seed=seeds)
        ordered = displacement.sel(moment=["start", "end"]).transpose("moment", "seed", group)
        units[arm] = np.abs(ordered.values).reshape(2, -1)
    return units


def _arms(panel: Axes, units: Mapping[str, NDArray], look_of: Mapping[str, Look]) -> None:
    """Draw the units of every arm at the start (hollow) and at the end (filled)."""
    for column, (arm, (start, end)) in enumerate(units.items()):
        look = look_of[arm]
        _distribution(panel, column - SHIFT, start, look, "white")
        _distribution(panel, column + SHIFT, end, look, look.colour)


def _infinite(displacements: Sequence[Mapping[str, NDArray]]) -> str:
    """Say how many units have no equilibrium, if there are any."""
    total = 0
    lost = 0
    for units in displacements:
        for values in units.values():
            total += values.size
            lost += int((~np.isfinite(values)).sum())
    if not lost:
        return ""
    return f"{lost} of {total} values are left out: units without gradient noise on one side."


def _distribution(panel: Axes, x: float, displacements: NDArray, look: Look, fill: str) -> None:
    """Draw the median (marker), the middle half (thick) and the middle 90 % (thin) of the units."""
    finite = displacements[np.isfinite(displacements)]
    if len(finite) == 0:
        return
    lowest, low, middle, high, highest = np.percentile(finite, [5, 25, 50, 75, 95])
    panel.plot([x, x], [lowest, highest], color=look.colour, linewidth=0.8)
    panel.plot(
        [x, x], [low, high], color=look.colour, linewidth=3, alpha=0.55, solid_capstyle="butt"
    )
    panel.plot(
        x,
        middle,
        marker=look.marker,
        color=look.colour,
        markerfacecolor=fill,
        markersize=4.5,
        zorder=3,
    )


FIGURE = Figure(
    name="equilibria",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "equilibria"),
    drawing=draw,
    asked=all_of(trains_networks, has_scales),
    in_reference=asks_for("valleys"),
)
