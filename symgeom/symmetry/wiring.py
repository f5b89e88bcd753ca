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
from symgeom.symmetry.discovery.calls import Call, read_call, tensor_names
from symgeom.symmetry.discovery.capture import export
from symgeom.symmetry.discovery.operations.record import Weight
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

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
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> example = torch.zeros(1, 3)
    >>> for edge in symmetry_graph(discover(network, example), network, example).edges:
    ...     print(edge.reads, edge.tensor, edge.writes)
    ('inputs',) 0.weight ('hidden1',)
    ('hidden1',) 2.weight ('outputs',)
    """
    exact = spec.exact().groups
    groups = [group for group in exact if not _FURTHER.search(group.name)]
    shapes = {name: tuple(tensor.shape) for name, tensor in parameters(module).items()}
    edges: dict[WeightEdge, None] = {}
    for use in _uses(export(module, example), module):
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
    """What a result in the graph was made from.

    The last weights before it (None: the inputs), and how many lie before it.
    """

    origins: frozenset[_Use | None]
    step: int


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A result in the graph that depends on no input: a parameter, perhaps transposed."""

    name: str
    elements: int
    transposed: bool = False


Value = _Data | _Tensor | None
"""What is known of a result; None for a constant."""


def _uses(program: ExportedProgram, module: nn.Module) -> list[_Use]:
    """Return all uses of weights in the order of execution."""
    uses: list[_Use] = []
    names = tensor_names(program, module)
    values: dict[Node, Value] = {}
    for node in program.graph_module.graph.nodes:
        sources = [values[source] for source in node.all_input_nodes]
        data = [value for value in sources if isinstance(value, _Data)]
        tensors = [value for value in sources if isinstance(value, _Tensor)]
        if node in names:
            values[node] = _Tensor(names[node], node.meta["val"].numel())
        elif node.op == "placeholder":
            values[node] = _Data(frozenset({None}), 0)
        elif node.op == "output":
            _mark_last(data)
        elif not data:
            values[node] = _made_of_weights(node, tensors)
        else:
            use = _use(read_call(node), values)
            if use is None:
                values[node] = _joined(data)
            else:
                values[node] = _Data(frozenset({use}), use.step)
                uses.append(use)
    return uses


def _mark_last(outputs: list[_Data]) -> None:
    """Note which uses of weights the outputs are made of."""
    for use in _joined(outputs).origins:
        if use is not None:
            use.to_outputs = True


def _joined(data: list[_Data]) -> _Data:
    origins: set[_Use | None] = set()
    for value in data:
        origins |= value.origins
    return _Data(frozenset(origins), max((value.step for value in data), default=0))


def _made_of_weights(node: Node, tensors: list[_Tensor]) -> _Tensor | None:
    """Follow a weight through views and products with others; the largest one gives the name."""
    if not tensors:
        return None  # a constant
    largest = max(tensors, key=lambda tensor: tensor.elements)
    operation = read_call(node).operation
    turned = operation is not None and operation.transposes
    return _Tensor(largest.name, largest.elements, largest.transposed != turned)


def _use(call: Call, values: dict[Node, Value]) -> _Use | None:
    """Describe an operation that applies a weight to data, or return None for all others."""
    if call.operation is None or call.operation.weight is None:
        return None
    weight = call.operation.weight
    data = _value(call, weight.data, values)
    tensor = _value(call, weight.argument, values)
    read = weight.reads
    write = weight.writes
    if weight.either_side and isinstance(data, _Tensor):
        data, tensor = tensor, data
        read, write = write, read
    if not isinstance(data, _Data) or not isinstance(tensor, _Tensor):
        return None
    if _is_depthwise(call, weight):
        return None
    if tensor.transposed:
        read, write = write, read
    return _Use(tensor.name, read, write, data.step + 1, None in data.origins)


def _value(call: Call, argument: str, values: dict[Node, Value]) -> Value:
    node = call.node(argument)
    return None if node is None else values[node]


def _is_depthwise(call: Call, weight: Weight) -> bool:
    """Whether a grouped convolution has filters that belong to single units."""
    groups = call.arguments.get("groups", 1)
    node = call.node(weight.argument)
    if not isinstance(groups, int) or groups == 1 or node is None:
        return False
    return node.meta["val"].shape[1] == 1


def _edges(use: _Use, legs: list[GroupLeg], shape: tuple[int, ...]) -> list[WeightEdge]:
    """Return the edge of a use, or one for each region of a grouped convolution."""
    read_axis = use.read_axis % len(shape)
    write_axis = use.write_axis % len(shape)
    reads = [(group, leg) for group, leg in legs if leg.axis == read_axis]
    writes = [(group, leg) for group, leg in legs if leg.axis != read_axis]
    written = [(group, leg) for group, leg in writes if leg.axis == write_axis]
    all_read = _count_entries(reads) >= shape[read_axis]
    all_written = _count_entries(written) >= shape[write_axis]
    regions: list[Region] = list(dict.fromkeys(leg.region for _, leg in reads))
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
