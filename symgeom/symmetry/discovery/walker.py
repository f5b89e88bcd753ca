"""Apply the rule of one operation after another."""

from collections.abc import Iterable, Mapping, Sequence

from torch import SymInt, Tensor
from torch.fx import Node

from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.discovery.calls import Call, is_part, module_of, read_call
from symgeom.symmetry.discovery.capture import BY_HAND
from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.operations.record import Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Regions,
    Statement,
    Unread,
    UnsupportedError,
    Zeros,
    equal,
)

LENGTH_BY_DATA = 8191
"""What stands for a length that the data decide; a prime, so that nothing else has it."""


class Walker:
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
            axes += self.axes.get(node, ())  # the graph of a part of the network has none
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
        try:
            said = list(operation.rule(out, **values))
        except (ValueError, IndexError):  # axes that the rule expects are not there
            raise UnsupportedError(f"operation '{node.target}'") from None
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
    return tuple(Axis(_length(size)) for size in value.shape)


def _length(size: int | SymInt) -> int:
    """Return the length of an axis, or what stands for it where only the data decide it."""
    if isinstance(size, int):
        return size
    expression = size.node.expr
    return int(expression.subs(dict.fromkeys(expression.free_symbols, LENGTH_BY_DATA)))


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
