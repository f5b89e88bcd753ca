"""The symmetry graph of a network: which units can be exchanged and rescaled, and which weight connects them.

Drawn like a score, from the inputs (left) to the outputs (right). A column is a step, counted in
weights from the inputs; a box is a family of units, as long as these are in use; a line is a weight
tensor. So a residual stream is one long box, and the layers of its blocks are short boxes under it.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch

from symgeom.study.figures.style import COLOURS, FAINT, INK, MUTED, PAGE, paper
from symgeom.symmetry.wiring import INPUTS, OUTPUTS, SymmetryGraph, UnitNode, WeightEdge

KINDS = {"positive": COLOURS[0], "sign": COLOURS[1], "linear": COLOURS[2], "none": "#8c8c8c"}
"""Colours of the kinds of scale."""

_MEANING = {
    "positive": "positive scales",
    "sign": "signs",
    "linear": "invertible matrices",
    "none": "permutations only",
}
_HEIGHT, _LANE, _PITCH = 0.5, 0.66, (0.32, 1.05)
_GAP, _FRAME, _LETTER = 0.06, 0.028, 0.6 / 72
"""Inches: height of a box, distance of lanes, least and largest distance of columns; half the gap between boxes, distance of the
outer frame, width of a letter per point of type."""


@dataclass(frozen=True)
class Span:
    """Where a node lies.

    Attributes
    ----------
    lane : int
        From the top.
    start, end : int
        The steps at which it is first written and last read.
    """

    lane: int
    start: int
    end: int


def spans(graph: SymmetryGraph) -> dict[str, Span]:
    """Lay out the nodes: no two on one lane at a time, what continues a node that ends on its lane if possible.

    Parameters
    ----------
    graph : SymmetryGraph
        Nodes and edges.

    Returns
    -------
    dict of str to Span
        By name; the same graph gives the same layout.

    Examples
    --------
    >>> nodes = tuple(UnitNode(name) for name in (INPUTS, "hidden1", OUTPUTS))
    >>> edges = (WeightEdge("0.weight", 1, (INPUTS,), ("hidden1",)), WeightEdge("2.weight", 2, ("hidden1",), (OUTPUTS,)))
    >>> spans(SymmetryGraph(nodes, edges))["hidden1"]
    Span(lane=0, start=1, end=2)
    """
    times = {node.name: _times(node.name, graph.edges) for node in graph.nodes}
    placed: dict[str, Span] = {}
    free: list[int] = []  # the step from which each lane is free
    for name, (start, end) in sorted(times.items(), key=lambda item: (item[1][0], -item[1][1])):
        before = (
            source
            for edge in graph.edges
            if edge.step == start and name in edge.writes
            for source in edge.reads
        )
        continued = [placed[source].lane for source in before if source in placed]
        lanes = [*continued, *range(len(free)), len(free)]
        lane = next(lane for lane in lanes if lane == len(free) or free[lane] <= start)
        free[lane : lane + 1] = [end]
        placed[name] = Span(lane, start, end)
    return placed


def _times(name: str, edges: tuple[WeightEdge, ...]) -> tuple[int, int]:
    last = max((edge.step for edge in edges), default=0)
    written = [edge.step for edge in edges if name in edge.writes]
    read = [edge.step for edge in edges if name in edge.reads]
    start = 0 if name == INPUTS else min([*written, *(step - 1 for step in read)], default=0)
    end = (
        last + 1
        if name == OUTPUTS
        else max([*read, *(step + 1 for step in written)], default=start + 1)
    )
    return start, end


@paper()
def draw(graph: SymmetryGraph, *, title: str) -> Figure:
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
    places = spans(graph)
    steps, lanes = (
        max(span.end for span in places.values()),
        1 + max(span.lane for span in places.values()),
    )
    pitch = min(max((PAGE - 0.2) / steps, _PITCH[0]), _PITCH[1])
    width = max(steps * pitch + 0.2, 4.6)
    handles = _legend(graph)
    across = int(width / 1.5)
    caption = textwrap.fill(caption_of(graph), int((width - 0.2) / (6.5 * _LETTER * 0.89)))
    names = [_short(edge.tensor) for edge in graph.edges]
    flat = max(map(len, names), default=0) * 6 * _LETTER < pitch and len(
        {edge.step for edge in graph.edges}
    ) == len(names)
    below = 0.2 if flat else 0.12 + max(map(len, names), default=0) * 6 * _LETTER * 0.97
    foot = 0.14 + 0.115 * len(caption.splitlines())
    top = 0.4 + 0.16 * -(-len(handles) // across)
    height = top + lanes * _LANE + below + foot
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    sheet = _Sheet(axes, places, pitch, height - top - _LANE / 2, foot + below, flat=flat)
    axes.text(0.1, height - 0.1, title, va="top", weight="bold", size=8)
    at = {
        "loc": "upper left",
        "bbox_to_anchor": (0.02, height - 0.24),
        "bbox_transform": axes.transData,
    }
    axes.legend(handles=handles, ncols=across, handlelength=1.6, handletextpad=0.5, **at)
    axes.text(0.1, foot - 0.06, caption, va="top", size=6.5, color=MUTED, linespacing=1.25)
    for node in graph.nodes:
        sheet.box(node)
    for step in sorted({edge.step for edge in graph.edges}):
        sheet.column(step, [edge for edge in graph.edges if edge.step == step])
    return figure


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
    frame = "; outer frame: further scalings of the same units" * any(
        node.size and node.further for node in graph.nodes
    )
    alone = " After the plus: tensors of the units alone (biases, normalisations)." * any(
        node.tensors for node in graph.nodes
    )
    return (
        "Boxes: families of interchangeable units with their number, from the inputs (left) to the outputs (right); a box is as "
        f"long as its units are in use, so that a residual stream is one long box. Fill: what may scale the units{frame}.{alone} "
        "Lines: weights, named below, from the units they read to the units they write (arrow)."
    )


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"…{name[-35:]}"


def _tint(colour: str, share: float = 0.25) -> tuple[float, ...]:
    return tuple(1 - share * (1 - value) for value in to_rgb(colour))


def _legend(graph: SymmetryGraph) -> list[Patch | Line2D]:
    """Return handles for what occurs in the graph."""
    groups = [node for node in graph.nodes if node.size]
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_tint(colour), edgecolor=colour, label=_MEANING[kind])
        for kind, colour in KINDS.items()
        if any(node.scale == kind for node in groups)
    ]
    for kind, colour in KINDS.items():
        if any(kind in node.further for node in groups):
            handles.append(
                Patch(
                    facecolor="white",
                    edgecolor=colour,
                    linewidth=1.6,
                    label=f"further: {_MEANING[kind]}",
                )
            )
    if any(node.name == OUTPUTS and node.further for node in graph.nodes):
        handles.append(
            Patch(
                facecolor="white",
                edgecolor=KINDS["positive"],
                linestyle="--",
                label="head: keeps the classes",
            )
        )
    if not all(node.permute for node in groups):
        handles.append(
            Patch(facecolor="white", edgecolor=INK, label="square corners: not permuted")
        )
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


@dataclass(frozen=True, eq=False)
class _Sheet:
    """Paper in inches, with lanes and columns."""

    axes: Axes
    places: Mapping[str, Span]
    pitch: float
    top: float
    bottom: float
    flat: bool

    def x(self, step: float) -> float:
        return 0.1 + step * self.pitch

    def y(self, name: str) -> float:
        return self.top - self.places[name].lane * _LANE

    def edges_of(self, name: str) -> tuple[float, float]:
        span = self.places[name]
        return self.x(span.start) + _GAP * (span.start > 0), self.x(span.end) - _GAP * (
            name != OUTPUTS
        )

    def box(self, node: UnitNode) -> None:
        """Draw a node with its label; further scalings are an outer frame, a head dashes."""
        left, right = self.edges_of(node.name)
        bottom, colour = self.y(node.name) - _HEIGHT / 2, KINDS[node.scale] if node.size else MUTED
        style = {
            "fc": "white",
            "ec": KINDS[node.further[0]] if node.further else colour,
            "zorder": 2,
        }
        pad = _FRAME if node.size and node.further else 0.0
        shape = "round,pad=0,rounding_size=0.05" if node.permute else "square,pad=0"
        if pad:
            self.axes.add_patch(
                FancyBboxPatch((left, bottom), right - left, _HEIGHT, shape, **style, lw=1.2)
            )
        style |= (
            {"fc": _tint(colour), "ec": colour}
            if node.size
            else {"ls": "--" if node.further else "-"}
        )
        inner = (left + pad, bottom + pad), right - left - 2 * pad, _HEIGHT - 2 * pad
        self.axes.add_patch(FancyBboxPatch(*inner, shape, **style, lw=0.8))
        self.label(node, ((left + right) / 2, self.y(node.name)), right - left - 2 * pad)

    def label(self, node: UnitNode, middle: tuple[float, float], room: float) -> None:
        """Write a node's name and numbers on one line if there is room, else on several, else upright."""
        alone = f" + {node.tensors}" * (node.tensors > 0)
        further = f"{len(node.further)} further scaling{'s' * (len(node.further) > 1)}" * (
            node.size > 0 and len(node.further) > 0
        )
        lines = [
            line
            for line in (
                node.name,
                (f"{node.size} units" * (node.size > 0) + alone).strip(),
                further,
            )
            if line
        ]
        size, angle = 6.5, 0
        if node.size and len("  ·  ".join(lines)) * size * _LETTER < room:
            lines = ["  ·  ".join(lines)]
        elif (
            max(map(len, lines)) * size * _LETTER
            > room
            >= max(map(len, lines[:2])) * size * _LETTER
        ):
            lines = lines[:2]
        elif max(map(len, lines)) * size * _LETTER > room:
            lines, angle = [line.replace(" units", "") for line in lines[:2]], 90
            length = (_HEIGHT - 3 * _FRAME) / (max(map(len, lines)) * _LETTER)
            size = min(6.5, length, 72 * (room - 0.01) / (1.17 * len(lines)))
        at = {"ha": "center", "va": "center", "rotation": angle, "rotation_mode": "default"}
        self.axes.text(
            *middle, "\n".join(lines), **at, size=size, color=INK, linespacing=1.1, zorder=3
        )

    def column(self, step: int, edges: list[WeightEdge]) -> None:
        """Draw the weights of one step side by side, with their names below."""
        shift = min(0.05, 1.4 * _GAP / len(edges))
        for place, edge in enumerate(edges):
            offset = place - (len(edges) - 1) / 2
            lowest = self.line(edge, self.x(step) + offset * shift)
            x = self.x(step) + offset * 0.1
            self.axes.plot(
                [x, self.x(step) + offset * shift],
                [self.bottom, lowest],
                color=FAINT,
                lw=0.5,
                zorder=0.5,
            )
            at = {"ha": "center", "va": "top", "rotation": 0 if self.flat else 90}
            self.axes.text(x, self.bottom - 0.03, _short(edge.tensor), size=6, color=MUTED, **at)

    def line(self, edge: WeightEdge, x: float) -> float:
        """Draw one weight: out of the boxes it reads, along its column, into the boxes it writes; return its lowest point."""
        both = bool(
            set(edge.reads) & set(edge.writes)
        )  # then it leaves downwards and comes back up beside itself
        left, right = x - 0.045 * both, x + 0.045 * both
        outs = [
            self.leave(name, edge.step, left, -1 if both else self.side(name, edge.writes))
            for name in edge.reads
        ]
        ins = [
            self.enter(name, edge.step, right, -1 if both else self.side(name, edge.reads))
            for name in edge.writes
        ]
        floor = [min(outs + ins) - 0.07] * both
        style = {"color": INK, "lw": 0.8, "solid_capstyle": "projecting", "zorder": 1}
        for at, heights in ((left, [*outs, *floor, *(ins * (not both))]), (right, [*ins, *floor])):
            self.axes.plot([at, at], [min(heights), max(heights)], **style)
        self.axes.plot([left, right], floor * 2 or [outs[0]] * 2, **style)
        return min(outs + ins + floor)

    def side(self, name: str, others: tuple[str, ...]) -> int:
        """Return whether the boxes at the other end of a line lie above (1) a box or below (-1), on average."""
        return 1 if sum(map(self.y, others)) / len(others) > self.y(name) else -1

    def leave(self, name: str, step: int, x: float, side: int) -> float:
        """Begin a line at a box: at its end, or with a dot on its long side; return the height."""
        y = self.y(name)
        if self.places[name].end == step:
            self.axes.plot([self.edges_of(name)[1], x], [y, y], color=INK, lw=0.8, zorder=1)
        else:
            y += side * _HEIGHT / 2
            self.axes.plot([x], [y], "o", color=INK, ms=2.6, zorder=4)
        return y

    def enter(self, name: str, step: int, x: float, side: int) -> float:
        """End a line with an arrow at a box: at its beginning, or on its long side; return the height."""
        y = self.y(name)
        if self.places[name].start == step:
            self.arrow((x, y), (self.edges_of(name)[0], y))
        else:
            y += side * _HEIGHT / 2
            self.arrow((x, y + side * 0.06), (x, y))
        return y

    def arrow(self, start: tuple[float, float], tip: tuple[float, float]) -> None:
        """Draw an arrow that ends at the edge of a box."""
        look = {
            "arrowstyle": "-|>,head_width=0.13,head_length=0.26",
            "lw": 0.8,
            "color": INK,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        self.axes.annotate("", tip, start, arrowprops=look, zorder=4)
