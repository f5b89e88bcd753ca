"""Which weight connects which units: the symmetry groups of a network as a graph.

A node is a family of units (``hidden3`` together with its further scalings ``hidden3.scale1``,
...), and an edge is one use of a weight tensor: a linear map that reads some families and writes
others. A residual stream is one node that many edges write. Which axis a weight reads is a fact of
the operation, not of the spec (:mod:`symgeom.symmetry.weight_uses`).
"""

import re
from dataclasses import dataclass

from torch import nn

from symgeom.ground.calling import Inputs
from symgeom.ground.types import parameters
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.discovery.capture import export
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.symmetry.weight_uses import WeightUse, weight_uses

INPUTS = "inputs"
"""The node of the inputs, which is no group."""

OUTPUTS = "outputs"
"""The node of the outputs, which is no group."""

FIXED = "fixed axes"
"""The node of inner axes whose entries have an identity (positions, pixels)."""

_FURTHER = re.compile(r"\.scale\d+$")
"""How the names of further scalings end, of units that another group permutes."""

Region = tuple[tuple[int, int, int], ...]
GroupLeg = tuple[UnitGroup, Leg]


@dataclass(frozen=True)
class UnitNode:
    """A family of units, or an end of the network.

    Attributes
    ----------
    name : str
        Of the group that holds the permutations; or ``INPUTS``, ``OUTPUTS``, ``FIXED``.
    size : int
        Number of units; 0 for what is no group.
    scale : str
        Kind of the main scaling: "positive", "sign", "linear" or "none".
    permute : bool
        Whether the units may be permuted.
    further : tuple of str
        Kinds of the further scalings of the same units; for the outputs those of the head.
    tensors : int
        Number of tensors (buffers included) that belong to the units alone: biases, normalisations,
        depthwise filters.
    """

    name: str
    size: int = 0
    scale: str = "none"
    permute: bool = False
    further: tuple[str, ...] = ()
    tensors: int = 0


@dataclass(frozen=True)
class WeightEdge:
    """One use of a weight tensor.

    Attributes
    ----------
    tensor : str
        Its name.
    step : int
        How many weights lie between the inputs and its result, at most, itself included.
    reads, writes : tuple of str
        Names of nodes.
    """

    tensor: str
    step: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class SymmetryGraph:
    """Which weights connect which units.

    Attributes
    ----------
    nodes : tuple of UnitNode
        From the inputs to the outputs.
    edges : tuple of WeightEdge
        In the order of their steps.
    """

    nodes: tuple[UnitNode, ...]
    edges: tuple[WeightEdge, ...]


def symmetry_graph(spec: SymmetrySpec, module: nn.Module, example: Inputs) -> SymmetryGraph:
    """Return which weights connect which units.

    Parameters
    ----------
    spec : SymmetrySpec
        The network's groups.
    module : nn.Module
        The network; not modified.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs, or several arguments.

    Returns
    -------
    SymmetryGraph
        One node per family of units and end of the network, one edge per use of a weight (uses at
        the same step that connect the same units are one edge).

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.discovery import discover
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> example = torch.zeros(1, 3)
    >>> for edge in symmetry_graph(discover(network, example), network, example).edges:
    ...     print(edge.reads, edge.tensor, edge.writes)
    ('inputs',) 0.weight ('hidden1',)
    ('hidden1',) 2.weight ('outputs',)
    """
    module = unwrapped(module)
    exact = spec.exact().groups
    groups = [group for group in exact if not _FURTHER.search(group.name)]
    shapes = {name: tuple(tensor.shape) for name, tensor in parameters(module).items()}
    edges: dict[WeightEdge, None] = {}
    for use in weight_uses(export(module, example), module):
        legs = _legs(groups, use.tensor)
        edges |= dict.fromkeys(_edges(use, legs, shapes[use.tensor]))
    weights = {edge.tensor for edge in edges}
    nodes = [UnitNode(INPUTS)]
    for group in groups:
        nodes.append(_family(group, spec, weights))
    if any(FIXED in edge.reads + edge.writes for edge in edges):
        nodes.append(UnitNode(FIXED))
    nodes.append(_outputs(spec, weights))
    return SymmetryGraph(tuple(nodes), tuple(sorted(edges, key=lambda edge: edge.step)))


def _legs(groups: list[UnitGroup], tensor: str) -> list[GroupLeg]:
    """Return the legs on a tensor, each with its group."""
    legs: list[GroupLeg] = []
    for group in groups:
        for leg in group.legs:
            if leg.tensor == tensor:
                legs.append((group, leg))
    return legs


def _family(group: UnitGroup, spec: SymmetrySpec, weights: set[str]) -> UnitNode:
    """Return the node of a group with the further scalings of its units."""
    further = [other for other in spec.groups if _is_further(other, group)]
    return UnitNode(
        group.name,
        group.size,
        group.scale,
        group.permute,
        tuple(other.scale for other in further),
        _count_alone([group, *further], weights),
    )


def _is_further(other: UnitGroup, group: UnitGroup) -> bool:
    """Whether a group is a further scaling of the units of another one."""
    base = _FURTHER.sub("", other.name)
    return base != other.name and base == group.name


def _outputs(spec: SymmetrySpec, weights: set[str]) -> UnitNode:
    """Return the node of the outputs, to which the head belongs."""
    head = [group for group in spec.groups if group.exact_for == "error"]
    further = tuple(group.scale for group in head)
    return UnitNode(OUTPUTS, further=further, tensors=_count_alone(head, weights))


def _count_alone(groups: list[UnitGroup], weights: set[str]) -> int:
    """Count the tensors of some groups that are no weights between units."""
    tensors: set[str] = set()
    for group in groups:
        tensors |= {leg.tensor for leg in group.legs}
    return len(tensors - weights)


def _edges(use: WeightUse, legs: list[GroupLeg], shape: tuple[int, ...]) -> list[WeightEdge]:
    """Return the edge of a use, or one for each region of a grouped convolution."""
    read_axis = use.read_axis % len(shape)
    write_axis = use.write_axis % len(shape)
    reads = _along(read_axis, legs)
    writes = [(group, leg) for group, leg in legs if leg.axis != read_axis]
    written = _along(write_axis, writes)
    all_read = _count_entries(reads) >= shape[read_axis]
    all_written = _count_entries(written) >= shape[write_axis]
    regions: dict[Region, None] = {}
    for _, leg in reads:
        regions[leg.region] = None
    edges: list[WeightEdge] = []
    for region in regions or [()]:
        sources = [group.name for group, leg in reads if leg.region == region]
        targets = [group.name for group, leg in writes if _overlaps(group, leg, region)]
        if not region and not all_read:
            sources.append(INPUTS if use.from_inputs else FIXED)
        if not targets or (not region and not all_written):
            targets.append(OUTPUTS if use.to_outputs else FIXED)
        edges.append(WeightEdge(use.tensor, use.step, _unique(sources), _unique(targets)))
    return edges


def _along(axis: int, legs: list[GroupLeg]) -> list[GroupLeg]:
    """Return the legs along an axis."""
    return [(group, leg) for group, leg in legs if leg.axis == axis]


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _count_entries(legs: list[GroupLeg]) -> int:
    """Count the entries of an axis that belong to units."""
    entries: set[int] = set()
    for group, leg in legs:
        entries.update(range(leg.start, _stop(group, leg)))
    return len(entries)


def _stop(group: UnitGroup, leg: Leg) -> int:
    return leg.start + leg.outer * group.size * leg.block


def _overlaps(group: UnitGroup, leg: Leg, region: Region) -> bool:
    """Whether a leg lies in a region, as far as the region restricts its axis."""
    stop = _stop(group, leg)
    for axis, first, last in region:
        if axis == leg.axis and (stop <= first or last <= leg.start):
            return False
    return True
