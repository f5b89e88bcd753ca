"""From a module to its ``torch.export`` graph."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.parameter import UninitializedParameter

from symgeom.ground.calling import Inputs, NetworkCall, tensors_of
from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import copied, in_mode, refuse
from symgeom.ground.wrappers import unwrapped
from symgeom.symmetry.discovery.decomposition import decomposed, in_functional_form
from symgeom.symmetry.discovery.writing import (
    leave_out_what_hands_on_itself,
    writes_through_views,
)

BY_HAND = "Write a SymmetrySpec for this network by hand, and let certify prove it."
"""What to do where discovery ends."""


def export(module: nn.Module, example: Inputs) -> ExportedProgram:
    """Capture the graph of a copy of the module in eval mode.

    Parameters
    ----------
    module : nn.Module
        The network; not modified. Where its weights have no entries (device meta), only its graph
        is read.
    example : Tensor, tuple, mapping or NetworkCall
        A batch of inputs, or several arguments.

    Returns
    -------
    ExportedProgram
        The graph; it returns the tensors of the outputs that are looked at. What no rule describes
        is written in terms of other operations, where torch knows how.

    Raises
    ------
    SymgeomError
        If the module cannot take the example, returns no tensor, is random in eval mode, or has a
        control flow that export cannot capture.
    """
    network = unwrapped(module)
    _check_kind(network)
    call = NetworkCall.of(example)
    copy = in_mode(copied(network), training=False)
    if any(tensor.is_meta for tensor in (*copy.parameters(), *copy.buffers())):
        copy = copy.to("meta")
        call = call.mapped(lambda tensor: tensor.to("meta"))
    _unfreeze(copy)
    _tie(copy)
    copy.register_forward_hook(_hand_on_tensors(call))
    for layer in copy.modules():
        if isinstance(layer, nn.MultiheadAttention):
            layer.register_forward_pre_hook(_told_apart, with_kwargs=True)
    _check_evaluations(copy, call)
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The tensor attribute", UserWarning)
            program = torch.export.export(copy, call.positional, call.keywords, strict=False)
            leave_out_what_hands_on_itself(program.graph_module.graph)
            if writes_through_views(program.graph_module.graph):
                program = in_functional_form(program)
            return decomposed(program)
    except Exception as error:  # export raises many kinds, some of them private
        raise SymgeomError(
            f"Cannot capture the graph of the network ({type(network).__name__}): "
            f"{_first_line(error)}. {BY_HAND}"
        ) from error


def _unfreeze(network: nn.Module) -> None:
    """Let all weights train: frozen ones are weights, too."""
    for weight in network.parameters():
        weight.requires_grad_(weight.is_floating_point())


def _hand_on_tensors(call: NetworkCall) -> Callable[..., tuple[Tensor, ...]]:
    """Return a hook that lets a network return a tuple of the tensors that are looked at."""

    def hook(_network: nn.Module, _inputs: object, outputs: object) -> tuple[Tensor, ...]:
        return tuple(call.tensors_asked(outputs))

    return hook


def _tie(network: nn.Module) -> None:
    """Make layers with several names several layers of one weight: export cannot lend to others."""
    seen = set()
    for path, layer in list(network.named_modules(remove_duplicate=False)):
        if layer in seen:
            tensors = [*layer.parameters(), *layer.buffers()]
            network.set_submodule(path, copied(layer, tensors))
        seen.add(layer)


def _check_kind(module: nn.Module) -> None:
    """Raise if a module has no graph that can be captured, or no weights yet."""
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise SymgeomError(
            f"Cannot capture the graph of the network ({kind}): it is scripted or traced. Give the "
            "module that it was made of."
        )
    for name, weight in module.named_parameters():
        if isinstance(weight, UninitializedParameter):
            raise SymgeomError(
                f"Cannot capture the graph of the network ({kind}): its weight '{name}' has no "
                "shape yet. Run the network on a batch first."
            )


def _check_evaluations(network: nn.Module, call: NetworkCall) -> None:
    """Raise unless a network takes the example and says the same about it twice."""
    kind = type(network).__name__
    try:
        with torch.no_grad():
            first = tensors_of(network(*call.positional, **call.keywords))
            second = tensors_of(network(*call.positional, **call.keywords))
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        refuse(network, call, error)
    if any(tensor.is_meta for tensor in first):  # there is nothing to compare
        return
    if len(first) != len(second) or not all(map(_same, first, second)):
        raise SymgeomError(
            f"Cannot use the network ({kind}): two evaluations on one input in eval mode differ. "
            "Turn off what is random (a dropout that ignores eval mode, a sampled layer)."
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _told_apart(
    _: nn.Module, inputs: tuple[object, ...], options: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Hand queries, keys and values on as three tensors."""
    # Attention then reads its packed weight in three runs of rows.
    names = ("query", "key", "value")
    tensors = dict(zip(names, inputs, strict=False))
    others = {}
    for name, option in options.items():
        if name in names:
            tensors[name] = option
        else:
            others[name] = option
    apart = [torch.ops.aten.alias(tensors[name]) for name in names]
    return (*apart, *inputs[3:]), others


def _same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are equal, an undefined number being equal to another."""
    if first.shape != second.shape:
        return False
    undefined = (first != first) & (second != second)
    return bool(((first == second) | undefined).all())
