"""Do a network and its data fit? Feed it one sample, and name the layer that cannot take it."""

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_samples
from symgeom.ground.modules import fault, run
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
    check_samples(inputs)
    check_samples(targets)
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise SymgeomError(
            f"Cannot pair {len(inputs)} inputs with {len(targets)} targets: "
            "give one target to each of the samples."
        )
    classes = _first_outputs(module, inputs).shape[-1]
    low = targets.min().item()
    high = targets.max().item()
    if not targets.is_floating_point() and not 0 <= low <= high < classes:
        raise SymgeomError(
            f"Cannot use a network with {classes} outputs for classes {low} to {high}: "
            "build it with one per class."
        )


def _first_outputs(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the outputs of the first sample, or name the layer that cannot take it."""
    dtype = inputs.dtype if inputs.is_floating_point() else torch.float32
    weights = cast(parameters(module), dtype)
    try:
        with torch.no_grad():
            return run(module, weights, inputs[:1])
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot feed samples of shape {tuple(inputs.shape[1:])} to the network "
            f"({type(module).__name__}): {fault(module, error)}. "
            "Build it for this input shape, or reshape the data."
        ) from error
