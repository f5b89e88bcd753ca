"""Do a network and its data fit? Feed it one sample, and name the layer that cannot take it."""

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError, check_samples
from symgeom.ground.modules import fault, run
from symgeom.ground.types import cast, parameters


def first_outputs(module: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the outputs of the first sample, or raise if a network cannot take the samples.

    Parameters
    ----------
    module : nn.Module
        The network in eval mode; not modified.
    inputs : Tensor, shape (sample, ...)
        The samples.
    targets : Tensor, shape (sample, ...)
        Only their number is checked.

    Returns
    -------
    Tensor, shape (1, ...)
        The outputs.

    Raises
    ------
    SymgeomError
        If there is not one target for each sample, a layer cannot take the first sample, or the
        network returns something else than one tensor.

    Examples
    --------
    >>> first_outputs(nn.Linear(3, 2), torch.zeros(5, 3), torch.zeros(5)).shape
    torch.Size([1, 2])
    """
    check_samples(inputs)
    check_samples(targets)
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise SymgeomError(
            f"Cannot pair {len(inputs)} inputs with {len(targets)} targets: "
            "give one target to each of the samples."
        )
    outputs = _outputs(module, inputs[:1])
    if not isinstance(outputs, Tensor):
        raise SymgeomError(
            f"Cannot use a network ({type(module).__name__}) that returns {type(outputs).__name__} "
            "for a landscape: say which of its outputs is looked at, by name or index "
            "(output='logits', for instance)."
        )
    if outputs.ndim == 0 or len(outputs) != 1:
        raise SymgeomError(
            f"Cannot use a network ({type(module).__name__}) that returns outputs of shape "
            f"{tuple(outputs.shape)} for one sample: the first axis of outputs is that of the "
            "samples. Wrap it in a module whose forward returns one row per sample."
        )
    return outputs


def _outputs(module: nn.Module, inputs: Tensor) -> object:
    """Return the outputs of some samples, or name the layer that cannot take them."""
    dtype = inputs.dtype if inputs.is_floating_point() else torch.float32
    weights = cast(parameters(module), dtype)
    try:
        with torch.no_grad():
            return run(module, weights, inputs)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot feed samples of shape {tuple(inputs.shape[1:])} to the network "
            f"({type(module).__name__}): {fault(module, error)}. "
            "Build it for this input shape, or reshape the data."
        ) from error
