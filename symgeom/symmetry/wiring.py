"""Which weight connects which units: the symmetry groups of a network as a graph.

A node is a family of units (``hidden3`` together with its further scalings ``hidden3.scale1``,
...), and an edge is one use of a weight tensor: a linear map that reads some families and writes
others. A residual stream is one node that many edges write. Which axis a weight reads is a fact of
the operation, not of the spec; so the ``torch.export`` graph is walked for it.
"""

import re
from dataclasses import dataclass

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node

from symgeom.ground.types import parameters
from symgeom.symmetry.discovery.graph import export, operation, tensor_names
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

INPUTS, OUTPUTS, FIXED = "inputs", "outputs", "fixed axes"
"""Nodes that are no groups; the last: inner axes whose entries have an identity (positions, pixels)."""

_MAPS = {
    **dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d"], ("source", "weight", 1, 0)),
    **dict.fromkeys(
        ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], ("source", "weight", 0, 1)
    ),
    **dict.fromkeys(["matmul", "mm", "bmm", "mv"], ("source", "other", -2, -1)),
    "addmm": ("mat1", "other", -2, -1),
    "embedding": ("indices", "weight", 0, 1),
}
"""Operations that apply a weight: the arguments for data and weight, and which axis of the weight is read and which written."""

_TRANSPOSITIONS = ("t", "adjoint", "mT", "numpy_T", "transpose", "permute")


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


def symmetry_graph(spec: SymmetrySpec, module: nn.Module, example: Tensor) -> SymmetryGraph:
    """Return which weights connect which units.

    Parameters
    ----------
    spec : SymmetrySpec
        The network's groups.
    module : nn.Module
        The network; not modified.
    example : Tensor, shape (sample, ...)
        A batch of inputs.

    Returns
    -------
    SymmetryGraph
        One node per family of units and end of the network, one edge per use of a weight (uses at
        the same step that connect the same units are one edge).

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.discovery import discover
    >>> network, example = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.zeros(1, 3)
    >>> for edge in symmetry_graph(discover(network, example), network, example).edges:
    ...     print(edge.reads, edge.tensor, edge.writes)
    ('inputs',) 0.weight ('hidden1',)
    ('hidden1',) 2.weight ('outputs',)
    """
    uses = _walk(export(module, example), module)
    shapes = {name: tuple(tensor.shape) for name, tensor in parameters(module).items()}
    edges = {edge: None for use in uses for edge in _edges(use, spec, shapes[use.tensor])}
    weights = {edge.tensor for edge in edges}
    nodes = [
        UnitNode(INPUTS),
        *(_family(group, spec, weights) for group in spec.exact().groups if not _further(group)),
    ]
    nodes += [UnitNode(FIXED)] * any(FIXED in edge.reads + edge.writes for edge in edges)
    head = [group for group in spec.groups if group.exact_for == "error"]
    alone = {leg.tensor for group in head for leg in group.legs} - weights
    nodes += [UnitNode(OUTPUTS, further=tuple(group.scale for group in head), tensors=len(alone))]
    return SymmetryGraph(tuple(nodes), tuple(sorted(edges, key=lambda edge: edge.step)))


def _further(group: UnitGroup) -> re.Match | None:
    """Match the name of a further scaling of units that another group permutes."""
    return re.search(r"\.scale\d+$", group.name)


def _family(group: UnitGroup, spec: SymmetrySpec, weights: set[str]) -> UnitNode:
    further = [
        other
        for other in spec.groups
        if (end := _further(other)) and other.name[: end.start()] == group.name
    ]
    alone = {leg.tensor for member in (group, *further) for leg in member.legs} - weights
    return UnitNode(
        group.name,
        group.size,
        group.scale,
        group.permute,
        tuple(g.scale for g in further),
        len(alone),
    )


@dataclass(eq=False)
class _Use:
    """An operation that applies a weight."""

    tensor: str
    read_axis: int
    write_axis: int
    step: int
    from_inputs: bool
    to_outputs: bool = False


@dataclass(frozen=True, eq=False)
class _Data:
    """What a result in the graph was made from: the last weights before it (None: the inputs), and how many lie before it."""

    origins: frozenset[_Use | None]
    step: int


@dataclass(frozen=True, eq=False)
class _Weight:
    """A result in the graph that depends on no input: a parameter, perhaps transposed."""

    tensor: str
    elements: int
    transposed: bool = False


def _walk(program: ExportedProgram, module: nn.Module) -> list[_Use]:
    """Return all uses of weights in the order of execution."""
    uses: list[_Use] = []
    names = tensor_names(program, module)
    values: dict[Node, _Data | _Weight | None] = {}
    for node in program.graph_module.graph.nodes:
        sources = [values[source] for source in node.all_input_nodes]
        data = [value for value in sources if isinstance(value, _Data)]
        if node.op == "placeholder":
            constant = _Weight(names[node], node.meta["val"].numel()) if node in names else None
            values[node] = constant or _Data(frozenset({None}), 0)
        elif node.op == "output":
            for use in frozenset().union(*(value.origins for value in data)) - {None}:
                use.to_outputs = True
        elif not data:
            values[node] = _made_of_weights(node, [value for value in sources if value])
        else:
            use = _use(node, values)
            values[node] = _Data(frozenset({use}), use.step) if use else _joined(data)
            uses += [use] if use else []
    return uses


def _joined(data: list[_Data]) -> _Data:
    return _Data(
        frozenset().union(*(value.origins for value in data)), max(value.step for value in data)
    )


def _made_of_weights(node: Node, sources: list[_Weight]) -> _Weight | None:
    """Follow a weight through views and products with others (weight normalisation): the largest one gives the name."""
    if not sources:
        return None  # a constant
    largest = max(sources, key=lambda weight: weight.elements)
    turned = operation(node)[0] in _TRANSPOSITIONS
    return _Weight(largest.tensor, largest.elements, largest.transposed != turned)


def _use(node: Node, values: dict[Node, _Data | _Weight | None]) -> _Use | None:
    """Describe an operation that applies a weight to data; None for all others (a depthwise filter belongs to its units)."""
    name, arguments = operation(node)
    if name not in _MAPS:
        return None
    first, second, read, write = _MAPS[name]
    if read < 0 and isinstance(
        values[arguments[first]], _Weight
    ):  # the weight stands on the left of a matrix product
        first, second, read, write = second, first, write, read
    data, weight = values[arguments[first]], values[arguments[second]]
    depthwise = arguments.get("groups", 1) > 1 and arguments[second].meta["val"].shape[1] == 1
    if depthwise or not isinstance(weight, _Weight):
        return None
    if weight.transposed:
        read, write = write, read
    return _Use(weight.tensor, read, write, data.step + 1, None in data.origins)


def _edges(use: _Use, spec: SymmetrySpec, shape: tuple[int, ...]) -> list[WeightEdge]:
    """Return the edge of a use, or one for each region of a grouped convolution."""
    read_axis, write_axis = use.read_axis % len(shape), use.write_axis % len(shape)
    legs = [
        (group, leg)
        for group in spec.exact().groups
        if not _further(group)
        for leg in group.legs
        if leg.tensor == use.tensor
    ]
    reads = [(group, leg) for group, leg in legs if leg.axis == read_axis]
    writes = [(group, leg) for group, leg in legs if leg.axis != read_axis]
    found = []
    for region in dict.fromkeys(leg.region for _, leg in reads) or [()]:
        sources = [group.name for group, leg in reads if leg.region == region]
        targets = [group.name for group, leg in writes if _overlaps(group, leg, region)]
        if not region and _entries(reads) < shape[read_axis]:
            sources.append(INPUTS if use.from_inputs else FIXED)
        written = _entries([(group, leg) for group, leg in writes if leg.axis == write_axis])
        if not targets or (not region and written < shape[write_axis]):
            targets.append(OUTPUTS if use.to_outputs else FIXED)
        found.append(
            WeightEdge(
                use.tensor, use.step, tuple(dict.fromkeys(sources)), tuple(dict.fromkeys(targets))
            )
        )
    return found


def _entries(legs: list[tuple[UnitGroup, Leg]]) -> int:
    """Count the entries of an axis that belong to units."""
    spans = (
        range(leg.start, leg.start + leg.outer * group.size * leg.block) for group, leg in legs
    )
    return len(set().union(*spans))


def _overlaps(group: UnitGroup, leg: Leg, region: tuple[tuple[int, int, int], ...]) -> bool:
    stop = leg.start + leg.outer * group.size * leg.block
    return all(
        axis != leg.axis or (first < stop and leg.start < last) for axis, first, last in region
    )
