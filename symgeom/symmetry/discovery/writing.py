"""Operations that write in place: whether each can be read as one that makes a new tensor.

A later reader of the tensor then reads the new one. That is wrong where the tensor shares its
memory with others, which change with it: a view, what a view was taken of. Such a graph is brought
into functional form, in which nothing is written in place. What returns its input in eval mode,
though its schema does not say so (dropout), is left out before, because the functional form would
make a copy of it.
"""

from torch._ops import OpOverload
from torch.fx import Graph, Node

from symgeom.symmetry.discovery.calls import read_call


def leave_out_what_hands_on_itself(graph: Graph) -> None:
    """Let what reads the result of a dropout read its input, where either is written in.

    Parameters
    ----------
    graph : Graph
        Of an exported network in eval mode; modified.
    """
    for node in graph.nodes:
        call = read_call(node)
        before = call.node("source")
        is_output = any(user.op == "output" for user in node.users)
        if before is None or is_output or call.operation is None or call.arguments.get("train"):
            continue
        if call.operation.hands_on_itself and (_is_written(node) or _is_written(before)):
            node.replace_all_uses_with(before)
            graph.erase_node(node)


def writes_through_views(graph: Graph) -> bool:
    """Whether something is written in a tensor that shares its memory with another one.

    Parameters
    ----------
    graph : Graph
        Of an exported network.

    Returns
    -------
    bool
        Also if something is written in an input or a parameter.
    """
    return any(_is_write(node) and _is_shared(node.args[0]) for node in graph.nodes)


def _is_shared(written: object) -> bool:
    """Whether a tensor that is written in shares its memory with another that may be read later."""
    if not isinstance(written, Node) or written.op != "call_function":
        return True
    if _is_view(written) or any(map(_is_view, written.users)):
        return True
    if not _is_write(written):
        return False
    before = written.args[0]
    return not isinstance(before, Node) or len(before.users) > 1


def _is_written(node: Node) -> bool:
    """Whether something is written in a tensor."""
    return any(_is_write(user) and user.args[0] is node for user in node.users)


def _is_write(node: Node) -> bool:
    target = node.target
    return isinstance(target, OpOverload) and target._schema.is_mutable


def _is_view(node: Node) -> bool:
    """Whether the result of an operation may share the memory of its input, unchanged."""
    target = node.target
    if not isinstance(target, OpOverload):
        return True  # one of several results
    schema = target._schema
    if schema.is_mutable:
        return False
    return any(result.alias_info is not None for result in schema.returns)
