"""The paper of a symmetry graph: boxes for families of units, and lines for weights, in inches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch

from symgeom.study.figures.style import COLOURS, FAINT, INK, MUTED
from symgeom.symmetry.wiring import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from symgeom.study.figures.wiring_spans import Span
    from symgeom.symmetry.wiring import UnitNode, WeightEdge

KINDS = {"positive": COLOURS[0], "sign": COLOURS[1], "linear": COLOURS[2], "none": "#8c8c8c"}
"""Colours of the kinds of scale."""

HEIGHT = 0.5
"""Height of a box, in inches."""

LANE = 0.66
"""Distance of lanes, in inches."""

GAP = 0.06
"""Half the gap between boxes, in inches."""

FRAME = 0.028
"""Distance of the outer frame, in inches."""

LETTER = 0.6 / 72
"""Width of a letter per point of type, in inches."""

LONGEST = 36
"""Letters of the longest name that is written whole."""


def short(name: str) -> str:
    """Return a name, or the end of a long one.

    Parameters
    ----------
    name : str
        Of a tensor.

    Returns
    -------
    str
        At most 36 letters.

    Examples
    --------
    >>> short("0.weight")
    '0.weight'
    """
    if len(name) <= LONGEST:
        return name
    return f"…{name[1 - LONGEST :]}"


def tint(colour: str, share: float = 0.25) -> tuple[float, float, float]:
    """Mix a colour with white.

    Parameters
    ----------
    colour : str
        As matplotlib takes it.
    share : float
        Of the colour.

    Returns
    -------
    tuple of float
        Red, green and blue.

    Examples
    --------
    >>> tint("#000000")
    (0.75, 0.75, 0.75)
    """
    red, green, blue = (1 - share * (1 - value) for value in to_rgb(colour))
    return red, green, blue


@dataclass(frozen=True)
class Label:
    """What is written in a box.

    Attributes
    ----------
    lines : list of str
        From top to bottom.
    size : float
        Of the letters, in points.
    upright : bool
        Whether it is turned by a right angle.
    """

    lines: list[str]
    size: float = 6.5
    upright: bool = False


def label_of(node: UnitNode, room: float) -> Label:
    """Fit a node's name and numbers into its box: on one line, else on several, else upright.

    Parameters
    ----------
    node : UnitNode
        The node.
    room : float
        Width of its box, in inches.

    Returns
    -------
    Label
        What to write.
    """
    lines = _lines(node)
    one_line = "  ·  ".join(lines)
    if node.size and _inches([one_line]) < room:
        return Label([one_line])
    if _inches(lines) <= room:
        return Label(lines)
    if _inches(lines[:2]) <= room:
        return Label(lines[:2])
    upright = [line.replace(" units", "") for line in lines[:2]]
    longest = max(len(line) for line in upright)
    by_height = (HEIGHT - 3 * FRAME) / (longest * LETTER)
    by_width = 72 * (room - 0.01) / (1.17 * len(upright))
    return Label(upright, size=min(6.5, by_height, by_width), upright=True)


def _inches(lines: Sequence[str]) -> float:
    """Return how wide lines are."""
    longest = max(len(line) for line in lines)
    return longest * 6.5 * LETTER


def _lines(node: UnitNode) -> list[str]:
    """Return a node's name, its numbers of units and of tensors, and its further scalings."""
    lines = [node.name]
    units = f"{node.size} units" if node.size else ""
    tensors = f" + {node.tensors}" if node.tensors > 0 else ""
    numbers = (units + tensors).strip()
    if numbers:
        lines.append(numbers)
    count = len(node.further)
    if node.size and count:
        lines.append(f"{count} further scaling{'s' if count > 1 else ''}")
    return lines


@dataclass(frozen=True, eq=False)
class Paper:
    """Paper in inches, with lanes and columns.

    Attributes
    ----------
    axes : Axes
        As large as the figure.
    places : mapping of str to Span
        Where the nodes lie.
    pitch : float
        Distance of the columns.
    top : float
        Height of the middle of the first lane.
    bottom : float
        Height at which the names of the weights begin.
    flat : bool
        Whether these names are written from left to right; else upright.
    """

    axes: Axes
    places: Mapping[str, Span]
    pitch: float
    top: float
    bottom: float
    flat: bool

    def x(self, step: float) -> float:
        """Return where a column lies.

        Parameters
        ----------
        step : float
            Its step.

        Returns
        -------
        float
            From the left.
        """
        return 0.1 + step * self.pitch

    def y(self, name: str) -> float:
        """Return the height of the middle of a box.

        Parameters
        ----------
        name : str
            Of its node.

        Returns
        -------
        float
            From below.
        """
        return self.top - self.places[name].lane * LANE

    def edges_of(self, name: str) -> tuple[float, float]:
        """Return where a box begins and ends.

        Parameters
        ----------
        name : str
            Of its node.

        Returns
        -------
        left, right : float
            From the left.
        """
        span = self.places[name]
        left = self.x(span.start)
        right = self.x(span.end)
        if span.start > 0:
            left += GAP
        if name != OUTPUTS:
            right -= GAP
        return left, right

    def box(self, node: UnitNode) -> None:
        """Draw a node with its label; further scalings are an outer frame, a head dashes.

        Parameters
        ----------
        node : UnitNode
            The node.
        """
        left, right = self.edges_of(node.name)
        width = right - left
        colour = KINDS[node.scale] if node.size else MUTED
        frame = KINDS[node.further[0]] if node.further else colour
        pad = 0.0
        if node.size and node.further:
            pad = FRAME
            outer = self._rectangle(node, left, width)
            outer.set(facecolor="white", edgecolor=frame, linewidth=1.2)
        inner = self._rectangle(node, left + pad, width - 2 * pad, pad)
        inner.set(linewidth=0.8)
        if node.size:
            inner.set(facecolor=tint(colour), edgecolor=colour)
        else:
            dashes = "--" if node.further else "-"
            inner.set(facecolor="white", edgecolor=frame, linestyle=dashes)
        self._write(label_of(node, width - 2 * pad), (left + right) / 2, self.y(node.name))

    def _rectangle(
        self, node: UnitNode, left: float, width: float, pad: float = 0.0
    ) -> FancyBboxPatch:
        """Add a rectangle at the height of a node, with round corners if its units are permuted."""
        shape = "round,pad=0,rounding_size=0.05" if node.permute else "square,pad=0"
        bottom = self.y(node.name) - HEIGHT / 2 + pad
        rectangle = FancyBboxPatch((left, bottom), width, HEIGHT - 2 * pad, shape, zorder=2)
        self.axes.add_patch(rectangle)
        return rectangle

    def _write(self, label: Label, x: float, y: float) -> None:
        """Write a label in the middle of its box."""
        self.axes.text(
            x,
            y,
            "\n".join(label.lines),
            ha="center",
            va="center",
            rotation=90 if label.upright else 0,
            rotation_mode="default",
            size=label.size,
            color=INK,
            linespacing=1.1,
            zorder=3,
        )

    def column(self, step: int, edges: Sequence[WeightEdge]) -> None:
        """Draw the weights of one step side by side, with their names below.

        Parameters
        ----------
        step : int
            The step.
        edges : sequence of WeightEdge
            Its weights.
        """
        distance = min(0.05, 1.4 * GAP / len(edges))
        for number, edge in enumerate(edges):
            offset = number - (len(edges) - 1) / 2
            x = self.x(step) + offset * distance
            lowest = self._weight(edge, x)
            name_x = self.x(step) + offset * 0.1
            self.axes.plot(
                [name_x, x], [self.bottom, lowest], color=FAINT, linewidth=0.5, zorder=0.5
            )
            self.axes.text(
                name_x,
                self.bottom - 0.03,
                short(edge.tensor),
                size=6,
                color=MUTED,
                ha="center",
                va="top",
                rotation=0 if self.flat else 90,
            )

    def _weight(self, edge: WeightEdge, x: float) -> float:
        """Draw a weight out of the boxes it reads into those it writes; return its lowest point."""
        if set(edge.reads) & set(edge.writes):
            return self._loop(edge, x)
        outs = [self._leave(name, edge, x, self._side(name, edge.writes)) for name in edge.reads]
        ins = [self._enter(name, edge, x, self._side(name, edge.reads)) for name in edge.writes]
        self._stroke([x, x], [min(outs + ins), max(outs + ins)])
        self._stroke([x, x], [min(ins), max(ins)])
        self._stroke([x, x], [outs[0], outs[0]])
        return min(outs + ins)

    def _loop(self, edge: WeightEdge, x: float) -> float:
        """Draw a weight that leaves a box downwards and comes back up beside itself."""
        left = x - 0.045
        right = x + 0.045
        outs = [self._leave(name, edge, left, -1) for name in edge.reads]
        ins = [self._enter(name, edge, right, -1) for name in edge.writes]
        floor = min(outs + ins) - 0.07
        self._stroke([left, left], [floor, max(outs)])
        self._stroke([right, right], [floor, max(ins)])
        self._stroke([left, right], [floor, floor])
        return floor

    def _stroke(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Draw a straight part of a weight."""
        self.axes.plot(x, y, color=INK, linewidth=0.8, solid_capstyle="projecting", zorder=1)

    def _side(self, name: str, others: Sequence[str]) -> int:
        """Return whether the other ends of a line lie above (1) a box or below (-1), on average."""
        mean = sum(self.y(other) for other in others) / len(others)
        return 1 if mean > self.y(name) else -1

    def _leave(self, name: str, edge: WeightEdge, x: float, side: int) -> float:
        """Begin a line at a box: at its end, or with a dot on its long side; return the height."""
        y = self.y(name)
        if self.places[name].end == edge.step:
            end = self.edges_of(name)[1]
            self.axes.plot([end, x], [y, y], color=INK, linewidth=0.8, zorder=1)
            return y
        edge_y = y + side * HEIGHT / 2
        self.axes.plot([x], [edge_y], "o", color=INK, markersize=2.6, zorder=4)
        return edge_y

    def _enter(self, name: str, edge: WeightEdge, x: float, side: int) -> float:
        """End a line with an arrow at the beginning or a long side of a box; return the height."""
        y = self.y(name)
        if self.places[name].start == edge.step:
            self._arrow((x, y), (self.edges_of(name)[0], y))
            return y
        edge_y = y + side * HEIGHT / 2
        self._arrow((x, edge_y + side * 0.06), (x, edge_y))
        return edge_y

    def _arrow(self, start: tuple[float, float], tip: tuple[float, float]) -> None:
        """Draw an arrow that ends at the edge of a box."""
        look = {
            "arrowstyle": "-|>,head_width=0.13,head_length=0.26",
            "lw": 0.8,
            "color": INK,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        self.axes.annotate("", tip, start, arrowprops=look, zorder=4)
