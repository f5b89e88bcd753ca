"""From a graph to statements: apply the rule of every operation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Node

from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.discovery.calls import Call, is_part, module_of, read_call, tensor_names
from symgeom.symmetry.discovery.capture import BY_HAND
from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Regions,
    Statement,
    UnsupportedError,
    equal,
)


@dataclass(eq=False)
class Network:
    """What the walk over a graph collects.

    Attributes
    ----------
    statements : list of Statement
        What all operations say.
    tensors : dict of str to Axes
        Parameters and buffers by name, in the order of their first use.
    buffers : set of str
        Which of them are buffers.
    shifts : dict of str to float
        The eps that is added to each running variance.
    regions : dict of Axis to tuple of Axis
        Axes of weights that grouped convolutions read region by region.
    uses : dict of str to int
        How often each tensor is used.
    origins : dict of Statement to str
        The operation that said it, and in which module.
    """

    statements: list[Statement] = field(default_factory=list)
    tensors: dict[str, Axes] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)
    shifts: dict[str, float] = field(default_factory=dict)
    regions: dict[Axis, Axes] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    origins: dict[Statement, str] = field(default_factory=dict)

    def note_use(self, name: str, axes: Axes) -> None:
        """Count a use of a tensor."""
        self.tensors.setdefault(name, axes)
        self.uses[name] = self.uses.get(name, 0) + 1


def walk(program: ExportedProgram, module: nn.Module) -> Network:
    """Apply the rule of every operation.

    Parameters
    ----------
    program : ExportedProgram
        The graph.
    module : nn.Module
        The network that was captured.

    Returns
    -------
    Network
        Statements about axes, and which axes belong to which parameters.

    Raises
    ------
    SymgeomError
        If an operation is not known.
    """
    graph = program.graph_module.graph
    graph.eliminate_dead_code()
    names = tensor_names(program, module)
    walker = _Walker(names)
    for node in graph.nodes:
        if node.op == "placeholder":
            walker.enter(node)
        elif node.op == "call_function" and node.meta.get("val") is not None:
            walker.apply(node)
        elif node.op == "output":
            walker.leave(node)
    network = walker.network
    network.buffers = {name for name, _ in module.named_buffers()}
    network.statements += _pinned_buffers(names, network)
    return network


class _Walker:
    """The state of a walk: the axes of every result so far, and what was said."""

    def __init__(self, names: Mapping[Node, str]) -> None:
        self.network = Network()
        self.names = names
        self.axes: dict[Node, Axes] = {}
        self.parts: dict[Node, tuple[Axes, ...]] = {}
        self.shared: dict[str, Axes] = {}

    def enter(self, node: Node) -> None:
        """Give axes to an input or a parameter; several names of one tensor share theirs."""
        name = self.names.get(node, node.name)
        axes = self.shared.setdefault(name, _new_axes(node.meta["val"]))
        self.axes[node] = axes
        if node not in self.names:
            self.network.statements.append(Pin(axes))

    def leave(self, node: Node) -> None:
        """Pin the outputs."""
        for source in node.all_input_nodes:
            self.network.statements.append(Pin(self.axes[source]))

    def apply(self, node: Node) -> None:
        """Collect what one operation says, and give axes to its result."""
        if is_part(node):
            self.axes[node] = self._part(node)
            return
        out = self._result(node)
        if not node.all_input_nodes:  # a constant
            self.network.statements.append(Pin(self.axes[node]))
            return
        for source in node.all_input_nodes:
            if source in self.names:
                self.network.note_use(self.names[source], self.axes[source])
        call = read_call(node)
        try:
            statements = self._statements(node, call, out)
        except UnsupportedError as error:
            raise SymgeomError(
                f"Cannot discover the symmetries through {error} in {module_of(node)}. {BY_HAND}"
            ) from None
        self.network.statements += statements
        origin = f"{call.name} in {module_of(node)}"
        self.network.origins |= dict.fromkeys(statements, origin)
        written = call.node("source")
        if call.in_place and written is not None:  # later uses of the tensor see what was written
            self.axes[written] = self.axes[node]

    def _part(self, node: Node) -> Axes:
        """Return the axes of one of several results."""
        whole, index = node.args
        assert isinstance(whole, Node)
        assert isinstance(index, int)
        return self.parts[whole][index]

    def _result(self, node: Node) -> Axes | tuple[Axes, ...]:
        """Give axes to the result of an operation, or to each of its results."""
        value = node.meta["val"]
        if isinstance(value, tuple | list):
            self.axes[node] = ()
            self.parts[node] = tuple(_new_axes(part) for part in value)
            return self.parts[node]
        self.axes[node] = _new_axes(value)
        return self.axes[node]

    def _statements(self, node: Node, call: Call, out: Axes | tuple[Axes, ...]) -> list[Statement]:
        """Return what the rule of an operation says, regions of grouped weights set aside."""
        operation = call.operation
        if operation is None:
            raise UnsupportedError(f"operation '{node.target}'")
        self._note_shift(operation, call)
        values = {key: self._with_axes(value) for key, value in call.arguments.items()}
        statements: list[Statement] = []
        for statement in operation.rule(out, **values):
            if isinstance(statement, Regions):
                statements += self._set_aside(statement)
            else:
                statements.append(statement)
        return statements

    def _note_shift(self, operation: Operation, call: Call) -> None:
        """Note what is added to a running variance."""
        if operation.statistics is None:
            return
        variance = call.node(operation.statistics.variance)
        eps = call.arguments[operation.statistics.eps]
        if variance is None or not isinstance(eps, int | float):
            return
        if variance not in self.names:
            raise UnsupportedError("batch normalisation with statistics that are no buffers")
        self.network.shifts[self.names[variance]] = eps

    def _with_axes(self, value: object) -> object:
        """Put the axes of tensors in the place of nodes."""
        if isinstance(value, Node):
            return self.axes[value]
        if isinstance(value, list | tuple):
            return [self._with_axes(part) for part in value]
        return value

    def _set_aside(self, regions: Regions) -> Sequence[Statement]:
        """Note the regions of a grouped weight; a weight used twice has the same regions."""
        first = self.network.regions.setdefault(regions.axis, regions.pieces)
        if first is regions.pieces:
            return []
        return [equal(axis, again) for axis, again in zip(first, regions.pieces, strict=True)]


def _new_axes(value: object) -> Axes:
    """Return new axes for a tensor; what is no tensor has none."""
    if not isinstance(value, Tensor):
        return ()
    return tuple(Axis(size) for size in value.shape)


def _pinned_buffers(names: Mapping[Node, str], network: Network) -> Iterator[Statement]:
    """Pin the buffers that are constants; statistics of normalisations move with their units."""
    for node, name in names.items():
        if name not in network.buffers or name not in network.tensors:
            continue
        if not all(_normalises(user) for user in node.users):
            yield Pin(network.tensors[name])


def _normalises(node: Node) -> bool:
    operation = read_call(node).operation
    return operation is not None and operation.statistics is not None
