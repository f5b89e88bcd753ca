"""Distances on the torus: between which arms minima lie close, and what alignment adds beyond mere selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from symgeom.study.figures.parts import columns, letter, note, table
from symgeom.study.figures.selection import MIDDLE, left_out, matrix, representative, usable, within
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

CONTROL = (0, (1, 1)), (0, (4, 2))
"""Dashes of the random networks, before and after alignment."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw mean aligned distances between arms, and per unit group how alignment shortens the distances within an arm.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``distances``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, distances = case["minima"].to_dataset(), case["distances"].to_dataset()
    kept = usable(minima, arms)
    kinds = [
        (first, members) for first, second, members in within(distances, kept) if first == second
    ]
    if not kinds:
        return words(
            "No distances to show: no arm has two usable minima. " + left_out(minima, arms)
        )
    groups = representative(distances["group"].values.tolist())
    names = ["all", *groups]
    figure, panels = sheet(
        [["matrix", *names]], width=PAGE, height=3.0, width_ratios=[2.2, *[1] * len(names)]
    )
    aligned = np.degrees(distances["distance"].sel(stage="aligned").values)
    found, means, numbers = matrix(aligned, distances, kept)
    scale = Normalize(np.nanmin(means) - 1e-6, np.nanmax(means))
    table(panels["matrix"], found, means, numbers, form="{:.1f}", scale=scale)
    panels["matrix"].set_title("mean aligned distance (degrees)")
    order = ["pair", "stage"]
    _strip(
        panels["all"],
        distances["distance"].transpose(*order).values,
        distances["random_distance"].values,
        kinds,
        arms,
    )
    for group in groups:
        pairs = distances["group_distance"].sel(group=group).transpose(*order).values
        _strip(
            panels[group],
            pairs,
            distances["random_group_distance"].sel(group=group).values,
            kinds,
            arms,
        )
    for name in names:
        panels[name].set_title("all units" if name == "all" else name)
        panels[name].sharey(panels["all"])
        if name != "all":
            panels[name].tick_params(labelleft=False)
    panels["all"].set_ylabel("rms angle (degrees)")
    lowest, highest = (
        min(panels[name].dataLim.y0 for name in names),
        max(panels[name].dataLim.y1 for name in names),
    )
    panels["all"].set_ylim(10 * np.floor(lowest / 10), max(95, highest + 3))
    figure.legend(
        handles=_meanings(), loc="outside upper right", ncols=4, borderpad=0.1, handletextpad=0.4
    )
    letter({"matrix": panels["matrix"], "all": panels["all"]})
    note(figure, left_out(minima, arms))
    return figure


def _strip(
    panel: Axes, pairs: NDArray, control: NDArray, kinds: Sequence, arms: Sequence[str]
) -> None:
    """Draw, per arm, the angle before (hollow) and after alignment (filled), beside the same of random networks (bands)."""
    for column, (arm, members) in enumerate(kinds):
        look, values = looks(arms)[arm], np.degrees(pairs[members])
        means, (low, high) = values.mean(0), np.percentile(values, MIDDLE, axis=0)
        panel.plot([column, column], means, color=look.colour, linewidth=0.8, alpha=0.6)
        for stage, fill in enumerate(("white", look.colour)):
            panel.plot(
                [column, column], [low[stage], high[stage]], color=look.colour, linewidth=1.6
            )
            panel.plot(
                column, means[stage], marker=look.marker, color=look.colour, markerfacecolor=fill
            )
    control = np.degrees(control)
    for stage, dashes in enumerate(CONTROL):
        panel.axhline(
            control[:, stage].mean(), color=MUTED, linewidth=0.9, linestyle=dashes, zorder=0
        )
    panel.axhline(90, color=FAINT, linewidth=0.6, zorder=-1)
    columns(panel, [arm for arm, _ in kinds], rotation=60)


def _meanings() -> list[Line2D]:
    """Return legend handles for what is drawn before and after alignment."""
    marks = [
        Line2D([], [], marker="o", color=INK, linestyle="none", markerfacecolor=fill)
        for fill in ("white", INK)
    ]
    lines = [Line2D([], [], color=MUTED, linestyle=dashes, linewidth=0.9) for dashes in CONTROL]
    for handle, text in zip(
        marks + lines,
        ("before alignment", "after", "random networks before", "random networks after"),
        strict=True,
    ):
        handle.set_label(text)
    return marks + lines
