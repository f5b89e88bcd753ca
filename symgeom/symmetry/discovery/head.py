"""The head: the last trainable layer.

Its common scale changes the outputs, but not their order.
"""

from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from symgeom.symmetry.discovery.calls import Call, is_part, read_call
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.operations.record import Carrier, Head
from symgeom.symmetry.spec import Leg, UnitGroup


def head_group(
    program: ExportedProgram, network: Network, names: dict[Node, str]
) -> UnitGroup | None:
    """Return the head as one sphere.

    Parameters
    ----------
    program : ExportedProgram
        The graph.
    network : Network
        What was collected from it.
    names : dict of Node to str
        The names of the parameters.

    Returns
    -------
    UnitGroup or None
        None if the output is not one table (sample, class), or if its scale is not carried by
        tensors that are used only there.
    """
    (output,) = (node for node in program.graph_module.graph.nodes if node.op == "output")
    results = output.all_input_nodes
    if len(results) != 1 or not _is_table(results[0]):
        return None
    legs: list[Leg] = []
    for node, axis in _carriers(results[0]):
        name = names.get(node)
        if name is None or name in network.buffers or network.uses[name] > 1:
            return None
        shape = node.meta["val"].shape
        legs.append(Leg(name, axis % len(shape), block=shape[axis]))
    if not legs:
        return None
    return UnitGroup("head", 1, tuple(legs), "positive", permute=False, exact_for="error")


def _is_table(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.ndim == 2


def _carriers(table: Node) -> list[tuple[Node, int]]:
    """Return what sets the scale of a table, each with an axis; nothing if no scale shows in it."""
    # The operations are followed back from the table. One that keeps only the order of the classes
    # (a softmax) must be the last one that does more than move entries.
    node: Node | None = table
    moved_only = True
    while node is not None:
        call = read_call(node)
        behind = _behind(node, call)
        if isinstance(behind, tuple):
            return _present(call, behind)
        if behind is Head.HIDDEN or (behind is Head.ORDERED and not moved_only):
            return []
        moved_only = moved_only and behind is not Head.SCALED
        node = node.all_input_nodes[0] if is_part(node) else call.node("source")
    return []


def _behind(node: Node, call: Call) -> Head | tuple[Carrier, ...]:
    """Return what becomes of a scale at a node, or what sets it."""
    if is_part(node):
        return Head.SCALED
    if call.operation is None:
        return Head.HIDDEN
    return call.operation.head


def _present(call: Call, carriers: tuple[Carrier, ...]) -> list[tuple[Node, int]]:
    """Return the carriers that a call has (a layer may be without a bias)."""
    present: list[tuple[Node, int]] = []
    for carrier in carriers:
        node = call.node(carrier.argument)
        if node is not None:
            present.append((node, carrier.axis))
    return present
