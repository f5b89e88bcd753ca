"""How far minima are from each other, modulo symmetries.

(a) Mean distance on the torus (root mean square angle between matched units) of minima from any two
arms after alignment; n is the number of pairs (without room for it where there are more than eight
arms). (b) Pairs within an arm, over all units and per unit group, from input to output: hollow
before, filled after the units were matched; bars are the middle 80 % of the pairs. Matching
shortens any distance by selection. Grey symbols beside an arm say how far: the mean after
alignment, in pairs of consecutive seeds, of the first network from a control in the place of the
second, which is a random network, or the second one with the signs of its weights or with its
inputs shuffled. Only what lies below the lowest grey symbol is a likeness of the trained networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import columns
from symgeom.study.figures.keys import letter, mark, note
from symgeom.study.figures.record import DISTANCES, Figure
from symgeom.study.figures.selection import (
    MIDDLE,
    matrix_of_arms,
    pairs_inside,
    representative,
)
from symgeom.study.figures.series import table
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ROOMY = 5
"""Up to how many arms fit into a matrix beside the strips."""

ABREAST = 4
"""Strips in a row; in the first two rows the matrix takes half of the width."""

MOST = 12
"""Up to how many groups are shown."""

CONTROL_MARKERS = ("x", "+", "_")
"""Markers of the kinds of control, in the order of the store."""

ASIDE = 0.34
"""How far beside its arm a control stands, in columns."""


def draw(results: Results) -> Picture:
    """Draw mean distances between arms, and by group how alignment shortens those within arms.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``distances``.

    Returns
    -------
    Picture
        A page wide.
    """
    distances = results.stage("distances")
    usable = results.usable()
    pairs = pairs_inside(distances, usable)
    if not pairs:
        nothing = "No distances to show: no arm has two usable minima. "
        return words(nothing + results.left_out())
    groups, remark = representative(distances["group"].values.tolist(), most=MOST)
    figure, panels = _sheet(groups, len(usable))
    _matrix(panels["matrix"], distances, usable)
    strips = {name: panel for name, panel in panels.items() if name != "matrix"}
    look_of = looks(results.arms)
    for name, panel in strips.items():
        measured, controls = _angles(distances, name)
        _strip(panel, measured, pairs, look_of)
        _controls(panel, controls, pairs)
        columns(panel, list(pairs), rotation=60)
    _frame(strips)
    figure.legend(
        handles=_meanings(distances),
        loc="outside upper right",
        ncols=5,
        borderpad=0.1,
        handletextpad=0.4,
    )
    letter({"matrix": panels["matrix"], "all": panels["all"]})
    note(figure, remark, results.left_out())
    return figure


def _sheet(groups: Sequence[str], arms: int) -> tuple[Picture, dict[str, Axes]]:
    """Make a panel for the matrix and one strip for each group, in one row if there is room."""
    if arms <= ROOMY and len(groups) < ABREAST:
        widths = [2.2, *[1] * (1 + len(groups))]
        layout = [["matrix", "all", *groups]]
        return sheet(layout, width=PAGE, height=3.0, width_ratios=widths)
    strips = ["all", *groups, ".", "."]
    layout = [["matrix", "matrix", *strips[:2]], ["matrix", "matrix", *strips[2:4]]]
    for first in range(3, len(groups), ABREAST):
        row = list(groups[first : first + ABREAST])
        layout.append(row + ["."] * (ABREAST - len(row)))
    return sheet(layout, width=PAGE, height=0.6 + 1.9 * len(layout))


def _matrix(panel: Axes, distances: xr.Dataset, usable: Mapping[str, Sequence[int]]) -> None:
    """Draw the mean aligned distance between every two arms."""
    from matplotlib.colors import Normalize

    aligned = np.degrees(distances["distance"].sel(stage="aligned").values)
    matrix = matrix_of_arms(aligned, distances, usable)
    scale = Normalize(np.nanmin(matrix.means) - 1e-6, np.nanmax(matrix.means))
    table(panel, matrix, form="{:.1f}", scale=scale)
    panel.set_title("mean aligned distance (degrees)")


def _angles(distances: xr.Dataset, name: str) -> tuple[NDArray, NDArray]:
    """Return distances in degrees of all units or one group, (pair, stage), and to controls."""
    if name == "all":
        measured = distances["distance"]
        controls = distances["control_distance"]
    else:
        measured = distances["group_distance"].sel(group=name)
        controls = distances["group_control_distance"].sel(group=name)
    pairs = measured.transpose("pair", "stage").values
    aligned = controls.sel(stage="aligned").transpose("pair", "control").values
    return np.degrees(pairs), np.degrees(aligned)


def _strip(
    panel: Axes,
    measured: NDArray,
    pairs: Mapping[str, NDArray],
    look_of: Mapping[str, Look],
) -> None:
    """Draw, per arm, the angle before (hollow) and after alignment (filled)."""
    for column, (arm, members) in enumerate(pairs.items()):
        look = look_of[arm]
        angles = measured[members]
        means = angles.mean(0)
        low, high = np.percentile(angles, MIDDLE, axis=0)
        panel.plot([column, column], means, color=look.colour, linewidth=0.8, alpha=0.6)
        for stage, fill in enumerate(("white", look.colour)):
            bar = [low[stage], high[stage]]
            panel.plot([column, column], bar, color=look.colour, linewidth=1.6)
            panel.plot(
                column, means[stage], marker=look.marker, color=look.colour, markerfacecolor=fill
            )


def _controls(panel: Axes, controls: NDArray, pairs: Mapping[str, NDArray]) -> None:
    """Draw, beside each arm, the mean angle to its controls after alignment; and a right angle."""
    for column, members in enumerate(pairs.values()):
        of_arm = controls[members]
        measured = of_arm[np.isfinite(of_arm).all(axis=1)]
        if not len(measured):
            continue
        for marker, mean in zip(CONTROL_MARKERS, measured.mean(axis=0), strict=False):
            panel.plot(column + ASIDE, mean, marker=marker, color=MUTED, markersize=3.5, zorder=0.5)
    panel.axhline(90, color=FAINT, linewidth=0.6, zorder=-1)


def _frame(strips: Mapping[str, Axes]) -> None:
    """Give all strips one vertical axis, and name them."""
    first = strips["all"]
    first_of_row = _first_of_row(strips)
    for name, panel in strips.items():
        panel.set_title("all units" if name == "all" else name)
        panel.sharey(first)
        panel.tick_params(labelleft=name in first_of_row)
        panel.set_ylabel("rms angle (degrees)" if name in first_of_row else "")
    lowest = min(panel.dataLim.y0 for panel in strips.values())
    highest = max(panel.dataLim.y1 for panel in strips.values())
    first.set_ylim(10 * np.floor((lowest - 2) / 10), max(95, highest + 3))


def _first_of_row(strips: Mapping[str, Axes]) -> list[str]:
    """Return the strip of each row that is farthest to the left."""
    first: dict[int, str] = {}
    for name, panel in strips.items():
        position = panel.get_subplotspec()
        if position is not None:
            first.setdefault(position.rowspan.start, name)
    return list(first.values())


def _meanings(distances: xr.Dataset) -> list[Line2D]:
    """Return legend handles for what is drawn before and after alignment."""
    handles = [mark("o", "before alignment", fill="white"), mark("o", "after", fill=INK)]
    titles = distances["control_title"].values.tolist()
    for marker, title in zip(CONTROL_MARKERS, titles, strict=False):
        handles.append(mark(marker, f"{title} after", colour=MUTED))
    return handles


FIGURE = Figure(
    name="distances",
    text=__doc__,
    question=DISTANCES,
    stages=("minima", "distances"),
    drawing=draw,
)
