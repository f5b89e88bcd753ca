"""Which operations of a network apply which weights: one walk along its ``torch.export`` graph.

Which axis a weight reads is a fact of the operation: the weight of a linear layer reads its last
axis, a product of matrices that of either side.
"""

from dataclasses import dataclass

from torch import nn
from torch.export import ExportedProgram
from torch.fx import Node

from symgeom.symmetry.discovery.calls import Call, read_call, tensor_names
from symgeom.symmetry.discovery.operations.record import Weight


@dataclass(eq=False)
class WeightUse:
    """An operation that applies a weight to data.

    Attributes
    ----------
    tensor : str
        Name of the weight.
    read_axis, write_axis : int
        The axes of the weight that index what is read, and what is written.
    step : int
        How many weights lie between the inputs and its result, at most, itself included.
    from_inputs : bool
        Whether the inputs reach it without another weight between.
    to_outputs : bool
        Whether its result reaches the outputs so.
    """

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

    origins: frozenset[WeightUse | None]
    step: int


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A result in the graph that depends on no input: a parameter, perhaps transposed."""

    name: str
    elements: int
    transposed: bool = False


Value = _Data | _Tensor | None
"""What is known of a result; None for a constant."""


def weight_uses(program: ExportedProgram, module: nn.Module) -> list[WeightUse]:
    """List where a network applies weights.

    Parameters
    ----------
    program : ExportedProgram
        The exported network.
    module : nn.Module
        The network, which names the weights.

    Returns
    -------
    list of WeightUse
        In the order of execution.
    """
    uses: list[WeightUse] = []
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
    origins: set[WeightUse | None] = set()
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


def _use(call: Call, values: dict[Node, Value]) -> WeightUse | None:
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
    return WeightUse(tensor.name, read, write, data.step + 1, None in data.origins)


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
