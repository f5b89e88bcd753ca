"""Training error on planes through three minima, all symmetries removed.

Each map is the plane through three canonical networks, the second and third aligned to the first:
one map per arm, of its first three seeds, and one across arms, of the first seeds of the flat, the
reference and the sharp arm. Axes are Euclidean distances between canonical weights (for binary
networks, latent ones); markers with their seeds are the minima at their exact places. The colour is
linear below 0.1 % and logarithmic above, and linear throughout where no point is below 1 %; white
contours are at 1 % (solid) and 10 % (dashed). Below the maps stand their lowest and highest errors:
a map without contours, whose lowest error is high, cuts no basin that its grid resolves. Look
for whether the three minima lie in one bright basin or are separated by dark ridges. Pairwise
alignment is not transitive: the second and third network are aligned to the first, not to each
other, so that the ridge between them can be the alignment's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import plain_numbers
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import CONNECTION, Configuration, Figure, setting
from symgeom.study.figures.style import INK, PAGE, Dashes, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ACROSS = 4
"""Maps in a row."""

WIDTHS = 6.4
HIGHEST = 2.6
"""How wide all maps of a row are together, and how high a row is at most, in inches."""

STEPS = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Errors (fractions) that are named at the colour bar; below the second the scale is linear."""

CONTOURS: dict[float, Dashes | str] = {0.01: "-", 0.1: (0, (3, 1.5))}
"""Errors with a contour, and its dashes."""


def draw(results: Results) -> Picture:
    """Draw one map for every three minima: of each arm, and one across arms.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``maps``.

    Returns
    -------
    Picture
        A page wide.
    """
    planes = _planes(results)
    if not planes:
        nothing = "No map to show: no plane through three usable minima was measured. "
        return words(nothing + results.left_out())
    figure, panels = _sheet(len(planes))
    look_of = looks(results.arms)
    scale = _scale(planes)
    for panel, plane in zip(panels, planes, strict=True):
        picture = _map(panel, plane, scale)
        _minima(panel, plane, look_of)
        _frame(panel, plane)
    _colours(figure, picture)
    letter({str(number): panel for number, panel in enumerate(panels)})
    key(figure, _numbers(planes), look_of, lines=False)
    note(figure, _ranges(planes), results.left_out())
    return figure


def _scale(planes: Sequence[xr.Dataset]) -> Normalize:
    """Return the scale of the colours, which is the same in all maps."""
    from matplotlib.colors import Normalize, SymLogNorm

    lowest = min(float(plane["error"].min()) for plane in planes)
    highest = max(float(plane["error"].max()) for plane in planes)
    if lowest >= STEPS[2]:
        return Normalize(lowest, highest)
    return SymLogNorm(STEPS[1], vmin=0, vmax=1, base=10)


def _ranges(planes: Sequence[xr.Dataset]) -> str:
    """Say between which errors each map lies."""
    ranges = []
    for number, plane in enumerate(planes):
        lowest = 100 * float(plane["error"].min())
        highest = 100 * float(plane["error"].max())
        ranges.append(f"{chr(ord('a') + number)} {lowest:.1f} to {highest:.1f}")
    return f"Lowest to highest error (%): {', '.join(ranges)}."


def _planes(results: Results) -> list[xr.Dataset]:
    """Return the planes that were measured through usable minima: those of one arm first."""
    maps = results.stage("maps")
    usable = results.usable()
    arms = list(results.arms)
    planes = []
    for number in range(maps.sizes.get("plane", 0)):
        plane = maps.isel(plane=number)
        if _measured(plane) and _through(plane, usable):
            planes.append(plane)

    def rank(plane: xr.Dataset) -> tuple[int, list[int]]:
        present = _arms(plane)
        return len(present), [arms.index(arm) for arm in present]

    return sorted(planes, key=rank)


def _vertices(plane: xr.Dataset) -> list[tuple[str, int]]:
    """Return the arm and the seed of the three minima."""
    arms = plane["vertex_arm"].values.tolist()
    seeds = plane["vertex_seed"].values.tolist()
    return list(zip(arms, seeds, strict=True))


def _measured(plane: xr.Dataset) -> bool:
    return "error" in plane and bool(np.isfinite(plane["error"].values).all())


def _through(plane: xr.Dataset, usable: Mapping[str, Sequence[int]]) -> bool:
    """Tell whether all three minima can be used."""
    return all(seed in usable.get(arm, ()) for arm, seed in _vertices(plane))


def _arms(plane: xr.Dataset) -> list[str]:
    """Return the different arms of the three minima."""
    return list(dict.fromkeys(plane["vertex_arm"].values.tolist()))


def _numbers(planes: Sequence[xr.Dataset]) -> dict[str, int]:
    """Count the minima of every arm that are on any map."""
    seeds: dict[str, set[int]] = {}
    for plane in planes:
        for arm, seed in _vertices(plane):
            seeds.setdefault(arm, set()).add(seed)
    return {arm: len(members) for arm, members in seeds.items()}


def _sheet(count: int) -> tuple[Picture, list[Axes]]:
    """Make the panels, with words at the outer axes only."""
    across = min(ACROSS, count)
    rows = -(-count // ACROSS)
    names = [str(number) for number in range(count)]
    names += ["."] * (rows * across - count)
    layout = [names[row * across : (row + 1) * across] for row in range(rows)]
    side = min(HIGHEST, WIDTHS / across)
    figure, panels = sheet(layout, width=PAGE, height=0.75 + side * rows)
    for number, panel in enumerate(panels.values()):
        panel.set_ylabel("distance (weight)" if number % across == 0 else "")
        panel.set_xlabel("distance (weight)" if number + across >= count else "")
    return figure, list(panels.values())


def _map(panel: Axes, plane: xr.Dataset, scale: Normalize) -> ScalarMappable:
    """Draw the error in colour, and its contours."""
    x = plane["x"].values
    y = plane["y"].values
    error = plane["error"].transpose("row", "column").values
    picture = panel.pcolormesh(
        x, y, error, norm=scale, cmap="cividis_r", shading="nearest", rasterized=True
    )
    levels = _levels(error)
    if levels:
        panel.contour(
            x,
            y,
            error,
            levels=levels,
            colors="white",
            linewidths=0.8,
            linestyles=[CONTOURS[level] for level in levels],
        )
    return picture


def _levels(error: NDArray) -> list[float]:
    """Return the errors of the contours that a map has."""
    lowest = np.nanmin(error)
    highest = np.nanmax(error)
    return [level for level in CONTOURS if lowest < level < highest]


def _minima(panel: Axes, plane: xr.Dataset, look_of: Mapping[str, Look]) -> None:
    """Draw the three minima at their places, with their seeds."""
    from matplotlib.patheffects import withStroke

    positions = plane["places"].transpose("vertex", "axis").values
    for (arm, seed), (x, y) in zip(_vertices(plane), positions, strict=True):
        look = look_of[arm]
        panel.plot(x, y, linestyle="none", marker=look.marker, color=INK, markersize=8.5)
        panel.plot(
            x,
            y,
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            markeredgecolor="white",
            markersize=6,
        )
        panel.annotate(
            str(seed),
            (x, y),
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=7,
            weight="bold",
            color="white",
            path_effects=[withStroke(linewidth=1.8, foreground=INK)],
        )


def _frame(panel: Axes, plane: xr.Dataset) -> None:
    """Name a map, and scale its axes alike."""
    arms = _arms(plane)
    panel.set_title(arms[0] if len(arms) == 1 else "across arms")
    panel.set_aspect("equal")
    for axis in (panel.xaxis, panel.yaxis):
        plain_numbers(axis, most=4)


def _colours(figure: Picture, picture: ScalarMappable) -> None:
    """Draw the colour bar beside all maps, in percent, with the contours."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    bar = figure.colorbar(picture, ax=figure.axes, shrink=0.85, pad=0.02, aspect=28, panchor="N")
    low, high = bar.ax.get_ylim()
    if low < STEPS[1]:
        bar.ax.yaxis.set_major_locator(FixedLocator(STEPS))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * error:g}"))
    for level, dashes in CONTOURS.items():
        if low < level < high:
            bar.ax.axhline(level, color="white", linewidth=0.8, linestyle=dashes)
    bar.set_label("training error (%)")


def _asked(configuration: Configuration) -> bool:
    """Tell whether a study has three seeds, or three arms of different roles, for a plane."""
    seeds = setting(configuration, "seeds")
    count = len(seeds) if isinstance(seeds, list) else seeds
    roles = ("flat", "reference", "sharp")
    mixed = {setting(configuration, f"claims.roles.{role}") for role in roles}
    return len(mixed) == 3 or (isinstance(count, int) and count >= 3)


FIGURE = Figure(
    name="maps",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "maps"),
    drawing=draw,
    asked=_asked,
)
