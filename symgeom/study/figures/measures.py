"""Measures of flatness: which of them orders minima as their test errors do.

A rank correlation over all minima mixes two things: that arms differ in both, and that the seeds of
an arm do. The second column shows the correlation inside arms alone, where nothing but the seed
differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from symgeom.study.claims.bootstrap import RESAMPLES, interval, numpy_stream, spearman
from symgeom.study.claims.flatness import mean_local_energy
from symgeom.study.claims.margin import QUANTILE
from symgeom.study.claims.selection import select_minima
from symgeom.study.figures.parts import key, letter, note, spread
from symgeom.study.figures.selection import counts, left_out, stage, usable
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

FEWEST = 3
"""Minima of which a rank correlation says anything."""


@dataclass(frozen=True)
class Measure:
    """One row: a number per minimum that is larger where the minimum is sharper.

    Attributes
    ----------
    name : str
        Of the array.
    label : str
        In words.
    family : str
        Rows of one family stand together.
    invariant : bool
        Whether all networks that compute the same function by a rescaling of units have the same
        value.
    """

    name: str
    label: str
    family: str
    invariant: bool


MEASURES = (
    Measure("local_energy", "energy, relative noise", "noise", True),
    Measure("torus_energy", "energy, noise on the torus", "noise", True),
    Measure("additive_energy", "energy, raw noise", "noise", False),
    Measure("rescaled_energy", "energy, raw, rescaled copy", "noise", False),
    Measure("relative_eigenvalue", "relative eigenvalue", "curvature", True),
    Measure("relative_trace", "relative trace", "curvature", True),
    Measure("torus_eigenvalue", "eigenvalue on the torus", "curvature", True),
    Measure("torus_trace", "trace on the torus", "curvature", True),
    Measure("eigenvalue", "Hessian eigenvalue", "curvature", False),
    Measure("trace", "Hessian trace", "curvature", False),
    Measure("adaptive_sharpness", "adaptive sharpness", "worst case", True),
    Measure("sharpness", "sharpness", "worst case", False),
    Measure("margin", "minus margin at 10 %", "margin", True),
)
"""From top to bottom, whatever the study finds."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw, for every measure, its rank correlation with the test error over all minima and inside arms.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima``, ``flatness`` and ``curvature``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals and, for their bootstrap, ``resamples``.

    Returns
    -------
    Figure
        A page wide.
    """
    minima = stage(case, "minima")
    columns = {_named(measure, case): _column(case, measure) for measure in MEASURES}
    rows = {
        measure: _minima(column, minima)
        for measure, column in columns.items()
        if column is not None
    }
    rows = {
        measure: found
        for measure, found in rows.items()
        if len(found[0]) >= FEWEST and len(set(found[0])) < len(found[0])
    }
    if not rows:
        return words(
            f"No measures to compare: fewer than {FEWEST} minima can be used. "
            + left_out(minima, arms)
        )
    figure, panels = sheet(
        "ab", width=PAGE, height=1.3 + 0.2 * len(rows), sharey=True, width_ratios=[1.4, 1]
    )
    resamples = settings.get("resamples", RESAMPLES)
    for row, (measure, (strata, sharp, error)) in enumerate(rows.items()):
        chosen = {
            "generator": numpy_stream("measures", measure.name),
            "level": settings["level"],
            "resamples": resamples,
        }
        found = interval(lambda counts, x=sharp, y=error: spearman(x, y, counts), strata, **chosen)
        _point(panels["a"], row, found, measure.invariant)
        _inside(panels["b"], row, (strata, sharp, error), arms, measure.invariant)
    _frame(panels, list(rows))
    largest = max(len(strata) for strata, *_ in rows.values())
    panels["a"].set_title(f"all minima (n = {largest})")
    panels["b"].set_title("inside arms: each, and their mean")
    letter(panels)
    key(figure, counts(usable(minima, arms)), arms, lines=False, extra=_handles())
    fewer = [
        f"{measure.label}: {len(strata)} minima."
        for measure, (strata, *_) in rows.items()
        if len(strata) < largest
    ]
    note(figure, " ".join(filter(None, [*fewer, left_out(minima, arms)])))
    return figure


def _named(measure: Measure, case: xr.DataTree) -> Measure:
    """Return the measure with the label that it has for binary networks, where the noise flips signs."""
    flips = stage(case, "flatness").attrs.get("noise") == "flips" and measure.name == "local_energy"
    return replace(measure, label="energy, flips") if flips else measure


def _column(case: xr.DataTree, measure: Measure) -> xr.DataArray | None:
    """Return one number per minimum, larger where it is sharper; nothing if the study did not measure it."""
    name, found = (
        measure.name,
        next((arrays for arrays in _stages(case) if measure.name in arrays), None),
    )
    if found is None:
        return None
    if measure.family == "noise":
        return mean_local_energy(xr.Dataset({"local_energy": found[name]}))
    if name == "margin":
        return -found[name].sel(quantile=QUANTILE, method="nearest", drop=True)
    return found[name].isel(rank=0, drop=True) if "rank" in found[name].dims else found[name]


def _stages(case: xr.DataTree) -> list[xr.Dataset]:
    return [stage(case, "flatness"), stage(case, "curvature")]


def _minima(column: xr.DataArray, minima: xr.Dataset) -> tuple[NDArray, NDArray, NDArray]:
    """Return the arm, the measure and the test error of all minima that can be used."""
    both = xr.concat(
        [column, minima["test_error"]], "column", join="outer", coords="minimal", compat="override"
    )
    selection = select_minima(both, minima)
    return selection.strata, *selection.values.reshape(-1, 2).T


def _point(panel: Axes, row: int, found: tuple[float, float, float], invariant: bool) -> None:
    """Draw a correlation with its interval."""
    estimate, low, high = found
    panel.plot([low, high], [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
    panel.plot(
        estimate,
        row,
        marker="o",
        color=INK,
        markerfacecolor=INK if invariant else "white",
        markersize=5,
    )


def _inside(
    panel: Axes,
    row: int,
    data: tuple[NDArray, NDArray, NDArray],
    arms: Sequence[str],
    invariant: bool,
) -> None:
    """Draw the correlation inside every arm that has enough minima, and the mean of these."""
    strata, sharp, error = data
    found = {}
    for arm in arms:
        own = strata == arm
        if own.sum() >= FEWEST:
            found[arm] = spearman(sharp[own], error[own], np.ones((1, own.sum()), dtype=np.int64))[
                0
            ]
    for shift, (arm, value) in zip(spread(len(found), 0.5), found.items(), strict=True):
        look = looks(arms)[arm]
        panel.plot(
            value,
            row + shift,
            linestyle="none",
            marker=look.marker,
            color=look.colour,
            alpha=0.8,
            markersize=2.8,
        )
    values = [value for value in found.values() if np.isfinite(value)]
    if values:
        fill = INK if invariant else "white"
        panel.plot(
            np.mean(values),
            row,
            marker="d",
            color=INK,
            markerfacecolor=fill,
            markersize=6,
            zorder=3,
        )


def _frame(panels: Mapping[str, Axes], measures: Sequence[Measure]) -> None:
    """Name the rows, and draw the lines at zero and between families."""
    for panel in panels.values():
        panel.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
        for row in range(1, len(measures)):
            if measures[row].family != measures[row - 1].family:
                panel.axhline(row - 0.5, color=FAINT, linewidth=0.6, zorder=0)
        panel.set(
            xlabel="rank correlation with the test error",
            xlim=(-1.08, 1.08),
            xticks=[-1, -0.5, 0, 0.5, 1],
        )
        panel.set_xticklabels(["−1", "−0.5", "0", "0.5", "1"])
        panel.tick_params(axis="y", length=0)
    panels["a"].set_yticks(range(len(measures)), [measure.label for measure in measures])
    panels["a"].set_ylim(len(measures) - 0.4, -0.6)


def _handles() -> list[Line2D]:
    """Return the legend of filled and hollow markers."""
    style = {"linestyle": "none", "marker": "o", "color": INK, "markersize": 5}
    return [
        Line2D([], [], **style, label="invariant under rescaling"),
        Line2D([], [], **style, markerfacecolor="white", label="not invariant"),
    ]
