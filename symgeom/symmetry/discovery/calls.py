"""The nodes of a graph: which operation each of them calls, and on what."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node
from torch.fx.node import Argument

from symgeom.symmetry.discovery.operations.record import Operation
from symgeom.symmetry.discovery.operations.registry import BY_NAME

_ALIASES = {"self": "source", "input": "source", "mat2": "other", "vec": "other"}


@dataclass(frozen=True, eq=False)
class Call:
    """One node of a graph: an operation with its arguments.

    Attributes
    ----------
    name : str
        Of the operation, in place or not.
    arguments : mapping of str to Argument
        By name, defaults included; the first tensor (``self`` or ``input``) is ``source``, the
        second factor of a product (``mat2`` or ``vec``) is ``other``.
    in_place : bool
        Whether it writes on ``source``.
    """

    name: str
    arguments: Mapping[str, Argument]
    in_place: bool = False

    @property
    def operation(self) -> Operation | None:
        """What is known of the operation; None for what is not known, and for inputs."""
        return BY_NAME.get(self.name)

    def node(self, argument: str) -> Node | None:
        """Return the node that an argument is, or None if it is none or not there."""
        value = self.arguments.get(argument)
        return value if isinstance(value, Node) else None


def read_call(node: Node) -> Call:
    """Return what a node calls.

    Parameters
    ----------
    node : Node
        A node of an exported graph.

    Returns
    -------
    Call
        The operation and its arguments; for a node that calls none, a name that no operation has.
    """
    target = node.target
    if not isinstance(target, OpOverload):
        return Call(f"{node.op} {target}", {})
    arguments: dict[str, Argument] = {}
    for argument in target._schema.arguments:
        if argument.has_default_value():
            arguments[argument.name] = argument.default_value
    for argument, value in zip(target._schema.arguments, node.args, strict=False):
        arguments[argument.name] = value
    arguments |= node.kwargs
    in_place = target._schema.is_mutable
    name = target._schema.name.removeprefix("aten::")
    if in_place:
        name = name.removesuffix("_")
    named = {_ALIASES.get(key, key): value for key, value in arguments.items()}
    return Call(name, named, in_place)


def is_part(node: Node) -> bool:
    """Whether a node takes one of several results of another node, its first argument."""
    return node.target is operator.getitem


def tensor_names(program: ExportedProgram, module: nn.Module) -> dict[Node, str]:
    """Return the placeholders of parameters and buffers with the names of their tensors.

    Parameters
    ----------
    program : ExportedProgram
        The graph.
    module : nn.Module
        The network that was captured: a tensor with several names (tied weights) has the one that
        named_parameters gives it.

    Returns
    -------
    dict of Node to str
        Inputs and constants are left out, and so are buffers that a forward pass replaces.
    """
    tensors = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    first_names = {id(tensor): name for name, tensor in reversed(tensors)}
    names = {name: first_names[id(tensor)] for name, tensor in tensors}
    shapes = {name: tensor.shape for name, tensor in tensors}
    inputs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    placeholders: dict[Node, str] = {}
    for node in program.graph_module.graph.nodes:
        if node.op != "placeholder":
            continue
        spec = inputs[node.name]
        if spec.kind not in (InputKind.PARAMETER, InputKind.BUFFER) or spec.target is None:
            continue
        if node.meta["val"].shape == shapes[spec.target]:  # else the forward pass makes it anew
            placeholders[node] = names[spec.target]
    return placeholders


def module_of(node: Node) -> str:
    """Return in words in which module of the network a node is called."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    if not path:
        return "the network's own forward"
    name = kind if isinstance(kind, str) else kind.__name__
    return f"module '{path}' ({name.rpartition('.')[2]})"
