"""Bent chains: whether two minima are connected at almost no error, and how much work the bends take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from symgeom.study.figures.parts import columns, key, letter, note, percent, profile, splits, spread
from symgeom.study.figures.selection import left_out, usable, within
from symgeom.study.figures.style import MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the error along the bent chains, its maximum before and after the bends were optimised, and the epochs this took.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``chains``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``threshold`` (fraction): how far above its worse end a chain that counts as connecting may
        rise.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, chains = case["minima"].to_dataset(), case["chains"].to_dataset()
    kinds = [
        (first, members)
        for first, second, members in within(chains, usable(minima, arms))
        if first == second
    ]
    if not kinds:
        return words("No chains to show: no arm has two usable minima. " + left_out(minima, arms))
    decade = 10.0 ** np.floor(np.log10(settings["threshold"]))
    figure, panels = sheet("abc", width=PAGE, height=2.9, width_ratios=[1.2, 1.1, 1])
    for column, (arm, members) in enumerate(kinds):
        look, own = looks(arms)[arm], chains.isel(pair=members)
        train, test = (
            own["error"].sel(split=split).transpose("pair", "t").values
            for split in ("train", "test")
        )
        profile(panels["a"], chains["t"].values, train, test, look)
        _slopes(panels["b"], column, own, look)
        _epochs(panels["c"], column, own["epochs_needed"].values, look)
    panels["a"].set(
        title=_along(chains.attrs), xlabel="position along the chain, t", ylabel="error (%)"
    )
    panels["a"].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    percent(panels["a"], least=decade)
    panels["a"].set_ylim(bottom=0)
    panels["b"].axhline(
        settings["threshold"], color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0
    )
    panels["b"].set(
        title="straight → bent", ylabel="largest training error\nabove the worse end (%)"
    )
    percent(panels["b"], least=decade)
    panels["b"].set_ylim(bottom=0)
    panels["c"].set(title="work", ylabel=f"epochs until ≤ {100 * settings['threshold']:g} % above")
    panels["c"].yaxis.set_major_locator(MaxNLocator(integer=True))
    panels["c"].set_ylim(0, 1.15 * max(1, panels["c"].dataLim.y1))
    for panel in (panels["b"], panels["c"]):
        columns(panel, [arm for arm, _ in kinds])
    letter(panels)
    key(
        figure,
        {arm: len(members) for arm, members in kinds},
        arms,
        heading="arm (pairs)",
        extra=splits(),
    )
    note(figure, left_out(minima, arms))
    return figure


def _along(options: Mapping) -> str:
    """Say along what the error is shown: the kind of the chain, its bends if there are several, and what confines them."""
    kind = {"bezier": "Bézier curve"}.get(options.get("kind", ""), "bent chain")
    bends = options.get("bends", 1)
    several, torus = (
        f", {bends} bends" if bends > 1 else "",
        ", on the torus" if options.get("constraint") == "torus" else "",
    )
    return f"along the {kind}{several}{torus}"


def _slopes(panel: Axes, column: int, chains: xr.Dataset, look: Look) -> None:
    """Join, for each pair, how far the error rises above the worse end before (hollow) and after optimisation (filled)."""
    worse_end = chains["error"].sel(split="train").isel(t=[0, -1]).max("t")
    before, after = ((chains[name] - worse_end).values for name in ("straight_error", "bend_error"))
    places = column + spread(len(before), 0.25)
    for place, start, end in zip(places, before, after, strict=True):
        panel.plot(
            [place - 0.14, place + 0.14], [start, end], color=look.colour, linewidth=0.5, alpha=0.5
        )
    panel.plot(
        places - 0.14,
        before,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markerfacecolor="white",
        markersize=3,
    )
    panel.plot(
        places + 0.14,
        after,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markersize=3,
        clip_on=False,
    )


def _epochs(panel: Axes, column: int, needed: NDArray, look: Look) -> None:
    """Draw one marker per connected pair, pairs of equal work beside each other, and say how many were connected."""
    reached = needed[np.isfinite(needed)]
    for epochs, count in zip(*np.unique(reached, return_counts=True), strict=True):
        places = column + spread(count, min(0.7, 0.12 * (count - 1)))
        panel.plot(
            places,
            np.full(count, epochs),
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            markersize=2.6,
            clip_on=False,
        )
    style = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top", "fontsize": 7}
    panel.annotate(f"{len(reached)}/{len(needed)}", (column, 0.99), **style)
