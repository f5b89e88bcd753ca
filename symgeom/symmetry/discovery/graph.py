"""From a module to statements: walk its ``torch.export`` graph and apply one rule per operation."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from symgeom.ground.checks import SymgeomError
from symgeom.symmetry.discovery.labels import Axis
from symgeom.symmetry.discovery.relations import Axes, Pin, Regions, Statement, equal
from symgeom.symmetry.discovery.rules import RULES
from symgeom.symmetry.discovery.unsupported import UnsupportedError

_ALIASES = {"self": "source", "input": "source", "mat2": "other", "vec": "other"}
_BY_HAND = "Write a SymmetrySpec for this network by hand, and let certify prove it."


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


def export(module: nn.Module, example: Tensor) -> ExportedProgram:
    """Capture the graph of a copy of the module in eval mode.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    example : Tensor, shape (sample, ...)
        A batch of inputs.

    Returns
    -------
    ExportedProgram
        The graph.

    Raises
    ------
    SymgeomError
        If the module cannot take the example, is random in eval mode, or has a control flow that
        export cannot capture.
    """
    copy = deepcopy(module).eval().requires_grad_(True)
    for layer in copy.modules():
        if isinstance(layer, nn.MultiheadAttention):
            layer.register_forward_pre_hook(_told_apart, with_kwargs=True)
    try:
        with torch.no_grad():
            first, second = copy(example), copy(example)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise SymgeomError(
            f"Cannot run the network ({type(module).__name__}) on an example of shape {tuple(example.shape)} and type "
            f"{example.dtype}: {str(error).strip().splitlines()[0]}. Give a batch of inputs (sample, ...) as it takes them."
        ) from None
    first, second = tensors_of(first), tensors_of(second)
    if len(first) != len(second) or not all(map(_same, first, second)):
        raise SymgeomError(
            f"Cannot use the network ({type(module).__name__}): two evaluations on one input in eval mode differ. Turn off what "
            "is random (a dropout that ignores eval mode, a sampled layer)."
        )
    try:
        with torch.enable_grad():
            return torch.export.export(copy, (example,), strict=False)
    except Exception as error:  # export raises many kinds, some of them private
        raise SymgeomError(
            f"Cannot capture the graph of the network ({type(module).__name__}): {str(error).strip().splitlines()[0]}. {_BY_HAND}"
        ) from error


def _told_apart(_: nn.Module, inputs: tuple, options: dict) -> tuple[tuple, dict]:
    """Hand queries, keys and values on as three tensors: then attention reads its packed weight in three runs of rows."""
    names = ("query", "key", "value")
    given = dict(zip(names, inputs, strict=False)) | {
        name: options[name] for name in names if name in options
    }
    apart = tuple(torch.ops.aten.alias(given[name]) for name in names)
    return (*apart, *inputs[3:]), {
        name: value for name, value in options.items() if name not in names
    }


def _same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are equal, an undefined number being equal to another."""
    return first.shape == second.shape and bool(
        ((first == second) | ((first != first) & (second != second))).all()
    )


def tensors_of(outputs: object) -> list[Tensor]:
    """Return the tensors among the outputs of a network.

    Parameters
    ----------
    outputs : Tensor, or nested tuple, list or dict of them
        What a module returned.

    Returns
    -------
    list of Tensor
        In a fixed order.

    Examples
    --------
    >>> import torch
    >>> len(tensors_of({"a": torch.ones(1), "b": (torch.ones(2), None)}))
    2
    """
    if isinstance(outputs, Mapping):
        outputs = tuple(outputs.values())
    if isinstance(outputs, tuple | list):
        return [tensor for part in outputs for tensor in tensors_of(part)]
    return [outputs] if isinstance(outputs, Tensor) else []


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
    network, axes = Network(), {}
    graph = program.graph_module.graph
    graph.eliminate_dead_code()
    names = tensor_names(program, module)
    shared: dict[str, Axes] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            axes[node] = shared.setdefault(names.get(node, node.name), _axes(node.meta["val"]))
            if node not in names:
                network.statements.append(Pin(axes[node] or ()))
        elif node.op == "call_function" and node.meta.get("val") is not None:
            axes[node] = _apply(node, axes, network, names)
        elif node.op == "output":
            network.statements += [Pin(axes[source]) for source in node.all_input_nodes]
    network.buffers = {name for name, _ in module.named_buffers()}
    network.statements += _pinned_buffers(names, network)
    return network


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
        Inputs and constants are left out.
    """
    every = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    first = {id(tensor): name for name, tensor in reversed(every)}
    names = {name: first[id(tensor)] for name, tensor in every}
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    known = (InputKind.PARAMETER, InputKind.BUFFER)
    placeholders = [node for node in program.graph_module.graph.nodes if node.op == "placeholder"]
    return {
        node: names[specs[node.name].target]
        for node in placeholders
        if specs[node.name].kind in known
    }


def operation(node: Node) -> tuple[str, dict[str, object]]:
    """Return the name of an operation (in place or not) and its arguments by name."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return getattr(node.target, "__name__", str(node.target)), dict(enumerate(node.args))
    schema = node.target._schema
    bound = {
        argument.name: argument.default_value
        for argument in schema.arguments
        if argument.has_default_value()
    }
    bound |= {
        argument.name: value for argument, value in zip(schema.arguments, node.args, strict=False)
    } | node.kwargs
    name = schema.name.removeprefix("aten::")
    name = name.removesuffix("_") if schema.is_mutable else name
    return name, {_ALIASES.get(key, key): value for key, value in bound.items()}


def _axes(value: object) -> Axes | tuple[Axes, ...]:
    if isinstance(value, Tensor):
        return tuple(Axis(size) for size in value.shape)
    return tuple(_axes(part) for part in value) if isinstance(value, tuple | list) else ()


def _apply(
    node: Node, axes: dict[Node, Axes], network: Network, names: dict[Node, str]
) -> Axes | tuple[Axes, ...]:
    """Collect what one operation says, and return the axes of its result."""
    name, arguments = operation(node)
    if name == "getitem":
        return axes[arguments[0]][arguments[1]]
    out = _axes(node.meta["val"])
    if not node.all_input_nodes:  # a constant
        network.statements.append(Pin(out))
        return out
    for source in node.all_input_nodes:
        if source in names:
            _note_use(network, names[source], axes[source])
    try:
        if name not in RULES:
            raise UnsupportedError(f"operation '{node.target}'")
        if name == "batch_norm" and arguments["running_var"] is not None:
            if arguments["running_var"] not in names:
                raise UnsupportedError("batch normalisation with statistics that are no buffers")
            network.shifts[names[arguments["running_var"]]] = arguments["eps"]
        values = {
            key: torch.fx.map_arg(value, axes.__getitem__) for key, value in arguments.items()
        }
        said = list(_registered(RULES[name](out, **values), network))
    except UnsupportedError as error:
        raise SymgeomError(
            f"Cannot discover the symmetries through {error} in {_place(node)}. {_BY_HAND}"
        ) from None
    network.statements += said
    network.origins |= dict.fromkeys(said, f"{name} in {_place(node)}")
    if node.target._schema.is_mutable:  # later uses of the tensor see what was written
        axes[arguments["source"]] = out
    return out


def _note_use(network: Network, name: str, axes: Axes) -> None:
    network.tensors.setdefault(name, axes)
    network.uses[name] = network.uses.get(name, 0) + 1


def _registered(statements: Iterator[Statement], network: Network) -> Iterator[Statement]:
    """Keep the regions of grouped weights aside (a weight used twice has the same regions)."""
    for statement in statements:
        if not isinstance(statement, Regions):
            yield statement
        elif statement.axis in network.regions:
            yield from map(equal, network.regions[statement.axis], statement.pieces)
        else:
            network.regions[statement.axis] = statement.pieces


def _pinned_buffers(names: dict[Node, str], network: Network) -> Iterator[Statement]:
    """Pin buffers that are constants of the architecture; the statistics of batch norms move with their units."""
    for node, name in names.items():
        statistics = all(operation(user)[0] == "batch_norm" for user in node.users)
        if name in network.buffers and name in network.tensors and not statistics:
            yield Pin(network.tensors[name])


def _place(node: Node) -> str:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    kind = kind if isinstance(kind, str) else kind.__name__
    return f"module '{path}' ({kind.rsplit('.', 1)[-1]})" if path else "the network's own forward"
