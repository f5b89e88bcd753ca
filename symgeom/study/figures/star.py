"""Flat minima as hubs.

For every two minima of the reference arm, the barrier of the direct path (horizontal) against the
larger one of the two barriers over a third minimum (vertical), all symmetries removed, training
error; below the dashed line the detour is lower. (a) Over each minimum of the flat arm. (b) For
comparison, over each other minimum of the reference arm, which says what any detour does. Markers
are triples, the cross is their mean; nothing was optimised. Triples share minima and are not
independent: the claim H6-star has the interval. The axes begin at zero, unless all barriers lie in
the upper half of them. If the flat minima are the core of a star, the points of a lie below the
line and those of b do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import percent, percent_below
from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import BROKEN, COLUMN, INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


@dataclass(frozen=True, eq=False)
class Detours:
    """The ways between every two minima of some arms, direct and over every minimum of others.

    Attributes
    ----------
    hubs : tuple of str
        The arms over whose minima the detours go.
    ends : tuple of str
        The arms between whose minima they go.
    direct : array, shape (triple,)
        The barrier of the direct way.
    over : array, shape (triple,)
        The larger one of the two barriers of the detour.
    """

    hubs: tuple[str, ...]
    ends: tuple[str, ...]
    direct: NDArray
    over: NDArray


def draw(results: Results) -> Picture:
    """Draw the barrier over a third minimum against the direct barrier.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``paths``, and the setting ``roles``: the arms that are
        "flat" and "reference".

    Returns
    -------
    Picture
        A page wide; a column wide if there is nothing to compare with.
    """
    detours = _detours(results)
    if not detours:
        nothing = "No triples to show: no flat minimum was joined to two reference minima. "
        return words(nothing + results.left_out())
    compared = len(detours) == 2
    figure, panels = sheet(
        "ab" if compared else "a",
        width=PAGE if compared else COLUMN,
        height=3.3,
        sharex=True,
        sharey=True,
    )
    limits = _limits(detours)
    look_of = looks(results.arms)
    for panel, way in zip(panels.values(), detours, strict=True):
        _triples(panel, way, look_of[way.hubs[0]])
        _frame(panel, way, limits)
    panels["a"].set_ylabel("barrier over a third minimum (%)")
    letter(panels)
    note(figure, results.left_out())
    return figure


def _detours(results: Results) -> list[Detours]:
    """Return the detours over flat minima and, if there are any, over those of the reference."""
    from symgeom.study.claims.barriers import full_variant
    from symgeom.study.claims.measured import arms_of

    flat = arms_of(results.roles(), "flat")
    reference = arms_of(results.roles(), "reference")
    if not flat or not reference:
        return []
    paths = results.stage("paths")
    barrier = paths["barrier"].sel(split="train").reindex(variant=[full_variant(paths)])
    barrier = barrier.isel(variant=0, drop=True)
    over_flat = _ways(barrier, results.minima, flat, reference)
    if not len(over_flat.direct):
        return []
    if flat == reference:
        return [over_flat]
    over_reference = _ways(barrier, results.minima, reference, reference)
    if not len(over_reference.direct):
        return [over_flat]
    return [over_flat, over_reference]


def _ways(
    barrier: xr.DataArray, minima: xr.Dataset, hubs: tuple[str, ...], ends: tuple[str, ...]
) -> Detours:
    """Return the direct barrier of every triple, and the larger one of the two over its hub."""
    from symgeom.study.claims.selection import select_pairs
    from symgeom.study.claims.star import triples

    pairs = select_pairs(barrier, minima, tuple(dict.fromkeys((*hubs, *ends))))
    height = {}
    for members, (value,) in zip(pairs.members.tolist(), pairs.values, strict=True):
        height[frozenset(members)] = value
    with_hub = triples(pairs, hubs, ends)
    between_ends = [frozenset(members[1:]) for members in with_hub.members.tolist()]
    direct = np.array([height[pair] for pair in between_ends])
    return Detours(hubs, ends, direct, direct + with_hub.values[:, 0])


def _triples(panel: Axes, way: Detours, look: Look) -> None:
    """Draw one marker per triple, the diagonal and the mean, and count what lies below it."""
    panel.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=BROKEN, zorder=0)
    markers = dots(panel, way.direct, way.over, look, size=3.4)
    markers.set_alpha(0.55)
    panel.plot(
        way.direct.mean(),
        way.over.mean(),
        marker="+",
        color=INK,
        markersize=11,
        markeredgewidth=1.6,
        zorder=3,
    )
    lower = int((way.over < way.direct).sum())
    panel.annotate(
        f"over the third is lower:\n{lower} of {len(way.direct)} triples",
        (0.98, 0.03),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize=7,
    )


def _limits(detours: Sequence[Detours]) -> tuple[float, float]:
    """Return the ends of the axes, which begin at zero unless all barriers are far from it."""
    everything = np.concatenate([[*way.direct, *way.over] for way in detours])
    top = 1.08 * float(everything.max()) or 0.01
    lowest = float(everything.min())
    if lowest > top / 2:
        return lowest - 0.2 * (top - lowest), top
    return -0.03 * top, top


def _frame(panel: Axes, way: Detours, limits: tuple[float, float]) -> None:
    """Name both axes, and scale them alike."""
    panel.set(xlim=limits, ylim=limits, aspect="equal")
    panel.set_title(f"over a minimum of {', '.join(way.hubs)}")
    panel.set_xlabel(f"direct barrier between two minima of {', '.join(way.ends)} (%)")
    percent(panel)
    percent_below(panel)


FIGURE = Figure(
    name="star",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "paths"),
    drawing=draw,
    settings=("claims.roles",),
)
