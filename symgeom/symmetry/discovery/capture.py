"""From a module to its ``torch.export`` graph."""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.parameter import UninitializedParameter

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import copied, in_mode, refuse
from symgeom.symmetry.discovery.writing import (
    leave_out_what_hands_on_itself,
    writes_through_views,
)

BY_HAND = "Write a SymmetrySpec for this network by hand, and let certify prove it."
"""What to do where discovery ends."""


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
    _check_kind(module)
    copy = in_mode(copied(module), training=False).requires_grad_(True)
    _tie(copy)
    for layer in copy.modules():
        if isinstance(layer, nn.MultiheadAttention):
            layer.register_forward_pre_hook(_told_apart, with_kwargs=True)
    _check_evaluations(copy, example)
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The tensor attribute", UserWarning)
            program = torch.export.export(copy, (example,), strict=False)
            leave_out_what_hands_on_itself(program.graph_module.graph)
            if writes_through_views(program.graph_module.graph):
                program = _in_functional_form(program)
            return program
    except Exception as error:  # export raises many kinds, some of them private
        raise SymgeomError(
            f"Cannot capture the graph of the network ({type(module).__name__}): "
            f"{_first_line(error)}. {BY_HAND}"
        ) from error


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


def _in_functional_form(program: ExportedProgram) -> ExportedProgram:
    """Return a graph that writes nothing in place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch about its own trees
        return program.run_decompositions({})


def _check_evaluations(network: nn.Module, example: Tensor) -> None:
    """Raise unless a network takes the example and says the same about it twice."""
    kind = type(network).__name__
    try:
        with torch.no_grad():
            first = tensors_of(network(example))
            second = tensors_of(network(example))
    except Exception as error:  # the user's own code runs here
        refuse(network, example, error)
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
    if isinstance(outputs, Tensor):
        return [outputs]
    if isinstance(outputs, Mapping):
        outputs = tuple(outputs.values())
    tensors: list[Tensor] = []
    if isinstance(outputs, tuple | list):
        for part in outputs:
            tensors += tensors_of(part)
    return tensors
