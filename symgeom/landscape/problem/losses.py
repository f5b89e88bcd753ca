"""What a network's outputs are worth: the losses of the samples and the fraction of wrong ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import told
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


def losses_of_samples(
    sample_loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, targets: Tensor
) -> Tensor:
    """Return the loss of each sample, or say why there is none.

    Parameters
    ----------
    sample_loss : callable
        From outputs and targets to losses, perhaps the user's own code.
    outputs, targets : Tensor, shapes (sample, ...)
        What it is given.

    Returns
    -------
    Tensor, shape (sample,)
        What it returns.

    Raises
    ------
    SymgeomError
        If it fails, or gives something else than one number per sample.

    Examples
    --------
    >>> losses_of_samples(lambda outputs, targets: outputs - targets, torch.ones(2), torch.zeros(2))
    tensor([1., 1.])
    """
    try:
        losses = sample_loss(outputs, targets)
    except Exception as error:  # the user's own code may run here
        raise SymgeomError(
            f"Cannot compute the losses of outputs of shape {tuple(outputs.shape)} and targets "
            f"of shape {tuple(targets.shape)} and type {targets.dtype}: {told(error)}. Give "
            "targets that the loss takes, or another sample_loss."
        ) from error
    if losses.shape != targets.shape[:1]:
        raise SymgeomError(
            f"Cannot use the loss: of {len(targets)} samples it gives a tensor of shape "
            f"{tuple(losses.shape)}. The loss of a mini-batch is taken to be a mean over "
            "samples: give a sample_loss that returns one number per sample, without "
            "reduction. Symmetries and charges need no loss."
        )
    return losses
