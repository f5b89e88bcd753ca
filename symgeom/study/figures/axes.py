"""Axes of panels: percent, powers of ten, columns of arms, and numbers in plain characters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.style import FAINT, width_of

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
    if least is not None:
        linear_below(panel.yaxis, least)
        panel.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
    _write_percent(panel.yaxis)


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


def percent_below(panel: Axes, *, least: float | None = None) -> None:
    """Show fractions as percent on the horizontal axis.

    Parameters
    ----------
    panel : Axes
        Holds fractions.
    least : float, optional
        As for :func:`percent`.
    """
    if least is not None:
        linear_below(panel.xaxis, least)
    _write_percent(panel.xaxis)


def _write_percent(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{100 * value:.6g}")))


def linear_below(axis: Axis, least: float, *, most: float = 1.0) -> None:
    """Make an axis logarithmic above a number and linear below, so that it shows zeros.

    Parameters
    ----------
    axis : Axis
        Which axis of a panel; it is labelled at zero and at powers of ten.
    least : float
        The number, positive.
    most : float
        The last of the powers; the axis reaches it.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    is_horizontal = axis is axis.axes.xaxis
    scale = axis.axes.set_xscale if is_horizontal else axis.axes.set_yscale
    scale("symlog", linthresh=least, linscale=0.6)
    powers = [10.0**exponent for exponent in range(-5, 2)]
    decades = [power for power in powers if 0.999 * least <= power <= 1.001 * most]
    axis.set_minor_locator(NullLocator())
    axis.set_ticks([0, *decades])
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def logarithmic_below(panel: Axes, values: NDArray) -> None:
    """Make the horizontal axis logarithmic, if all values are positive.

    Parameters
    ----------
    panel : Axes
        Where.
    values : array
        What decides the ends of the axis; NaN counts as nothing.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low = np.nanmin(values) / 1.5
    high = np.nanmax(values) * 1.5
    if low > 0:
        panel.set_xscale("log")
        panel.set_xlim(low, high)
        panel.xaxis.set_major_locator(FixedLocator(_round_numbers(low, high)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())


def _round_numbers(low: float, high: float) -> list[float]:
    """Return the roundest numbers of a logarithmic axis of which there are two at least."""
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    digits_by_length: list[Sequence[int]] = [(1, 2, 5), (1, 2, 3, 5, 7), range(1, 10)]
    if high / low > 100:
        digits_by_length = [(1,)]
    numbers: list[float] = []
    for digits in digits_by_length:
        numbers = []
        for exponent in exponents:
            numbers += [digit * 10.0**exponent for digit in digits]
        numbers = [number for number in numbers if low <= number <= high]
        if len(numbers) > 1:
            break
    return numbers


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

SHARE = 0.8
"""How much of its column a level name may fill."""


def columns(panel: Axes, arms: Sequence[str], *, rotation: float = 35) -> None:
    """Give each arm a column of the panel.

    The names stand level where there is room for them, and upright where the arms are very many.

    Parameters
    ----------
    panel : Axes
        Where.
    arms : sequence of str
        From left to right.
    rotation : float
        Of their names otherwise, in degrees.
    """
    places = range(len(arms))
    if len(arms) > ROOMY:
        panel.set_xticks(places, arms, rotation=90, fontsize=6)
    elif _have_room(arms, panel):
        panel.set_xticks(places, arms)
    else:
        panel.set_xticks(places, arms, rotation=rotation, ha="right", rotation_mode="anchor")
    panel.set_xlim(-0.6, len(arms) - 0.4)
    panel.tick_params(axis="x", length=0)


def _have_room(names: Sequence[str], panel: Axes) -> bool:
    """Return whether level names fit side by side, as far as can be told before the layout."""
    width = panel.get_window_extent().width / panel.figure.dpi
    room = width / len(names)
    return all(width_of(name, size=7.5) < SHARE * room for name in names)


def compartments(panel: Axes, count: int) -> None:
    """Divide a panel into columns with lines between them.

    Parameters
    ----------
    panel : Axes
        Where; the columns are centred at 0, 1, ...
    count : int
        How many columns.
    """
    for number in range(1, count):
        panel.axvline(number - 0.5, color=FAINT, linewidth=0.5, zorder=0)
    panel.set_xlim(-0.5, count - 0.5)
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
