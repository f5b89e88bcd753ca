"""The star shape: whether the way over a flat minimum is lower than the direct way between two others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.claims.barriers import full_variant
from symgeom.study.claims.measured import arms_of
from symgeom.study.claims.selection import select_pairs
from symgeom.study.claims.star import triples
from symgeom.study.figures.parts import letter, note, percent
from symgeom.study.figures.selection import left_out, stage
from symgeom.study.figures.style import COLUMN, INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from symgeom.study.figures.style import Look


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the barrier over a third minimum against the direct barrier: over flat minima, and over those of the same arm.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``paths``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``roles``: the arms that are "flat" and "reference".

    Returns
    -------
    Figure
        A page wide; a column wide if there is nothing to compare with.
    """
    minima, paths = stage(case, "minima"), stage(case, "paths")
    flat, ends = (arms_of(settings["roles"], role) for role in ("flat", "reference"))
    barrier = (
        paths["barrier"]
        .sel(split="train")
        .reindex(variant=[full_variant(paths)])
        .isel(variant=0, drop=True)
    )
    found = {
        hubs: _ways(barrier, minima, hubs, ends)
        for hubs in dict.fromkeys((flat, ends))
        if hubs and ends
    }
    if flat not in found or not len(found[flat][0]):
        return words(
            "No triples to show: no flat minimum was joined to two reference minima. "
            + left_out(minima, arms)
        )
    found = {hubs: ways for hubs, ways in found.items() if len(ways[0])}
    figure, panels = sheet(
        "ab"[: len(found)],
        width=PAGE if len(found) == 2 else COLUMN,
        height=3.3,
        sharex=True,
        sharey=True,
    )
    top = 1.08 * max(float(np.max(ways)) for ways in found.values()) or 0.01
    for panel, (hubs, (direct, over)) in zip(panels.values(), found.items(), strict=True):
        _scatter(panel, direct, over, looks(arms)[hubs[0]])
        panel.set(
            title=f"over a minimum of {', '.join(hubs)}",
            xlim=(-0.03 * top, top),
            ylim=(-0.03 * top, top),
            aspect="equal",
        )
        panel.set_xlabel(f"direct barrier between two minima of {', '.join(ends)} (%)")
        percent(panel)
        panel.xaxis.set_major_formatter(panel.yaxis.get_major_formatter())
    panels["a"].set_ylabel("barrier over a third minimum (%)")
    letter(panels)
    note(figure, left_out(minima, arms))
    return figure


def _ways(
    barrier: xr.DataArray, minima: xr.Dataset, hubs: tuple[str, ...], ends: tuple[str, ...]
) -> tuple[NDArray, NDArray]:
    """Return the direct barrier of every triple, and the larger one of the two over its hub."""
    pairs = select_pairs(barrier, minima, tuple(dict.fromkeys((*hubs, *ends))))
    found = triples(pairs, hubs, ends)
    height = {
        frozenset(members): value
        for members, (value,) in zip(pairs.members.tolist(), pairs.values, strict=True)
    }
    direct = np.array([height[frozenset(members[1:])] for members in found.members.tolist()])
    return direct, direct + found.values[:, 0]


def _scatter(panel: Axes, direct: NDArray, over: NDArray, look: Look) -> None:
    """Draw one marker per triple, the diagonal and the mean, and count what lies below the diagonal."""
    panel.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    panel.plot(
        direct,
        over,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        alpha=0.55,
        markersize=3.4,
    )
    panel.plot(
        direct.mean(),
        over.mean(),
        marker="+",
        color=INK,
        markersize=11,
        markeredgewidth=1.6,
        zorder=3,
    )
    below = f"over the third is lower:\n{int((over < direct).sum())} of {len(direct)} triples"
    panel.annotate(
        below, (0.98, 0.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=7
    )
