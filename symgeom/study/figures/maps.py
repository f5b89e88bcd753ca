"""Maps: the training error on the plane through three minima, all symmetries removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from symgeom.study.figures.parts import key, letter, note
from symgeom.study.figures.selection import left_out, stage, usable
from symgeom.study.figures.style import INK, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

ACROSS = 4
"""Maps in a row."""

STEPS = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Errors (fractions) that are named at the colour bar; below the second the scale is linear."""

CONTOURS = {0.01: "-", 0.1: (0, (3, 1.5))}
"""Errors with a contour, and its dashes."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw one map for every three minima: of each arm, and one across arms.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``maps``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, maps = stage(case, "minima"), stage(case, "maps")
    planes = [maps.isel(plane=plane) for plane in range(maps.sizes.get("plane", 0))]
    kept = usable(minima, arms)
    shown = [
        plane
        for plane in planes
        if _measured(plane) and all(seed in kept[arm] for arm, seed in _vertices(plane))
    ]
    if not shown:
        return words(
            "No map to show: no plane through three usable minima was measured. "
            + left_out(minima, arms)
        )
    shown.sort(key=lambda plane: (len(_arms(plane)), [arms.index(arm) for arm in _arms(plane)]))
    across, rows = min(ACROSS, len(shown)), -(-len(shown) // ACROSS)
    names = [str(place) if place < len(shown) else "." for place in range(rows * across)]
    grid = [names[row * across : (row + 1) * across] for row in range(rows)]
    figure, panels = sheet(grid, width=PAGE, height=0.75 + 1.6 * rows)
    scale = SymLogNorm(STEPS[1], vmin=0, vmax=1, base=10)
    for panel, plane in zip(panels.values(), shown, strict=True):
        picture = _map(panel, plane, arms, scale)
    for place, panel in enumerate(panels.values()):
        panel.set(ylabel="distance (weight)" if place % across == 0 else "")
        panel.set(xlabel="distance (weight)" if place + across >= len(shown) else "")
    _colours(figure, picture)
    letter(panels)
    seen = {
        arm: len({seed for plane in shown for own, seed in _vertices(plane) if own == arm})
        for arm in arms
    }
    key(figure, seen, arms, lines=False)
    note(figure, left_out(minima, arms))
    return figure


def _vertices(plane: xr.Dataset) -> list[tuple[str, int]]:
    return list(
        zip(plane["vertex_arm"].values.tolist(), plane["vertex_seed"].values.tolist(), strict=True)
    )


def _measured(plane: xr.Dataset) -> bool:
    return "error" in plane and bool(np.isfinite(plane["error"].values).all())


def _arms(plane: xr.Dataset) -> list[str]:
    return list(dict.fromkeys(plane["vertex_arm"].values.tolist()))


def _map(panel: Axes, plane: xr.Dataset, arms: Sequence[str], scale: SymLogNorm) -> ScalarMappable:
    """Draw the error in colour, its contours, and the three minima at their places with their seeds."""
    x, y, error = (
        plane["x"].values,
        plane["y"].values,
        plane["error"].transpose("row", "column").values,
    )
    picture = panel.pcolormesh(
        x, y, error, norm=scale, cmap="cividis_r", shading="nearest", rasterized=True
    )
    seen = {
        level: dashes
        for level, dashes in CONTOURS.items()
        if np.nanmin(error) < level < np.nanmax(error)
    }
    if seen:
        panel.contour(
            x,
            y,
            error,
            levels=list(seen),
            colors="white",
            linewidths=0.8,
            linestyles=list(seen.values()),
        )
    for (arm, seed), place in zip(
        _vertices(plane), plane["places"].transpose("vertex", "axis").values, strict=True
    ):
        look = looks(arms)[arm]
        panel.plot(*place, linestyle="none", marker=look.marker, color=INK, markersize=8.5)
        panel.plot(
            *place,
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            markeredgecolor="white",
            markersize=6,
        )
        at = {"xytext": (6, 4), "textcoords": "offset points", "fontsize": 7, "weight": "bold"}
        panel.annotate(
            str(seed),
            place,
            **at,
            color="white",
            path_effects=[withStroke(linewidth=1.8, foreground=INK)],
        )
    panel.set(title=_arms(plane)[0] if len(_arms(plane)) == 1 else "across arms", aspect="equal")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return picture


def _colours(figure: Figure, picture: ScalarMappable) -> None:
    """Draw the colour bar beside all maps, in percent, with the contours."""
    bar = figure.colorbar(picture, ax=figure.axes, shrink=0.85, pad=0.02, aspect=28, panchor="N")
    bar.ax.yaxis.set_major_locator(FixedLocator(STEPS))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:g}"))
    for level, dashes in CONTOURS.items():
        bar.ax.axhline(level, color="white", linewidth=0.8, linestyle=dashes)
    bar.set_label("training error (%)")
