"""From a graph to statements: apply the rule of every operation."""

from collections.abc import Iterator

from torch import nn
from torch.export import ExportedProgram
from torch.fx import Graph, Node

from symgeom.symmetry.discovery.calls import read_call, tensor_names
from symgeom.symmetry.discovery.constants import say_of_buffers
from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Pin, Relation, Statement
from symgeom.symmetry.discovery.walker import Walker


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
    walker = Walker(names, strict=strict)
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
    say_of_buffers(network, names, module)
    _pin_regions_used_elsewhere(network)
    return network


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
