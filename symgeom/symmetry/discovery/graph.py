"""From a graph to statements: apply the rule of every operation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.fx import Graph, Node

from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.discovery.calls import Call, is_part, module_of, read_call, tensor_names
from symgeom.symmetry.discovery.capture import BY_HAND
from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Regions,
    Relation,
    Statement,
    Unread,
    UnsupportedError,
    Zeros,
    equal,
    fixed,
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
        The operation that said it, and in which module; what pins an input, a buffer or an output.
    """

    statements: list[Statement] = field(default_factory=list)
    tensors: dict[str, Axes] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)
    shifts: dict[str, float] = field(default_factory=dict)
    regions: dict[Axis, Axes] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    origins: dict[Statement, str] = field(default_factory=dict)

    def say(self, statements: Iterable[Statement], origin: str) -> None:
        """Note statements and who said them."""
        for statement in statements:
            self.statements.append(statement)
            self.origins[statement] = origin

    def note_use(self, name: str, axes: Axes) -> None:
        """Count a use of a tensor."""
        self.tensors.setdefault(name, axes)
        self.uses[name] = self.uses.get(name, 0) + 1


def walk(program: ExportedProgram, module: nn.Module, *, strict: bool = False) -> Network:
    """Apply the rule of every operation.

    Parameters
    ----------
    program : ExportedProgram
        The graph.
    module : nn.Module
        The network that was captured.
    strict : bool
        Whether to refuse an operation that no rule describes, instead of pinning what it touches.

    Returns
    -------
    Network
        Statements about axes, and which axes belong to which parameters.

    Raises
    ------
    SymgeomError
        If an operation is not known, and ``strict``.
    """
    graph = program.graph_module.graph
    graph.eliminate_dead_code()
    names = tensor_names(program, module)
    walker = _Walker(names, strict=strict)
    read = _read_nodes(graph)
    for node in graph.nodes:
        if node.op == "placeholder":
            walker.enter(node)
        elif node.op == "call_function" and node.meta.get("val") is not None:
            if node in read:
                walker.apply(node)
            else:
                walker.pass_over(node)
        elif node.op == "output":
            walker.leave(node)
    network = walker.network
    network.buffers = {name for name, _ in module.named_buffers()}
    statistics = _statistics(names)
    kept_with_weights = set(module.state_dict(keep_vars=True))
    for name, buffer in module.named_buffers():
        axes = network.tensors.get(name, ())
        moves = name in kept_with_weights and buffer.is_floating_point()
        said = [] if name in statistics else [*_of_constant(axes, buffer, moves=moves)]
        network.say(said, f"buffer '{name}'")
    _pin_regions_used_elsewhere(network)
    return network


class _Walker:
    """The state of a walk: the axes of every result so far, and what was said.

    A result is *learnt* if a parameter reaches it. What depends on inputs and constants alone needs
    no rule.
    """

    def __init__(self, names: Mapping[Node, str], *, strict: bool) -> None:
        self.network = Network()
        self.names = names
        self.strict = strict
        self.axes: dict[Node, Axes] = {}
        self.parts: dict[Node, list[Axes]] = {}
        self.shared: dict[str, Axes] = {}
        self.learnt: set[Node] = set()

    def enter(self, node: Node) -> None:
        """Give axes to an input or a parameter; several names of one tensor share theirs."""
        name = self.names.get(node, node.name)
        axes = self.shared.setdefault(name, _new_axes(node.meta["val"]))
        self.axes[node] = axes
        if node in self.names:
            self.learnt.add(node)
        else:
            self.network.say([Pin(axes)], f"input '{node.name}'")

    def leave(self, node: Node) -> None:
        """Pin the outputs."""
        for source in node.all_input_nodes:
            self.network.say([Pin(self.axes[source])], "the outputs")

    def apply(self, node: Node) -> None:
        """Collect what one operation says, and give axes to its result."""
        if is_part(node):
            self._take_part(node)
            return
        self._give_axes(node)
        for source in node.all_input_nodes:
            if source in self.names:
                self.network.note_use(self.names[source], self.axes[source])
        call = read_call(node)
        origin = f"{call.name} in {module_of(node)}"
        self.network.say(self._statements(node, call), origin)
        if not self.learnt.isdisjoint(node.all_input_nodes):
            self.learnt.add(node)
        written = call.node("source")
        if call.in_place and written is not None:  # later uses of the tensor see what was written
            self.axes[written] = self.axes[node]
            if node in self.learnt:
                self.learnt.add(written)

    def pass_over(self, node: Node) -> None:
        """Give axes to a result of which only the shape matters."""
        self._give_axes(node)

    def _take_part(self, node: Node) -> None:
        """Give a name to one of several results."""
        whole, index = node.args
        assert isinstance(whole, Node)
        assert isinstance(index, int)
        self.axes[node] = self.parts[whole][index]
        if whole in self.learnt:
            self.learnt.add(node)

    def _give_axes(self, node: Node) -> None:
        """Give axes to the result of an operation, or to each of its results."""
        value = node.meta["val"]
        if isinstance(value, tuple | list):
            self.axes[node] = ()
            self.parts[node] = _axes_of_parts(node, value)
        elif _is_zero(node):
            self.axes[node] = Zeros(_new_axes(value))
        else:
            self.axes[node] = _new_axes(value)

    def _pin_all(self, nodes: Iterable[Node]) -> Pin:
        """Pin all axes of some tensors."""
        axes: list[Axis] = []
        for node in nodes:
            axes += self.axes[node]
            for part in self.parts.get(node, ()):
                axes += part
        return Pin(tuple(axes))

    def _statements(self, node: Node, call: Call) -> list[Statement]:
        """Return what the rule of an operation says; what has none pins all that it touches."""
        try:
            return self._ruled(node, call)
        except UnsupportedError as error:
            if not self.strict or self.learnt.isdisjoint(node.all_input_nodes):
                return [self._pin_all([node, *node.all_input_nodes])]
            raise SymgeomError(
                f"Cannot discover the symmetries through {error} in {module_of(node)}. {BY_HAND}"
            ) from None

    def _ruled(self, node: Node, call: Call) -> list[Statement]:
        """Return what the rule of an operation says, regions of grouped weights set aside."""
        operation = call.operation
        if operation is None:
            raise UnsupportedError(f"operation '{node.target}'")
        self._note_shift(operation, call)
        values = {key: self._with_axes(value) for key, value in call.arguments.items()}
        if not operation.takes(values):
            raise UnsupportedError(f"operation '{node.target}'")
        out: Axes | list[Axes] = self.axes[node]
        if node in self.parts:
            out = self.parts[node]
        said = list(operation.rule(out, **values))
        statements: list[Statement] = []
        for statement in said:
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


def _axes_of_parts(node: Node, parts: Sequence[object]) -> list[Axes]:
    """Return new axes for each of several results, and say which of them nothing reads."""
    read = {user.args[1] for user in node.users if is_part(user)}
    axes: list[Axes] = []
    for number, part in enumerate(map(_new_axes, parts)):
        axes.append(part if number in read else Unread(part))
    return axes


def _is_zero(node: Node) -> bool:
    """Whether a node makes a tensor of zeros."""
    operation = read_call(node).operation
    return operation is not None and operation.zero


def _read_nodes(graph: Graph) -> set[Node]:
    """Return the nodes whose values matter for the outputs; of some tensors only the shape does."""
    read: set[Node] = set()
    for node in reversed(graph.nodes):
        call = read_call(node)
        if node.op != "output" and node not in read and not call.in_place:
            continue
        read.add(node)
        shapes_only: set[Node | None] = set()
        if call.operation is not None:
            shapes_only = {call.node(name) for name in call.operation.shapes_only}
        read |= set(node.all_input_nodes) - shapes_only
    return read


def _statistics(names: Mapping[Node, str]) -> set[str]:
    """Return the tensors that are statistics of normalisations, and nothing else."""
    statistics = set()
    for node, name in names.items():
        if all(map(_normalises, node.users)):
            statistics.add(name)
    return statistics


def _normalises(node: Node) -> bool:
    operation = read_call(node).operation
    return operation is not None and operation.statistics is not None


def _of_constant(axes: Axes, value: Tensor, *, moves: bool) -> Iterator[Statement]:
    """Say what may be done to a constant: it has no scale, and its entries have an identity.

    Entries that are alike have none. What is kept with the weights may move with their units, as
    statistics do: the mask of a pruned weight, the vectors of a frozen batch norm.

    Parameters
    ----------
    axes : Axes
        Of the constant.
    value : Tensor
        Its entries.
    moves : bool
        Whether it is kept with the weights.

    Yields
    ------
    Statement
        Nothing about zeros.
    """
    if not value.any():
        return
    for index, axis in enumerate(axes):
        first = value.narrow(index, 0, 1)
        if moves or torch.equal(value, first.expand_as(value)):
            yield fixed(axis)
        else:
            yield Pin((axis,))


def _pin_regions_used_elsewhere(network: Network) -> None:
    """Pin the regions of a grouped weight that another operation reads as a whole."""
    for statement in tuple(network.statements):
        for axis in _mentioned(statement):
            if axis in network.regions:
                origin = network.origins.get(statement, "")
                network.say([Pin((axis, *network.regions[axis]))], origin)


def _mentioned(statement: Statement) -> Iterator[Axis]:
    """Yield the axes whose labels a statement is about."""
    if isinstance(statement, Pin):
        yield from statement.axes
    elif isinstance(statement, Relation):
        for expression, _ in statement.terms:
            for factors in expression:
                yield from factors
