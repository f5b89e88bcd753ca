"""What panels are filled with: markers, curves over seeds and along paths, and matrices of arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import ROOMY, columns
from symgeom.study.figures.keys import TEST
from symgeom.study.figures.selection import MIDDLE, mean_interval
from symgeom.study.figures.style import INK, MUTED, Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike, NDArray

    from symgeom.study.figures.selection import Matrix, PairKind

RESOLVED = 1e-3
"""Error below which an axis is linear; a data set of thousands does not resolve less."""


def spread(count: int, width: float = 0.36) -> NDArray:
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
    if count > 1:
        return np.linspace(-width / 2, width / 2, count)
    return np.zeros(count)


def dots(
    panel: Axes,
    x: ArrayLike,
    y: ArrayLike,
    look: Look,
    *,
    fill: str | None = None,
    size: float | None = None,
) -> Line2D:
    """Draw markers without a line.

    Parameters
    ----------
    panel : Axes
        Where.
    x, y : array
        Positions.
    look : Look
        Gives colour and marker.
    fill : str, optional
        Colour inside; the look's by default.
    size : float, optional
        Of the markers, in points.

    Returns
    -------
    Line2D
        The markers.
    """
    (markers,) = panel.plot(
        x,
        y,
        linestyle="none",
        marker=look.marker,
        color=look.colour,
        markerfacecolor=fill,
        markersize=size,
    )
    return markers


def dots_of_pairs(
    panel: Axes,
    x: ArrayLike,
    y: ArrayLike,
    kind: PairKind,
    look_of: Mapping[str, Look],
    *,
    size: float = 3.6,
) -> Line2D:
    """Draw pairs within an arm with its look, and pairs of two arms as discs of both colours.

    Parameters
    ----------
    panel : Axes
        Where.
    x, y : array
        Positions.
    kind : PairKind
        The two arms.
    look_of : mapping of str to Look
        Of all arms of the study.
    size : float
        Of the markers, in points.

    Returns
    -------
    Line2D
        The markers.
    """
    first = look_of[kind.first]
    second = look_of[kind.second]
    if kind.first == kind.second:
        return dots(panel, x, y, first, size=size)
    (markers,) = panel.plot(
        x,
        y,
        linestyle="none",
        marker="o",
        fillstyle="left",
        color=first.colour,
        markerfacecoloralt=second.colour,
        markeredgecolor="none",
        markersize=size,
        alpha=0.6,
    )
    return markers


def profile(panel: Axes, t: NDArray, train: NDArray, test: NDArray, look: Look) -> None:
    """Draw the error along the paths of an arm: means, and for training the middle 80 %.

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
    markers = (len(t) // 8, max(1, len(t) // 4))
    panel.fill_between(t, low, high, color=look.colour, alpha=0.12, linewidth=0)
    panel.plot(t, train.mean(0), color=look.colour, marker=look.marker, markevery=markers)
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


def bars(
    panel: Axes,
    x: NDArray,
    values: NDArray,
    look: Look,
    *,
    level: float,
    joined: bool = True,
) -> None:
    """Draw the mean over the seeds of an arm as markers, and Student's interval of it as bars.

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
    joined : bool
        Whether thin lines join the markers, as is fair where ``x`` is a quantity.
    """
    mean, low, high = mean_interval(values, level)
    panel.vlines(x, low, high, color=look.colour, linewidth=1.0, alpha=0.7)
    markers = dots(panel, x, mean, look)
    if joined:
        markers.set(linestyle=look.dashes, linewidth=0.6)


def table(panel: Axes, matrix: Matrix, *, form: str, scale: Normalize) -> None:
    """Draw a matrix of arms: means in colour and in digits, with the numbers of pairs below.

    Cells of very many arms are too small for the numbers of pairs.

    Parameters
    ----------
    panel : Axes
        Where.
    matrix : Matrix
        What to show.
    form : str
        Format of the means.
    scale : Normalize
        Of the colours.
    """
    arms = matrix.arms
    panel.imshow(matrix.means, norm=scale, aspect="equal")
    for (row, column), mean in np.ndenumerate(matrix.means):
        middle = (column, row)
        number = matrix.numbers[row, column]
        ink = "white" if scale(mean) > 0.6 else INK
        if number and len(arms) > ROOMY:
            panel.annotate(
                form.format(mean), middle, va="center", ha="center", fontsize=6, color=ink
            )
        elif number:
            _cell(panel, middle, form.format(mean), f"n = {number}", ink)
        else:
            panel.annotate("–", middle, va="center", ha="center", color=MUTED)
    columns(panel, arms)
    _rows(panel, arms)


def _cell(panel: Axes, middle: tuple[int, int], mean: str, number: str, ink: str) -> None:
    """Write a mean, and below it the number of pairs."""
    panel.annotate(mean, middle, va="bottom", ha="center", fontsize=7.5, color=ink)
    panel.annotate(
        number,
        middle,
        (0, -2),
        textcoords="offset points",
        va="top",
        ha="center",
        fontsize=6,
        color=ink,
    )


def _rows(panel: Axes, arms: Sequence[str]) -> None:
    """Name the rows of a matrix, whose cells fill the panel."""
    panel.set_yticks(range(len(arms)), arms)
    panel.set_xlim(-0.5, len(arms) - 0.5)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
