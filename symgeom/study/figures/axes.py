"""Axes of panels: percent, powers of ten, columns of arms, and numbers in plain characters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from symgeom.study.figures.style import FAINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray


def percent(panel: Axes, *, least: float | None = None) -> None:
    """Show fractions as percent on the vertical axis.

    Parameters
    ----------
    panel : Axes
        Holds fractions.
    least : float, optional
        As a fraction. If it is given, the axis is logarithmic above it and linear below.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    if least is not None:
        powers = [10.0**power for power in range(-5, 1)]
        decades = [power for power in powers if power >= least * 0.999]
        panel.set_yscale("symlog", linthresh=least, linscale=0.6)
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_yticks([0, *decades])
        panel.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))


TICKS = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Where axes of errors are labelled, as fractions."""


def ticks(low: float, high: float) -> list[float]:
    """Return where an axis of errors is labelled.

    Parameters
    ----------
    low, high : float
        Its ends, as fractions.

    Returns
    -------
    list of float
        As fractions.

    Examples
    --------
    >>> ticks(0.007, 0.07)
    [0.01, 0.02, 0.05]
    """
    return [tick for tick in TICKS if low <= tick <= high]


def limits(values: NDArray, *, least: float) -> tuple[float, float]:
    """Return the ends of an axis that is linear below some value and logarithmic above.

    Parameters
    ----------
    values : array
        What it shows.
    least : float
        That value; an axis of larger ones does not begin at zero.

    Returns
    -------
    (float, float)
        With some room on either side.

    Examples
    --------
    >>> import numpy as np
    >>> limits(np.array([0.0, 0.5]), least=0.001)
    (0.0, 0.7)
    """
    low = float(values.min())
    high = float(values.max())
    return 0.7 * low if low > least else min(low, 0.0), max(1.4 * high, least)


def percent_below(panel: Axes) -> None:
    """Write the numbers of the horizontal axis as those of the vertical one.

    Parameters
    ----------
    panel : Axes
        Holds fractions on both axes; the vertical one is in percent.
    """
    panel.xaxis.set_major_formatter(panel.yaxis.get_major_formatter())


def logarithmic(panel: Axes) -> None:
    """Make the vertical axis logarithmic.

    It is labelled at powers of ten; at 1, 2 and 5, too, where it spans less than two decades, and
    at all digits where that would leave it without labels.

    Parameters
    ----------
    panel : Axes
        With everything drawn.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    low, high = panel.get_ylim()
    digits: Sequence[int] = range(1, 10)
    if high / low > 100:
        digits = [1]
    elif high / low > 5:
        digits = [1, 2, 5]
    panel.yaxis.set_major_locator(LogLocator(subs=digits))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    panel.yaxis.set_minor_formatter(NullFormatter())


def power(value: float) -> str:
    """Write a number of an axis, large and small ones with a raised power of ten.

    Parameters
    ----------
    value : float
        Positive.

    Returns
    -------
    str
        Plain characters; typeset formulas would double the time that a figure takes.

    Examples
    --------
    >>> power(1e-12), power(0.1), power(20), power(5e4)
    ('10⁻¹²', '0.1', '20', '5·10⁴')
    """
    exponent = math.floor(math.log10(value) + 1e-9)
    if abs(exponent) < 4:
        return f"{value:g}"
    raised = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if math.isclose(value, 10.0**exponent):
        return raised
    return f"{value / 10.0**exponent:g}·{raised}"


ROOMY = 8
"""Of up to how many arms the names fit at their usual size and the given angle."""


def columns(panel: Axes, arms: Sequence[str], *, rotation: float = 35) -> None:
    """Give each arm a column of the panel; the names of very many arms stand upright.

    Parameters
    ----------
    panel : Axes
        Where.
    arms : sequence of str
        From left to right.
    rotation : float
        Of their names, in degrees.
    """
    places = range(len(arms))
    if len(arms) > ROOMY:
        panel.set_xticks(places, arms, rotation=90, fontsize=6)
    elif rotation:
        panel.set_xticks(places, arms, rotation=rotation, ha="right", rotation_mode="anchor")
    else:
        panel.set_xticks(places, arms)
    panel.set_xlim(-0.6, len(arms) - 0.4)
    panel.tick_params(axis="x", length=0)


def along_path(panel: Axes) -> None:
    """Label a horizontal axis that goes from one end of a path, t = 0, to the other.

    Parameters
    ----------
    panel : Axes
        Where.
    """
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])


def plain_numbers(axis: Axis, *, most: int) -> None:
    """Label an axis with few numbers.

    Parameters
    ----------
    axis : Axis
        Which axis of a panel.
    most : int
        Into how many intervals its labels may divide it.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def minus(text: str) -> str:
    """Write hyphens as minus signs.

    Parameters
    ----------
    text : str
        Numbers.

    Returns
    -------
    str
        The same with true minus signs.

    Examples
    --------
    >>> minus("-0.5")
    '−0.5'
    """
    return text.replace("-", "−")
