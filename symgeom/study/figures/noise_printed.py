"""Which of the printed constants survive.

Every row is a constant that Ziyin et al. (2402.07193) print and that was derived anew. Its scale
goes from the corrected value (0) to the printed one (1); the point is what SGD says, with its
interval over draws. The verdict is that of the interval: "corrected" where it matches this value
within a tenth of the difference and not the printed one, "neither" where it matches none. All
numbers follow from the stored experiments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.constants import STAGES
from symgeom.study.figures.axes import minus
from symgeom.study.figures.record import THEORY, Figure, does_experiment
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, ordered_looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.printed import Measurement

COLUMNS = {"printed": 1.6, "corrected": 2.1, "measured": 2.85, "verdict": 3.4}
"""Where the right ends of the columns of numbers stand, on the scale of the points."""


def draw(results: Results) -> Picture:
    """Draw every constant between its corrected and its printed value.

    Parameters
    ----------
    results : Results
        With the experiments that measure them.

    Returns
    -------
    Picture
        A page wide.
    """
    from symgeom.study.printed import measured_constants

    stages = {name: results.stage(name) for name in STAGES}
    with_arrays = {name: stage for name, stage in stages.items() if len(stage)}
    constants = measured_constants(with_arrays, level=results.number("level"))
    if not constants:
        return words("No constant to show: no experiment that measures one was done.")
    figure, panels = sheet("a", width=PAGE, height=0.9 + 0.3 * len(constants))
    _constants(panels["a"], constants)
    return figure


def _constants(panel: Axes, constants: Sequence[Measurement]) -> None:
    """Draw points, and write the numbers beside them."""
    look = ordered_looks(["measured"])["measured"]
    rows = np.arange(len(constants))
    for row, constant in enumerate(constants):
        ends = [constant.relative(value) for value in (constant.low, constant.high)]
        panel.hlines(row, min(ends), max(ends), color=look.colour, linewidth=1.2)
        dots(panel, [constant.relative(constant.measured)], [row], look)
        for column, text in _texts(constant).items():
            panel.text(COLUMNS[column], row, text, ha="right", va="center", fontsize=7)
    for column, place in COLUMNS.items():
        panel.text(place, -0.85, column, ha="right", va="center", fontsize=7, color=MUTED)
    panel.axvline(0, color=MUTED, linewidth=0.9)
    panel.axvline(1, color=MUTED, linewidth=0.9, linestyle=BROKEN)
    panel.set_yticks(rows, [f"{constant.name} ({constant.place})" for constant in constants])
    panel.tick_params(axis="y", length=0)
    panel.set_xticks([0, 1], ["corrected", "printed"])
    panel.spines["bottom"].set_bounds(-0.4, 1.1)
    panel.set_xlim(-0.4, max(COLUMNS.values()) + 0.05)
    panel.set_ylim(len(constants) - 0.5, -1.2)
    panel.spines["left"].set_visible(False)


def _texts(constant: Measurement) -> dict[str, str]:
    """Return what is written in each column."""
    error = _number((constant.high - constant.low) / 2, 1)
    return {
        "printed": _number(constant.printed, 3),
        "corrected": _number(constant.corrected, 3),
        "measured": f"{_number(constant.measured, 3)} ± {error}",
        "verdict": constant.verdict,
    }


def _number(value: float, digits: int) -> str:
    """Write a number with some digits, and without powers of ten."""
    rounded = float(f"{value:.{digits}g}")
    return minus(f"{rounded:g}")


FIGURE = Figure(
    name="noise_printed",
    text=__doc__,
    question=THEORY,
    stages=STAGES,
    drawing=draw,
    settings=("claims.level",),
    asked=does_experiment(*STAGES),
    model="noise_models",
)
