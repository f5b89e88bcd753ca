"""What several figures are made of: keys, remarks, letters of panels, matrices, curves over seeds and along paths."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from symgeom.study.figures.selection import MIDDLE, mean_interval
from symgeom.study.figures.style import FAINT, INK, MUTED, Look, looks

TEST = (0, (3, 1.5))
"""Dashes of test errors; training errors are solid."""


def key(
    figure: Figure,
    numbers: Mapping[str, int],
    arms: Sequence[str],
    *,
    heading: str = "arm (seeds)",
    lines: bool = True,
    extra: Sequence[Artist] = (),
) -> None:
    """Put the legend of the arms above the panels, each with its n.

    Parameters
    ----------
    figure : Figure
        The figure.
    numbers : mapping of str to int
        How many networks or pairs each arm shows; arms with none are left out.
    arms : sequence of str
        All arms of the study, in order.
    heading : str
        What is listed and, in brackets, what is counted.
    lines : bool
        Whether the figure draws arms as lines; else as markers alone.
    extra : sequence of Artist
        Further handles, after the arms.
    """
    handles = [Line2D([], [], linestyle="none", label=f"{heading}:")]
    for arm, look in looks(arms).items():
        if numbers.get(arm):
            style = {
                "color": look.colour,
                "marker": look.marker,
                "linestyle": look.dashes if lines else "none",
            }
            handles.append(Line2D([], [], **style, label=f"{arm} ({numbers[arm]})"))
    handles += extra
    inches = sum(0.35 + 0.058 * len(str(handle.get_label())) for handle in handles)
    across = math.ceil(len(handles) / math.ceil(inches / figure.get_figwidth()))
    by_column = [handle for column in range(across) for handle in handles[column::across]]
    figure.legend(
        handles=by_column,
        loc="outside upper center",
        ncols=across,
        borderpad=0.1,
        handletextpad=0.5,
    )


def splits() -> list[Line2D]:
    """Return legend handles for training (solid) and test (dashed).

    Returns
    -------
    list of Line2D
        Two handles.
    """
    return [
        Line2D([], [], color=INK, linestyle=line, label=name)
        for name, line in (("train", "-"), ("test", TEST))
    ]


def note(figure: Figure, text: str) -> None:
    """Write a remark under the panels, if there is anything to remark.

    Parameters
    ----------
    figure : Figure
        The figure.
    text : str
        The remark, or nothing.
    """
    if text:
        figure.supxlabel(text, fontsize=7, color=MUTED, x=0.01, ha="left")


def letter(panels: Mapping[str, Axes]) -> None:
    """Begin the title of each panel with its letter, in the order of the mapping.

    Parameters
    ----------
    panels : mapping of str to Axes
        The panels.
    """
    for place, panel in enumerate(panels.values()):
        panel.set_title(f"{' ' * 5}{panel.get_title(loc='left')}", loc="left")
        at = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "baseline"}
        panel.annotate(chr(ord("a") + place), (0, 1), (0, 6), **at, weight="bold")


def table(
    panel: Axes,
    arms: Sequence[str],
    means: NDArray,
    numbers: NDArray,
    *,
    form: str,
    scale: Normalize,
) -> None:
    """Draw a symmetric matrix of arms: the mean of each cell in colour and in digits, with the number of pairs below it.

    Parameters
    ----------
    panel : Axes
        Where.
    arms : sequence of str
        Names of rows and columns.
    means, numbers : array, shape (arm, arm)
        What to show; cells without pairs are NaN.
    form : str
        Format of the means.
    scale : Normalize
        Of the colours.
    """
    panel.imshow(means, norm=scale, aspect="equal")
    for (row, column), mean in np.ndenumerate(means):
        style = {"ha": "center", "color": "white" if scale(mean) > 0.6 else INK}
        if numbers[row, column]:
            panel.annotate(form.format(mean), (column, row), va="bottom", fontsize=7.5, **style)
            below = {"xytext": (0, -2), "textcoords": "offset points", "va": "top", "fontsize": 6}
            panel.annotate(f"n = {numbers[row, column]}", (column, row), **below, **style)
        else:
            panel.annotate("–", (column, row), va="center", ha="center", color=MUTED)
    columns(panel, arms)
    panel.set_yticks(range(len(arms)), arms)
    panel.set_xlim(-0.5, len(arms) - 0.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def percent(panel: Axes, *, least: float | None = None) -> None:
    """Show fractions as percent on the vertical axis; if asked, logarithmic above a least value and linear below.

    Parameters
    ----------
    panel : Axes
        Holds fractions.
    least : float, optional
        Where the scale becomes linear, as a fraction.
    """
    if least is not None:
        decades = [10.0**power for power in range(-5, 1) if 10.0**power >= least * 0.999]
        panel.set_yscale("symlog", linthresh=least, linscale=0.6)
        panel.yaxis.set_minor_locator(NullLocator())
        panel.set_yticks([0, *decades])
        panel.axhline(0, color=FAINT, linewidth=0.5, zorder=0)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))


def logarithmic(panel: Axes) -> None:
    """Make the vertical axis logarithmic, labelled at powers of ten, or at 1, 2 and 5 where it spans less than one.

    Parameters
    ----------
    panel : Axes
        With everything drawn.
    """
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.yaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 10 else (1, 2, 5)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    panel.yaxis.set_minor_formatter(NullFormatter())


def power(value: float) -> str:
    """Write a number of an axis: large and small ones with a raised power of ten, in plain characters.

    Parameters
    ----------
    value : float
        Positive.

    Returns
    -------
    str
        Plain text; typeset formulas would double the time that a figure takes.

    Examples
    --------
    >>> power(1e-12), power(0.1), power(20), power(5e4)
    ('10⁻¹²', '0.1', '20', '5·10⁴')
    """
    exponent = math.floor(math.log10(value) + 1e-9)
    if abs(exponent) < 4:
        return f"{value:g}"
    raised = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return raised if math.isclose(value, 10.0**exponent) else f"{value / 10.0**exponent:g}·{raised}"


def spread(count: int, width: float = 0.36) -> np.ndarray:
    """Return places beside each other for points that would hide one another.

    Parameters
    ----------
    count : int
        Number of points.
    width : float
        Distance between the outermost.

    Returns
    -------
    array, shape (count,)
        Offsets around 0.

    Examples
    --------
    >>> spread(3, width=1.0)
    array([-0.5,  0. ,  0.5])
    """
    return np.linspace(-width / 2, width / 2, count) if count > 1 else np.zeros(count)


def profile(panel: Axes, t: NDArray, train: NDArray, test: NDArray, look: Look) -> None:
    """Draw the error along the paths of an arm: the mean over pairs, and for training the middle 80 % of the pairs as a band.

    Parameters
    ----------
    panel : Axes
        Where.
    t : array, shape (t,)
        Positions along the path.
    train, test : array, shape (pair, t)
        Errors, as fractions.
    look : Look
        Of the arm.
    """
    low, high = np.percentile(train, MIDDLE, axis=0)
    panel.fill_between(t, low, high, color=look.colour, alpha=0.12, linewidth=0)
    panel.plot(
        t,
        train.mean(0),
        color=look.colour,
        marker=look.marker,
        markevery=(len(t) // 8, max(1, len(t) // 4)),
    )
    panel.plot(t, test.mean(0), color=look.colour, linestyle=TEST, linewidth=0.9)


def curve(panel: Axes, x: NDArray, values: NDArray, look: Look, *, level: float) -> None:
    """Draw the mean over the seeds of an arm as a line, and Student's interval of it as a band.

    Parameters
    ----------
    panel : Axes
        Where.
    x : array, shape (x,)
        Positions.
    values : array, shape (seed, x)
        One curve per seed.
    look : Look
        Of the arm.
    level : float
        Coverage of the interval.
    """
    mean, low, high = mean_interval(values, level)
    panel.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0)
    panel.plot(x, mean, color=look.colour, marker=look.marker, linestyle=look.dashes)


def bars(panel: Axes, x: NDArray, values: NDArray, look: Look, *, level: float) -> None:
    """Draw the mean over the seeds of an arm as markers that a thin line joins, and Student's interval of it as bars.

    Parameters
    ----------
    panel : Axes
        Where.
    x : array, shape (x,)
        Positions.
    values : array, shape (seed, x)
        One row per seed.
    look : Look
        Of the arm.
    level : float
        Coverage of the interval.
    """
    mean, low, high = mean_interval(values, level)
    panel.vlines(x, low, high, color=look.colour, linewidth=1.0, alpha=0.7)
    panel.plot(x, mean, color=look.colour, marker=look.marker, linestyle=look.dashes, linewidth=0.6)


def columns(panel: Axes, arms: Sequence[str], *, rotation: float = 35) -> None:
    """Give each arm a column of the panel.

    Parameters
    ----------
    panel : Axes
        Where.
    arms : sequence of str
        From left to right.
    rotation : float
        Of their names, in degrees.
    """
    style = {"rotation": rotation, "ha": "right", "rotation_mode": "anchor"} if rotation else {}
    panel.set_xticks(range(len(arms)), arms, **style)
    panel.set_xlim(-0.6, len(arms) - 0.4)
    panel.tick_params(axis="x", length=0)
