"""The symmetry graph of a network: which units can be exchanged, and which weight connects them.

It is drawn like a score, from the inputs (left) to the outputs (right). A column is a step, counted
in weights from the inputs; a box is a family of units, as long as these are in use; a line is a
weight tensor. So a residual stream is one long box, and the layers of its blocks are short boxes
under it.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from symgeom.study.figures.style import INK, MUTED, PAGE, paper
from symgeom.study.figures.wiring_paper import KINDS, LANE, LETTER, Paper, short, tint
from symgeom.study.figures.wiring_spans import Span, spans
from symgeom.symmetry.wiring import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from symgeom.symmetry.wiring import SymmetryGraph

MEANINGS = {
    "positive": "positive scales",
    "sign": "signs",
    "linear": "invertible matrices",
    "none": "permutations only",
}
"""Words for the kinds of scale."""

NARROWEST = 0.32
WIDEST = 1.05
"""Least and largest distance of columns, in inches."""


@dataclass(frozen=True)
class PageLayout:
    """Sizes of the figure, in inches.

    Attributes
    ----------
    pitch : float
        Distance of the columns.
    width, height : float
        Of the figure.
    across : int
        Handles in a row of the legend.
    top : float
        Room of the title and the legend.
    below : float
        Room of the names of the weights.
    foot : float
        Room of the caption.
    flat : bool
        Whether the names of the weights are written from left to right.
    caption : str
        Broken into lines.
    """

    pitch: float
    width: float
    height: float
    across: int
    top: float
    below: float
    foot: float
    flat: bool
    caption: str


def draw_graph(graph: SymmetryGraph, *, title: str) -> Figure:
    """Draw a symmetry graph.

    Parameters
    ----------
    graph : SymmetryGraph
        Nodes and edges.
    title : str
        One line.

    Returns
    -------
    Figure
        A page wide for up to about twenty steps, wider for deeper networks.
    """
    with paper():
        return _drawn(graph, title)


def _drawn(graph: SymmetryGraph, title: str) -> Figure:
    """Draw a symmetry graph with the settings of matplotlib as they are."""
    places = spans(graph)
    handles = _legend(graph)
    page = _layout(graph, list(places.values()), len(handles))
    figure = Figure(figsize=(page.width, page.height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, page.width), ylim=(0, page.height))
    axes.set_axis_off()
    sheet = Paper(
        axes=axes,
        places=places,
        pitch=page.pitch,
        top=page.height - page.top - LANE / 2,
        bottom=page.foot + page.below,
        flat=page.flat,
    )
    _write(axes, page, title, handles)
    for node in graph.nodes:
        sheet.box(node)
    for step in sorted({edge.step for edge in graph.edges}):
        sheet.column(step, [edge for edge in graph.edges if edge.step == step])
    return figure


def _write(axes: Axes, page: PageLayout, title: str, handles: Sequence[Patch | Line2D]) -> None:
    """Write the title, the legend and the caption."""
    axes.text(0.1, page.height - 0.1, title, va="top", weight="bold", size=8)
    axes.legend(
        handles=handles,
        ncols=page.across,
        handlelength=1.6,
        handletextpad=0.5,
        loc="upper left",
        bbox_to_anchor=(0.02, page.height - 0.24),
        bbox_transform=axes.transData,
    )
    axes.text(
        0.1, page.foot - 0.06, page.caption, va="top", size=6.5, color=MUTED, linespacing=1.25
    )


def _layout(graph: SymmetryGraph, places: Sequence[Span], handles: int) -> PageLayout:
    """Find the sizes of the figure."""
    steps = max(span.end for span in places)
    lanes = 1 + max(span.lane for span in places)
    pitch = min(max((PAGE - 0.2) / steps, NARROWEST), WIDEST)
    width = max(steps * pitch + 0.2, 4.6)
    across = int(width / 1.5)
    letters = int((width - 0.2) / (6.5 * LETTER * 0.89))
    caption = textwrap.fill(caption_of(graph), letters)
    longest = _longest_name(graph)
    flat = longest < pitch and _one_weight_per_step(graph)
    below = 0.2 if flat else 0.12 + longest * 0.97
    foot = 0.14 + 0.115 * len(caption.splitlines())
    top = 0.4 + 0.16 * math.ceil(handles / across)
    height = top + lanes * LANE + below + foot
    return PageLayout(pitch, width, height, across, top, below, foot, flat, caption)


def _longest_name(graph: SymmetryGraph) -> float:
    """Return the width of the longest name of a weight, in inches."""
    letters = max((len(short(edge.tensor)) for edge in graph.edges), default=0)
    return letters * 6 * LETTER


def _one_weight_per_step(graph: SymmetryGraph) -> bool:
    steps = {edge.step for edge in graph.edges}
    return len(steps) == len(graph.edges)


def caption_of(graph: SymmetryGraph) -> str:
    """Say what there is to see.

    Parameters
    ----------
    graph : SymmetryGraph
        Nodes and edges.

    Returns
    -------
    str
        A few sentences, only about what occurs.
    """
    frame = ""
    if any(node.size and node.further for node in graph.nodes):
        frame = "; outer frame: further scalings of the same units"
    alone = ""
    if any(node.tensors for node in graph.nodes):
        alone = " After the plus: tensors of the units alone (biases, normalisations)."
    return (
        "Boxes: families of interchangeable units with their number, from the inputs (left) to the "
        "outputs (right); a box is as long as its units are in use, so that a residual stream is "
        f"one long box. Fill: what may scale the units{frame}.{alone} Lines: weights, named below, "
        "from the units they read to the units they write (arrow)."
    )


def _legend(graph: SymmetryGraph) -> list[Patch | Line2D]:
    """Return handles for what occurs in the graph."""
    groups = [node for node in graph.nodes if node.size]
    handles: list[Patch | Line2D] = []
    for kind, colour in KINDS.items():
        if any(node.scale == kind for node in groups):
            handles.append(Patch(facecolor=tint(colour), edgecolor=colour, label=MEANINGS[kind]))
    for kind, colour in KINDS.items():
        if any(kind in node.further for node in groups):
            label = f"further: {MEANINGS[kind]}"
            handles.append(Patch(facecolor="white", edgecolor=colour, linewidth=1.6, label=label))
    if any(node.name == OUTPUTS and node.further for node in graph.nodes):
        handles.append(_head())
    if not all(node.permute for node in groups):
        label = "square corners: not permuted"
        handles.append(Patch(facecolor="white", edgecolor=INK, label=label))
    handles.append(
        Line2D(
            [],
            [],
            color=INK,
            marker="o",
            markersize=2.6,
            linewidth=0.9,
            label="weight, reads at a dot",
        )
    )
    return handles


def _head() -> Patch:
    """Return the handle of a head."""
    return Patch(
        facecolor="white",
        edgecolor=KINDS["positive"],
        linestyle="--",
        label="head: keeps the classes",
    )
