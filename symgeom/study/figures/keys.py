"""What is written around the panels: keys of arms, letters of panels, and remarks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from symgeom.study.figures.style import FAINT, INK, MUTED, SOLID, Dashes, Look, width_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TEST: Dashes = (0, (3, 1.5))
"""Dashes of test errors; training errors are solid."""

HANDLE = 0.42
"""Width of a handle of a legend, with the spaces around it, in inches."""

ROW = 0.16
"""Height of a row of a legend, in inches."""

LINE = 0.12
"""Height of a line of remarks, in inches."""


def key(
    figure: Figure,
    numbers: Mapping[str, int],
    look_of: Mapping[str, Look],
    *,
    heading: str = "arm (seeds)",
    lines: bool = True,
    extra: Sequence[Artist] = (),
) -> None:
    """Put the legend of the arms above the panels, each with its n.

    The figure grows by the rows after the second.

    Parameters
    ----------
    figure : Figure
        The figure.
    numbers : mapping of str to int
        How many networks or pairs each arm shows; arms with none are left out.
    look_of : mapping of str to Look
        Of all arms of the study, in order.
    heading : str
        What is listed and, in brackets, what is counted.
    lines : bool
        Whether the figure draws arms as lines; else as markers alone.
    extra : sequence of Artist
        Further handles, after the arms.
    """
    handles: list[Artist] = [mark("", f"{heading}:")]
    for arm, look in look_of.items():
        if numbers.get(arm):
            label = f"{arm} ({numbers[arm]})"
            handle = mark(look.marker, label, colour=look.colour)
            if lines:
                handle.set_linestyle(look.dashes)
            handles.append(handle)
    handles.extend(extra)
    across = _fitting(handles, figure.get_figwidth())
    rows = math.ceil(len(handles) / across)
    figure.set_figheight(figure.get_figheight() + ROW * max(0, rows - 2))
    figure.legend(
        handles=_by_column(handles, across),
        loc="outside upper center",
        ncols=across,
        borderpad=0.1,
        handletextpad=0.5,
    )


def _fitting(handles: Sequence[Artist], width: float) -> int:
    """Return how many handles to put into a row, so that as few rows as possible fit."""
    count = len(handles)
    for rows in range(1, count):
        across = math.ceil(count / rows)
        inches = 0.0
        for column in range(across):
            labels = [str(handle.get_label()) for handle in handles[column::across]]
            inches += HANDLE + max(width_of(label, size=7.5) for label in labels)
        if inches <= width:
            return across
    return 1


def _by_column(handles: Sequence[Artist], across: int) -> list[Artist]:
    """Sort handles by column, as matplotlib fills a legend, so that they read by row."""
    ordered: list[Artist] = []
    for column in range(across):
        ordered.extend(handles[column::across])
    return ordered


def mark(marker: str, label: str, *, colour: str = INK, fill: str | None = None) -> Line2D:
    """Return a legend handle: a marker without a line.

    Parameters
    ----------
    marker : str
        Matplotlib's marker; nothing for a handle that is words alone.
    label : str
        What it means.
    colour : str
        Of the marker.
    fill : str, optional
        Colour inside; that of the marker by default.

    Returns
    -------
    Line2D
        The handle.
    """
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], linestyle="none", marker=marker, color=colour, markerfacecolor=fill, label=label
    )


def halves(label: str) -> Line2D:
    """Return a legend handle: a disc of two halves.

    Parameters
    ----------
    label : str
        What it means.

    Returns
    -------
    Line2D
        The handle.
    """
    handle = mark("o", label, colour=MUTED)
    handle.set(fillstyle="left", markerfacecoloralt=FAINT, markeredgecolor="none")
    return handle


def line(
    dashes: Dashes | Literal["-"], label: str, *, colour: str = INK, width: float = 1.1
) -> Line2D:
    """Return a legend handle: a line without a marker.

    Parameters
    ----------
    dashes : tuple or "-"
        Matplotlib's line style.
    label : str
        What it means.
    colour : str
        Of the line.
    width : float
        Of the line, in points.

    Returns
    -------
    Line2D
        The handle.
    """
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=label)


def splits() -> list[Line2D]:
    """Return legend handles for training (solid) and test (dashed).

    Returns
    -------
    list of Line2D
        Two handles.
    """
    return [line(SOLID, "train"), line(TEST, "test")]


def note(figure: Figure, *remarks: str) -> None:
    """Write remarks under the panels, if there is anything to remark.

    The figure grows by the lines after the first.

    Parameters
    ----------
    figure : Figure
        The figure.
    *remarks : str
        Sentences; empty ones are left out.
    """
    text = sentences(*remarks)
    if text:
        lines = wrapped(text, size=7, width=0.97 * figure.get_figwidth())
        figure.set_figheight(figure.get_figheight() + LINE * (len(lines) - 1))
        figure.supxlabel("\n".join(lines), fontsize=7, color=MUTED, x=0.01, ha="left")


def sentences(*remarks: str) -> str:
    """Join sentences that may be empty.

    Parameters
    ----------
    *remarks : str
        Sentences, or nothing.

    Returns
    -------
    str
        One paragraph.

    Examples
    --------
    >>> sentences("", "Three units are lost.", "")
    'Three units are lost.'
    """
    return " ".join(remark for remark in remarks if remark)


def letter(panels: Mapping[str, Axes]) -> None:
    """Begin the title of each panel with its letter, in the order of the mapping.

    Parameters
    ----------
    panels : mapping of str to Axes
        The panels.
    """
    for number, panel in enumerate(panels.values()):
        panel.set_title(f"{' ' * 5}{panel.get_title(loc='left')}", loc="left")
        panel.annotate(
            chr(ord("a") + number),
            (0, 1),
            (0, 6),
            xycoords="axes fraction",
            textcoords="offset points",
            va="baseline",
            weight="bold",
        )
