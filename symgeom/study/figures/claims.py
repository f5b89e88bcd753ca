"""The claims of the papers, beside what this study measured.

One row per claim, and below them one per check (what can hardly fail). The point is the estimate,
the bar its interval: one network is left out at a time, with all pairs that it is part of, and the
quantiles are those of Student's t. Each row is scaled by itself, so that the claim's threshold lies
on the vertical line and the side that the claim asserts lies to the right: *supported* (filled
circle) if the whole interval is to the right of the line, *contradicted* (cross) if it is to the
left, *undecided* (hollow diamond) otherwise, and where an arm has fewer than five seeds. That
something is no larger than a margin is *equivalent* (square) if the whole interval is between two
lines, one margin to either side of zero. *Not asked* are claims that compare arms at different
depths, or barriers that end at the error of guessing on both sides; the reason stands below the
statistic, the numbers beside it decide nothing. Behind the verdict stands in brackets what remains
of it if it is not the same when all claims of the study are tested together (Holm). Lengths of bars
must not be compared between rows; the numbers and their n stand at the right.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import minus
from symgeom.study.figures.keys import mark
from symgeom.study.figures.record import VERDICTS, Figure
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, sheet, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.lines import Line2D

    from symgeom.study.claims.record import Judgement
    from symgeom.study.figures.results import Results

MARKS = {
    "supported": ("o", "#0072B2", "#0072B2"),
    "equivalent": ("s", "#0072B2", "#0072B2"),
    "contradicted": ("X", "#D55E00", "#D55E00"),
    "undecided": ("D", MUTED, "white"),
}
"""Marker, colour and fill of each verdict."""

SIGNS = {"below": "<", "above": ">", "within": "±"}
"""Sign of each side that a claim asserts."""

# Where the intervals begin and end, their threshold, and the numbers: fractions of the width.
LEFT = 0.47
RIGHT = 0.67
MIDDLE = (LEFT + RIGHT) / 2
NUMBERS = 0.70

# Height of a line of text, space between claims, and room above and below the rows: inches.
LINE = 0.125
GAP = 0.11
HEAD = 0.36
FOOT = 0.3


def draw(results: Results) -> Picture:
    """Draw a forest plot with one row per claim.

    The statistics have different units and sizes. Each row is therefore scaled by itself: zero is
    the claim's threshold, right is the side that the claim asserts, and the farthest end of the
    row's interval lies at the edge. The numbers stand beside it.

    Parameters
    ----------
    results : Results
        With the claims, in the order of the table, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide, as high as there are claims.
    """
    claims = sorted(results.claims, key=_is_check)
    if not claims:
        return words("No claim was judged for this case.")
    heights = [HEAD]
    for claim in claims:
        lines = len(_sentence(claim)) + len(_statistic(claim))
        heights.append(GAP + LINE * max(2, lines))
    edges = np.cumsum(heights)
    figure, panels = sheet("a", width=PAGE, height=edges[-1] + FOOT)
    panel = panels["a"]
    panel.set(xlim=(0, 1), ylim=(edges[-1], 0), xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    panel.plot([MIDDLE, MIDDLE], edges[[0, -1]], color=INK, linewidth=0.8, zorder=1)
    _heads(panel, results.number("level"))
    for claim, top, bottom in zip(claims, edges[:-1], edges[1:], strict=True):
        panel.plot([0, 1], [top, top], color=FAINT, linewidth=0.5, zorder=0)
        middle = (top + bottom) / 2
        _words(panel, middle, claim)
        _interval(panel, middle, claim)
        _numbers(panel, middle, claim)
    figure.legend(
        handles=_verdicts(),
        loc="outside upper center",
        ncols=4,
        handletextpad=0.2,
        borderpad=0.1,
    )
    return figure


def _verdicts() -> list[Line2D]:
    """Return the legend handles of the verdicts."""
    handles = []
    for verdict, (marker, colour, fill) in MARKS.items():
        handles.append(mark(marker, verdict, colour=colour, fill=fill))
    return handles


def _heads(panel: Axes, level: float) -> None:
    """Write what the columns hold."""
    interval = f"estimate [{100 * level:g} % interval]; claim"
    _head(panel, 0, "left", "claim and statistic")
    _head(panel, MIDDLE, "center", "against ← threshold → for")
    _head(panel, NUMBERS, "left", interval)


def _head(panel: Axes, x: float, align: str, text: str) -> None:
    panel.text(x, 0.24, text, ha=align, va="center", fontsize=7, color=MUTED)


def _is_check(claim: Judgement) -> bool:
    return claim.kind == "check"


def _sentence(claim: Judgement) -> list[str]:
    """Break the claim into lines."""
    name = f"{claim.identifier} (check)" if _is_check(claim) else claim.identifier
    return textwrap.wrap(f"{name}  {claim.statement}", 57)


def _statistic(claim: Judgement) -> list[str]:
    """Break the claim's statistic, which is written smaller, into lines."""
    return textwrap.wrap(f"{claim.statistic}{_reason(claim)}", 68)


def _reason(claim: Judgement) -> str:
    """Say why a claim is not judged."""
    return f"; not asked: {claim.gated}" if claim.gated else ""


def _words(panel: Axes, middle: float, claim: Judgement) -> None:
    """Write the claim and, smaller, its statistic."""
    sentence = _sentence(claim)
    statistic = _statistic(claim)
    lines = [*sentence, *statistic]
    for number_of_line, line in enumerate(lines):
        height = middle + LINE * (number_of_line - (len(lines) - 1) / 2)
        if number_of_line < len(sentence):
            panel.text(0, height, line, va="center", fontsize=7)
        else:
            panel.text(0, height, line, va="center", fontsize=6, color=MUTED)


def _numbers(panel: Axes, height: float, claim: Judgement) -> None:
    """Write the verdict and the numbers that it follows from."""
    sign = SIGNS[claim.direction]
    measured = "too few data"
    if math.isfinite(claim.estimate):
        measured = f"{number(claim.estimate)} [{number(claim.low)}, {number(claim.high)}]"
    _, colour, _ = MARKS[claim.verdict]
    above = height - LINE / 2
    below = height + LINE / 2
    verdict = claim.verdict
    if claim.gated:
        verdict = f"{verdict} (not asked)"
    elif claim.family_verdict not in ("", verdict):
        verdict = f"{verdict} ({claim.family_verdict})"
    fontsize = 7.5 if verdict == claim.verdict else 6.5
    panel.text(NUMBERS, above, verdict, va="center", fontsize=fontsize, color=colour, weight="bold")
    size = f"n = {claim.n} {claim.unit_of_n}"
    panel.text(1, above, size, ha="right", va="center", fontsize=6.5)
    threshold = f"{sign} {number(claim.threshold)}"
    panel.text(NUMBERS, below, f"{measured}; {threshold}", va="center", fontsize=6.5)


def _interval(panel: Axes, height: float, claim: Judgement) -> None:
    """Draw the interval towards the side that the claim asserts."""
    origin = 0.0 if claim.direction == "within" else claim.threshold
    ends = [value - origin for value in (claim.low, claim.estimate, claim.high)]
    if not all(math.isfinite(end) for end in ends):
        _no_interval(panel, height)
        return
    side = -1 if claim.direction == "below" else 1
    margins = [-claim.threshold, claim.threshold] if claim.direction == "within" else []
    farthest = max(abs(end) for end in (*ends, *margins))
    scale = side * (RIGHT - LEFT) / 2 / (farthest or 1)
    low, estimate, high = (MIDDLE + scale * end for end in ends)
    for margin in margins:
        line = MIDDLE + scale * margin
        panel.plot([line, line], [height - LINE, height + LINE], color=INK, linewidth=0.8)
    marker, colour, fill = MARKS[claim.verdict]
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


def _no_interval(panel: Axes, height: float) -> None:
    """Say that there is no interval, over the line of the threshold."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    panel.text(
        MIDDLE,
        height,
        "no interval",
        ha="center",
        va="center",
        fontsize=7,
        color=MUTED,
        bbox=box,
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
    return minus(f"{value:.3g}".replace("e-0", "e-"))


FIGURE = Figure(
    name="claims",
    text=__doc__,
    question=VERDICTS,
    stages=(),
    drawing=draw,
    settings=("claims.level",),
)
