"""Do a network and its data fit together? Feed it one sample, and name the layer that cannot take it."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.module import register_module_forward_pre_hook

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast, parameters


def check_fit(module: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Raise unless a network can take the samples and has an output for every class.

    Parameters
    ----------
    module : nn.Module
        The network in eval mode; not modified.
    inputs : Tensor, shape (sample, ...)
        The samples.
    targets : Tensor, shape (sample,)
        Classes as integers, or real numbers, of which only the number is checked.

    Raises
    ------
    SymgeomError
        If there is not one target for each sample, a layer cannot take the first sample, or a class
        has no output.

    Examples
    --------
    >>> check_fit(nn.Linear(3, 2), torch.zeros(5, 3), torch.tensor([0, 1, 1, 0, 1]))
    """
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise SymgeomError(
            f"Cannot pair {len(inputs)} inputs with {len(targets)} targets: give one target to each of the samples."
        )
    outputs = _first_outputs(module, inputs)
    low, high = targets.min().item(), targets.max().item()
    if not targets.is_floating_point() and not 0 <= low <= high < outputs.shape[-1]:
        raise SymgeomError(
            f"Cannot use a network with {outputs.shape[-1]} outputs for classes {low} to {high}: build it with one per class."
        )


def _first_outputs(module: nn.Module, inputs: Tensor) -> Tensor:
    weights = cast(
        parameters(module), inputs.dtype if inputs.is_floating_point() else torch.float32
    )
    entered: list[tuple[nn.Module, tuple[object, ...]]] = []
    watch = register_module_forward_pre_hook(
        lambda layer, arguments: entered.append((layer, arguments))
    )
    try:
        with torch.no_grad():
            return functional_call(module, weights, (inputs[:1],))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        layer, (found, *_) = entered[-1]
        name = next(name for name, candidate in module.named_modules() if candidate is layer)
        raise SymgeomError(
            f"Cannot feed samples of shape {tuple(inputs.shape[1:])} to the network: layer '{name}' {layer} cannot take "
            f"{tuple(found.shape)} ({str(error).splitlines()[0]}). Build it for this input shape, or reshape the data."
        ) from error
    finally:
        watch.remove()
