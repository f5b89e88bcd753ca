"""The valley between two minima: charge across, geodesic upwards.

Columns: the first two seeds of the flat, the reference and the sharp arm. Upwards runs the geodesic
from one minimum to the other, permutations removed; across runs the imbalance of all units, the
charge over the squared lengths of the balanced network (equal distances are equal factors). Above:
the training loss, with contours at errors of 1 % (solid) and 10 % (dashed). It does not change with
the imbalance: its level sets are the orbits of the scalings, and the valley floor is flat this way.
Middle: the trace of the Hessian of the same networks, one contour per factor of two. Their
functions are the same, their sharpness is not. Lines lead from minimum to minimum at other scales
of the units: as trained (in colour; markers are the two minima, in between their imbalances,
linearly), balanced, where weight decay alone leads, at the noise equilibrium without decay, and at
the smallest trace. But for the balanced one, their units differ in imbalance, and a line is drawn
at that of the middle unit: the chart shows where they are, not how sharp. That is shown below, for
all arms: the trace of each over the smallest of its orbit. If noise leads to the flattest network,
the last panel is near one all the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from symgeom.study.figures.axes import minus, power
from symgeom.study.figures.keys import key, letter, line, note
from symgeom.study.figures.record import DYNAMICS, Figure, asks_for
from symgeom.study.figures.selection import pairs_inside
from symgeom.study.figures.style import INK, MUTED, PAGE, SOLID, Dashes, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure as Picture
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import AbstractPathEffect
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ROLES = ("flat", "reference", "sharp")
"""The roles of the arms whose charts are shown."""

COLUMNS = 3
"""Charts in a row."""

ERRORS: dict[float, Dashes | str] = {0.01: "-", 0.1: (0, (3, 1.5))}
"""Errors with a contour, and its dashes."""

POINTS: dict[str, tuple[str, Dashes | Literal["-"]]] = {
    "balanced": ("balanced", (0, (1, 1.2))),
    "flattest": ("smallest trace", SOLID),
    "noise": ("noise equilibrium", (0, (3, 1.5))),
}
"""Words and dashes of points of every orbit; a line of the flattest is white, with dark edges."""

TICKS = (-4, -1, 0, 1, 4)
"""Imbalances that are labelled."""

ROUNDING = 1e-9
"""What may be missing to an imbalance at the end of an axis."""


def draw(results: Results) -> Picture:
    """Draw loss and trace on charts of the valley, and the trace at points of every orbit.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``charts``, and the setting ``roles``.

    Returns
    -------
    Picture
        A page wide.
    """
    charts = results.stage("charts")
    pairs = _pairs(charts, results.usable())
    if not pairs:
        nothing = "No chart to show: no two usable minima of an arm have a valley in common. "
        return words(nothing + results.left_out())
    shown = _shown(pairs, results.roles())
    figure, panels = sheet(_layout(len(shown)), width=PAGE, height=6.2)
    look_of = looks(results.arms)
    for measure, colours in (("loss", "cividis_r"), ("trace", "magma_r")):
        row = [panels[f"{measure} {number}"] for number in range(len(shown))]
        picture = _charts(row, [pairs[arm] for arm in shown], measure, colours)
        unit = "training loss (nats)" if measure == "loss" else _trace(charts)
        _bar(figure, picture, row, unit)
    for number, arm in enumerate(shown):
        panels[f"trace {number}"].set_xlabel("imbalance of every unit")
        for measure in ("loss", "trace"):
            panel = panels[f"{measure} {number}"]
            _ways(panel, pairs[arm], look_of[arm])
            _frame(panel, arm, pairs[arm]["imbalance"].values, outer=number == 0)
    _rows_of_ratios(panels, pairs, look_of)
    letter(panels)
    handles = [_way(point) for point in POINTS]
    key(figure, dict.fromkeys(pairs, 1), look_of, heading="arm (pairs)", extra=handles)
    note(figure, _constancy(charts), _least(pairs), _missing(charts), results.left_out())
    return figure


def _rows_of_ratios(
    panels: Mapping[str, Axes], pairs: Mapping[str, xr.Dataset], look_of: Mapping[str, Look]
) -> None:
    """Draw the trace over the smallest of its orbit at three points, on one scale."""
    for point in ("balanced", "noise"):
        panels[point].sharey(panels["trained"])
        panels[point].tick_params(labelleft=False)
    for point in ("trained", "balanced", "noise"):
        _ratios(panels[point], pairs, point, look_of)
    panels["trained"].set_ylabel("trace / smallest of the orbit")


def _pairs(charts: xr.Dataset, usable: Mapping[str, Sequence[int]]) -> dict[str, xr.Dataset]:
    """Return the chart of every arm."""
    if "trace" not in charts:
        return {}
    of_arms = {}
    for arm, members in pairs_inside(charts, usable).items():
        chart = charts.isel(pair=int(members[0]))
        if np.isfinite(chart["trace"].values).all():
            of_arms[arm] = chart
    return of_arms


def _shown(pairs: Mapping[str, xr.Dataset], roles: Mapping[str, str]) -> list[str]:
    """Choose the arms whose charts are shown: those with a role, or else the first ones."""
    of_roles = [roles[role] for role in ROLES if roles.get(role) in pairs]
    return list(dict.fromkeys(of_roles or pairs))[:COLUMNS]


def _layout(count: int) -> list[list[str]]:
    """Return the names of the panels, row by row."""
    rows = []
    for measure in ("loss", "trace"):
        charts = [f"{measure} {number}" for number in range(count)]
        rows.append(charts + ["."] * (COLUMNS - count))
    return [*rows, ["trained", "balanced", "noise"]]


def _trace(charts: xr.Dataset) -> str:
    """Name the trace, with its unit."""
    return f"trace of the {charts.attrs.get('matrix', 'Hessian')}\n(nats/weight²)"


def _charts(
    row: Sequence[Axes], pairs: Sequence[xr.Dataset], measure: str, colours: str
) -> ScalarMappable:
    """Draw a measure on all charts of a row, in the same colours."""
    from matplotlib.colors import LogNorm

    least = min(float(pair[measure].min()) for pair in pairs)
    most = max(float(pair[measure].max()) for pair in pairs)
    scale = LogNorm(least, most)
    for panel, pair in zip(row, pairs, strict=True):
        values = pair[measure].transpose("t", "imbalance").values
        picture = panel.pcolormesh(
            pair["imbalance"].values,
            pair["t"].values,
            values,
            norm=scale,
            cmap=colours,
            shading="gouraud",
            rasterized=True,
        )
        if measure == "loss":
            _contours(panel, pair, "error", list(ERRORS), list(ERRORS.values()), "white")
        else:
            doubled = np.arange(np.ceil(np.log2(least)), np.log2(most))
            _contours(panel, pair, "trace", list(2.0**doubled), [SOLID] * len(doubled), MUTED)
    return picture


def _contours(
    panel: Axes,
    pair: xr.Dataset,
    measure: str,
    levels: Sequence[float],
    dashes: Sequence[Dashes | str],
    colour: str,
) -> None:
    """Draw contours, if the chart has any."""
    values = pair[measure].transpose("t", "imbalance").values
    drawn = []
    for level, pattern in zip(levels, dashes, strict=True):
        if values.min() < level < values.max():
            drawn.append((level, pattern))
    if drawn:
        panel.contour(
            pair["imbalance"].values,
            pair["t"].values,
            values,
            levels=[level for level, _ in drawn],
            linestyles=[pattern for _, pattern in drawn],
            colors=colour,
            linewidths=0.6,
            alpha=0.7,
        )


def _bar(figure: Picture, picture: ScalarMappable, row: Sequence[Axes], label: str) -> None:
    """Draw the colour bar of a row."""
    from matplotlib.ticker import FuncFormatter

    bar = figure.colorbar(picture, ax=list(row), pad=0.02, aspect=18)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    bar.ax.minorticks_off()
    bar.set_label(label)


def _ways(panel: Axes, pair: xr.Dataset, look: Look) -> None:
    """Draw the ways from minimum to minimum at other scales."""
    t = pair["t"].values
    for point in POINTS:
        way = _way(point)
        way.set_data(pair["point_imbalance"].sel(point=point).values, t)
        panel.add_line(way)
    trained = pair["point_imbalance"].sel(point="trained").values
    panel.plot(trained, t, color=look.colour, path_effects=_edges("white", 2.4))
    panel.plot(
        trained[[0, -1]],
        t[[0, -1]],
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markeredgecolor="white",
        markersize=6,
        clip_on=False,
        zorder=3,
    )


def _way(point: str) -> Line2D:
    """Return the line of a point of every orbit."""
    text, dashes = POINTS[point]
    if point == "flattest":
        way = line(dashes, text, colour="white", width=2.4)
        way.set_path_effects(_edges(INK, 3.6))
    else:
        way = line(dashes, text)
        way.set_path_effects(_edges("white", 2.4))
    return way


def _edges(colour: str, width: float) -> list[AbstractPathEffect]:
    """Return what a line is drawn on, so that it is seen on all colours."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=colour)]


def _frame(panel: Axes, arm: str, imbalances: NDArray, *, outer: bool) -> None:
    """Name and scale the axes of a chart."""
    panel.set_title(arm)
    panel.set_xscale("function", functions=(np.arcsinh, np.sinh))
    low = imbalances.min()
    high = imbalances.max()
    ticks = [tick for tick in TICKS if low - ROUNDING < tick < high + ROUNDING]
    panel.set_xticks(ticks, [minus(f"{tick:g}") for tick in ticks])
    panel.set_xlim(low, high)
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if outer else ["", "", ""])
    panel.set_ylim(0, 1)
    if outer:
        panel.set_ylabel("position on the geodesic, t")


def _ratios(
    panel: Axes, pairs: Mapping[str, xr.Dataset], point: str, look_of: Mapping[str, Look]
) -> None:
    """Draw the trace at a point of every orbit over the smallest, along the geodesic."""
    for arm, pair in pairs.items():
        look = look_of[arm]
        ratio = pair["point_trace"].sel(point=point) / pair["point_trace"].sel(point="flattest")
        panel.plot(
            pair["t"].values,
            ratio.values,
            color=look.colour,
            marker=look.marker,
            linestyle=look.dashes,
            markevery=2,
        )
    panel.axhline(1, color=MUTED, linewidth=0.8, zorder=0)
    title = POINTS[point][0] if point in POINTS else "as trained"
    panel.set(title=title, xlabel="position on the geodesic, t")
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])


def _constancy(charts: xr.Dataset) -> str:
    """Say how constant the loss is along the imbalance."""
    loss = charts["loss"]
    spread = (loss.max("imbalance") - loss.min("imbalance")) / loss.min("imbalance")
    return f"Along the imbalance the loss changes by at most {float(spread.max()):.1g} of itself."


def _least(pairs: Mapping[str, xr.Dataset]) -> str:
    """Say how near one imbalance of all units comes to the smallest trace."""
    nearest = np.inf
    for pair in pairs.values():
        flattest = pair["point_trace"].sel(point="flattest")
        ratio = pair["trace"].min("imbalance") / flattest
        nearest = min(nearest, float(ratio.min()))
    where = "With one imbalance for all units the trace is"
    return f"{where} at least {nearest:.3g} times the smallest of its orbit."


def _missing(charts: xr.Dataset) -> str:
    """Name the pairs without a chart."""
    undefined = charts.attrs.get("undefined", [])
    return f"Not charted: {', '.join(undefined)}." if len(undefined) else ""


FIGURE = Figure(
    name="charts",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "charts"),
    drawing=draw,
    settings=("claims.roles",),
    asked=asks_for("valleys"),
)
