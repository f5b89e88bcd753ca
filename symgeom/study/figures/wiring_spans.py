"""Where the boxes of a symmetry graph lie: a lane and a span of steps for every family of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symgeom.symmetry.wiring import INPUTS, OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from symgeom.symmetry.wiring import SymmetryGraph, WeightEdge


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
    """Lay out the nodes: no two are on one lane at a time.

    What continues a node that ends lies on its lane, if possible.

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
    >>> from symgeom.symmetry.wiring import SymmetryGraph, UnitNode, WeightEdge
    >>> nodes = tuple(UnitNode(name) for name in (INPUTS, "hidden1", OUTPUTS))
    >>> first = WeightEdge("0.weight", 1, (INPUTS,), ("hidden1",))
    >>> second = WeightEdge("2.weight", 2, ("hidden1",), (OUTPUTS,))
    >>> spans(SymmetryGraph(nodes, (first, second)))["hidden1"]
    Span(lane=0, start=1, end=2)
    """
    times = {node.name: _times(node.name, graph.edges) for node in graph.nodes}

    def longest_first(name: str) -> tuple[int, int]:
        start, end = times[name]
        return start, -end

    placed: dict[str, Span] = {}
    free_from: list[int] = []  # the step from which each lane is free
    for name in sorted(times, key=longest_first):
        start, end = times[name]
        lane = _lane(name, start, graph.edges, placed, free_from)
        if lane == len(free_from):
            free_from.append(end)
        else:
            free_from[lane] = end
        placed[name] = Span(lane, start, end)
    return placed


def _lane(
    name: str,
    start: int,
    edges: Sequence[WeightEdge],
    placed: dict[str, Span],
    free_from: Sequence[int],
) -> int:
    """Return a lane that is free: one that the node continues if possible, else the first one."""
    continued = [placed[source].lane for source in _sources(name, start, edges) if source in placed]
    for lane in (*continued, *range(len(free_from))):
        if free_from[lane] <= start:
            return lane
    return len(free_from)


def _sources(name: str, start: int, edges: Sequence[WeightEdge]) -> Iterator[str]:
    """Yield the nodes that are read where a node is first written."""
    for edge in edges:
        if edge.step == start and name in edge.writes:
            yield from edge.reads


def _times(name: str, edges: Sequence[WeightEdge]) -> tuple[int, int]:
    """Return the steps at which a node is first written and last read."""
    written = [edge.step for edge in edges if name in edge.writes]
    read = [edge.step for edge in edges if name in edge.reads]
    return _start(name, written, read), _end(name, written, read, edges)


def _start(name: str, written: Sequence[int], read: Sequence[int]) -> int:
    """Return when a node begins: where it is written, or one step before it is read."""
    before_read = [step - 1 for step in read]
    return 0 if name == INPUTS else min([*written, *before_read], default=0)


def _end(
    name: str, written: Sequence[int], read: Sequence[int], edges: Sequence[WeightEdge]
) -> int:
    """Return when a node ends: where it is read, or one step after it is written."""
    if name == OUTPUTS:
        return 1 + max((edge.step for edge in edges), default=0)
    after_written = [step + 1 for step in written]
    start = _start(name, written, read)
    return max([*read, *after_written], default=start + 1)
