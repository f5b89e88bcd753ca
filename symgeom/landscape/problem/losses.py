"""What a network's outputs are worth: the losses of the samples and the fraction of wrong ones."""

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross entropy of each sample, in nats.

    Parameters
    ----------
    outputs : Tensor, shape (sample, class)
        Logits.
    targets : Tensor of int64, shape (sample,)
        Classes.

    Returns
    -------
    Tensor, shape (sample,)
        ``-log softmax(outputs)[target]``.

    Examples
    --------
    >>> cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor([0.6931])
    """
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def at_least_single(outputs: Tensor) -> Tensor:
    """Return logits in single precision if theirs is lower.

    A loss of numbers with three digits would be too coarse.

    Parameters
    ----------
    outputs : Tensor
        Logits.

    Returns
    -------
    Tensor
        The same, if they are in single or double precision.

    Examples
    --------
    >>> at_least_single(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))


def misclassified(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of misclassified samples.

    Parameters
    ----------
    outputs : Tensor, shape (..., sample, class)
        Logits.
    targets : Tensor of int64, shape (..., sample)
        Classes.

    Returns
    -------
    Tensor, shape (...)
        In float64, multiples of one over the number of samples.

    Raises
    ------
    SymgeomError
        If the targets are real numbers.

    Examples
    --------
    >>> misclassified(torch.eye(2), torch.tensor([0, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    if targets.is_floating_point():
        raise SymgeomError(
            "Cannot count misclassified samples: the targets are real numbers. "
            "Use the loss, or give classes."
        )
    return (outputs.argmax(-1) != targets).to(torch.float64).mean(-1)


def check_precision(params: Parameters, inputs: Tensor) -> None:
    """Raise unless weights and inputs have one precision.

    Parameters
    ----------
    params : Parameters
        One network or stacked ones.
    inputs : Tensor
        The samples; whole numbers go with every precision.

    Raises
    ------
    SymgeomError
        If a tensor has another precision than the inputs.

    Examples
    --------
    >>> check_precision({"w": torch.ones(1)}, torch.zeros(3, 1))
    """
    if not inputs.is_floating_point():
        return
    for name, tensor in params.items():
        if tensor.is_floating_point() and tensor.dtype != inputs.dtype:
            raise SymgeomError(
                f"Cannot evaluate tensor '{name}' of {tensor.dtype} on inputs of {inputs.dtype}: "
                f"use problem.cast({tensor.dtype}), or cast the parameters."
            )
