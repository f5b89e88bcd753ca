"""What lies between networks, and how far apart they are.

(a, b) Error and loss along the paths between the networks: solid on training data, dashed on test
data; of several pairs the mean, and for training the middle 80 % as a band. A path whose error
stays low runs through one valley. (c) The angle between the units of two networks, in all and by
layer from input to output: hollow with scales removed, filled with units matched as well; bars
reach over all pairs. Grey marks are what alignment makes of control networks in the place of the
second. The line is a right angle, at which networks have nothing in common.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import along_path, percent
from symgeom.study.figures.keys import letter, mark, splits
from symgeom.study.figures.series import profile
from symgeom.study.figures.style import (
    COLOURS,
    FAINT,
    INK,
    MUTED,
    PAGE,
    Look,
    paper,
    sheet,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

LOOKS = (
    Look(COLOURS[1], "s", (0, ())),
    Look(COLOURS[0], "o", (0, ())),
    Look(COLOURS[2], "^", (0, ())),
)
"""Of the paths, from the one that removes nothing to the one that removes all."""

CONTROL_MARKERS = ("_", "x", "+")
"""Of the controls, the easiest first."""

MANY = 9
"""From how many layers on they are numbered, not named."""

BEFORE_AND_AFTER = {"before": "white", "aligned": INK}
"""How the marks of both stages of a distance are filled."""


def draw(facts: Mapping) -> Picture:
    """Draw the paths between networks, if there were data, and their distances.

    Parameters
    ----------
    facts : mapping
        As from :func:`~symgeom.study.in_hand.facts.facts_of`.

    Returns
    -------
    Picture
        A page wide.
    """
    pairs = facts["pairs"]
    names = ["all", *(group["name"] for group in facts["groups"])]
    with paper():
        if "paths" not in pairs[0]:
            columns = 2
            figure, panels = sheet("c", width=PAGE / 2, height=2.9)
        else:
            columns = 5
            figure, panels = sheet("abc", width=PAGE, height=2.9, width_ratios=[1, 1, 1.15])
            _draw_paths(panels["a"], pairs, "error")
            percent(panels["a"])
            panels["a"].set(title="error along the path", ylabel="error (%)")
            _draw_paths(panels["b"], pairs, "loss")
            panels["b"].set(title="loss along the path", ylabel="loss (nat)")
            handles = _paths_in_words(pairs)
            figure.legend(
                handles=handles, loc="outside upper left", ncols=len(handles), borderpad=0.1
            )
        _draw_angles(panels["c"], pairs, names)
        meanings = _meanings(pairs[0]["controls"])
        figure.legend(
            handles=meanings,
            loc="outside lower right",
            ncols=columns,
            borderpad=0.1,
            handletextpad=0.2,
            columnspacing=1.2,
            title=_remark(pairs),
            alignment="right",
        )
        letter(panels)
    return figure


def _paths_in_words(pairs: Sequence[Mapping]) -> list[Artist]:
    """Return legend handles for the paths, for training and for test."""
    handles: list[Artist] = []
    for title, look in _looks(pairs).items():
        handle = mark(look.marker, title, colour=look.colour)
        handle.set_linestyle(look.dashes)
        handles.append(handle)
    return [*handles, *splits()]


def _remark(pairs: Sequence[Mapping]) -> str | None:
    """Say over how many pairs means are taken."""
    if len(pairs) == 1:
        return None
    return f"Means over {len(pairs)} pairs of networks."


def _looks(pairs: Sequence[Mapping]) -> dict[str, Look]:
    """Return the looks of the paths by their titles."""
    titles = [path["title"] for path in pairs[0]["paths"].values()]
    return dict(zip(titles, LOOKS, strict=False))


def _draw_paths(panel: Axes, pairs: Sequence[Mapping], what: str) -> None:
    """Draw loss or error along all paths."""
    for name, path in pairs[0]["paths"].items():
        look = _looks(pairs)[path["title"]]
        t = np.array(path["train"]["t"])
        train = _profiles(pairs, name, "train", what)
        test = _profiles(pairs, name, "test", what)
        profile(panel, t, train, test, look)
    along_path(panel)
    panel.set_xlabel("position along the path, t")
    panel.set_ylim(0, 1.08 * panel.dataLim.y1 or 1)


def _profiles(pairs: Sequence[Mapping], name: str, split: str, what: str) -> NDArray:
    """Return the curves of all pairs whose path is defined, shape (pair, t)."""
    curves = np.array([pair["paths"][name][split][what] for pair in pairs])
    defined = np.isfinite(curves).all(axis=1)
    return curves[defined] if defined.any() else curves


def _draw_angles(panel: Axes, pairs: Sequence[Mapping], names: Sequence[str]) -> None:
    """Draw the angles before and after alignment, and those of controls."""
    panel.axhline(math.pi / 2, color=FAINT, linewidth=0.8, zorder=-1)
    for column, name in enumerate(names):
        measured = [pair if name == "all" else pair["groups"][name] for pair in pairs]
        stages = {}
        for stage in BEFORE_AND_AFTER:
            stages[stage] = np.array([pair["distance"][stage] for pair in measured])
        means = [values.mean() for values in stages.values()]
        panel.plot([column, column], means, color=INK, linewidth=0.8, alpha=0.5)
        for stage, fill in BEFORE_AND_AFTER.items():
            values = stages[stage]
            ends = [values.min(), values.max()]
            panel.plot([column, column], ends, color=INK, linewidth=1.8)
            panel.plot(column, values.mean(), marker="o", color=INK, markerfacecolor=fill)
        _draw_controls(panel, column, measured)
    _name_layers(panel, names)
    panel.set(title="angle between units", ylabel="rms angle (rad)")
    panel.set_ylim(0, 1.08 * max(math.pi / 2, panel.dataLim.y1))
    panel.set_yticks([0, 0.5, 1, 1.5], ["0", "0.5", "1", "1.5"])


def _draw_controls(panel: Axes, column: int, measured: Sequence[Mapping]) -> None:
    """Draw, beside a column, the mean angles to controls after alignment."""
    titles = measured[0]["controls"]
    for marker, title in zip(CONTROL_MARKERS, titles, strict=False):
        angles = [pair["controls"][title]["aligned"] for pair in measured]
        panel.plot(column + 0.3, np.mean(angles), marker=marker, color=MUTED, markersize=5)


def _name_layers(panel: Axes, names: Sequence[str]) -> None:
    """Name the columns, or number them where they are many."""
    columns = range(len(names))
    panel.set_xlim(-0.6, len(names) - 0.2)
    panel.axvline(0.65, color=FAINT, linewidth=0.6, zorder=-1)
    panel.tick_params(axis="x", length=0)
    if len(names) < MANY:
        panel.set_xticks(columns, names, rotation=35, ha="right", rotation_mode="anchor")
        return
    step = math.ceil(len(names) / MANY)
    numbered = range(step, len(names), step)
    panel.set_xticks([0, *numbered], ["all", *map(str, numbered)])
    panel.set_xlabel("group of units, from input to output")


def _meanings(controls: Mapping) -> list[Artist]:
    """Return legend handles for the marks of distances."""
    handles: list[Artist] = []
    for stage, fill in BEFORE_AND_AFTER.items():
        label = "before alignment" if stage == "before" else "aligned"
        handles.append(mark("o", label, fill=fill))
    for marker, title in zip(CONTROL_MARKERS, controls, strict=False):
        handles.append(mark(marker, f"{title}, aligned", colour=MUTED))
    return handles
