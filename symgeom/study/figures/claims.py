"""Claims: every claim of the papers beside what was measured, with a verdict that the interval decides."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERDICTS = {
    "supported": ("o", "#0072B2", "#0072B2"),
    "not supported": ("X", "#D55E00", "#D55E00"),
    "undecided": ("D", MUTED, "white"),
}
"""Marker, colour and fill of each verdict."""

LEFT, RIGHT, NUMBERS = 0.47, 0.67, 0.70
"""Where the intervals begin and end, and where the numbers begin, as fractions of the width."""

LINE, GAP = 0.125, 0.11
"""Height of a line of text, and space between claims, in inches."""


@paper()
def draw(claims: Sequence, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw a forest plot with one row per claim.

    The statistics have different units and sizes. Each row is therefore scaled by itself: zero is
    the claim's threshold, right is the side that the claim asserts, and the farthest end of the
    row's interval lies at the edge. The numbers stand beside it.

    Parameters
    ----------
    claims : sequence of Claim
        In the order of the table.
    arms : sequence of str
        Not used.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide, as high as there are claims.
    """
    if not claims:
        return words("No claim was judged for this case.")
    texts = [_lines(claim) for claim in claims]
    ends = np.cumsum([0.36] + [GAP + LINE * max(2, len(lines)) for lines in texts])
    figure, panels = sheet("a", width=PAGE, height=ends[-1] + 0.3)
    panel, middle = panels["a"], (LEFT + RIGHT) / 2
    panel.set(xlim=(0, 1), ylim=(ends[-1], 0), xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    panel.plot([middle, middle], ends[[0, -1]], color=INK, linewidth=0.8, zorder=1)
    interval = f"estimate [{100 * settings['level']:g} % interval]; claim"
    heads = (
        (0, "left", "claim and statistic"),
        (middle, "center", "against ← threshold → for"),
        (NUMBERS, "left", interval),
    )
    for place, align, text in heads:
        panel.annotate(text, (place, 0.24), ha=align, va="center", fontsize=7, color=MUTED)
    for claim, lines, top, bottom in zip(claims, texts, ends[:-1], ends[1:], strict=True):
        panel.plot([0, 1], [top, top], color=FAINT, linewidth=0.5, zorder=0)
        for number_of_line, (line, style) in enumerate(lines):
            height = (top + bottom) / 2 + LINE * (number_of_line - (len(lines) - 1) / 2)
            panel.annotate(line, (0, height), va="center", **style)
        _interval(panel, (top + bottom) / 2, claim)
        _numbers(panel, (top + bottom) / 2, claim)
    handles = [
        Line2D(
            [], [], linestyle="none", marker=marker, color=colour, markerfacecolor=fill, label=name
        )
        for name, (marker, colour, fill) in VERDICTS.items()
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=3, handletextpad=0.2, borderpad=0.1
    )
    return figure


def _lines(claim: object) -> list[tuple[str, dict]]:
    """Break the claim and, smaller, its statistic into lines."""
    sentence = textwrap.wrap(f"{claim.identifier}  {claim.statement}", 57)
    statistic = textwrap.wrap(claim.statistic, 68)
    return [(line, {"fontsize": 7}) for line in sentence] + [
        (line, {"fontsize": 6, "color": MUTED}) for line in statistic
    ]


def _numbers(panel: Axes, height: float, claim: object) -> None:
    """Write the verdict and the numbers that it follows from."""
    sign = "<" if claim.direction == "below" else ">"
    measured = f"{number(claim.estimate)} [{number(claim.low)}, {number(claim.high)}]"
    measured = measured if math.isfinite(claim.estimate) else "too few data"
    strong = {"fontsize": 7.5, "color": VERDICTS[claim.verdict][1], "weight": "bold"}
    panel.annotate(claim.verdict, (NUMBERS, height - LINE / 2), va="center", **strong)
    panel.annotate(
        f"n = {claim.n} {claim.unit_of_n}",
        (1, height - LINE / 2),
        ha="right",
        va="center",
        fontsize=6.5,
    )
    panel.annotate(
        f"{measured}; {sign} {number(claim.threshold)}",
        (NUMBERS, height + LINE / 2),
        va="center",
        fontsize=6.5,
    )


def _interval(panel: Axes, height: float, claim: object) -> None:
    """Draw the interval towards the side that the claim asserts."""
    marker, colour, fill = VERDICTS[claim.verdict]
    ends, middle = (
        [value - claim.threshold for value in (claim.low, claim.estimate, claim.high)],
        (LEFT + RIGHT) / 2,
    )
    if not all(map(math.isfinite, ends)):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        panel.annotate(
            "no interval",
            (middle, height),
            ha="center",
            va="center",
            fontsize=7,
            color=MUTED,
            bbox=box,
        )
        return
    scale = (
        (1 if claim.direction == "above" else -1) * (RIGHT - LEFT) / 2 / (max(map(abs, ends)) or 1)
    )
    low, estimate, high = (middle + scale * end for end in ends)
    panel.plot(
        [low, high], [height, height], color=colour, linewidth=1.8, solid_capstyle="butt", zorder=2
    )
    panel.plot(
        estimate,
        height,
        marker=marker,
        color=colour,
        markerfacecolor=fill,
        markersize=5.5,
        zorder=3,
    )


def number(value: float) -> str:
    """Write a number with three significant digits.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        With a true minus sign.

    Examples
    --------
    >>> number(-0.012345), number(1e-10)
    ('−0.0123', '1e−10')
    """
    return f"{value:.3g}".replace("e-0", "e-").replace("-", "−")
