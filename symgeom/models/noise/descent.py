"""SGD and gradient descent of many small networks at once, whatever their loss.

The first axis of every tensor of weights is the network. A network may have several losses: what is
summed over networks before differentiating gives each network its own gradient.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
"""The weights of many networks by name, each of shape (network, ...)."""

Batch = tuple[Tensor, Tensor]
"""Inputs and targets of every network, shapes (network, sample, ...)."""

Losses = Callable[[Weights, Batch], Tensor]
"""From weights and a batch to the mean loss of each network, shape (network,)."""


def slopes_of(losses: Losses, batches: Callable[[], Batch]) -> Callable[[Weights], Weights]:
    """Return a function that differentiates the losses of a new batch at every call.

    Parameters
    ----------
    losses : callable
        From weights and a batch to the loss of each network.
    batches : callable
        Makes a batch; always the same one for gradient descent.

    Returns
    -------
    callable
        From weights to the gradients of all networks.

    Examples
    --------
    >>> batch = (torch.ones(1, 1), torch.tensor([[3.0]]))
    >>> def losses(weights, batch):
    ...     inputs, targets = batch
    ...     return (weights["a"] * inputs - targets).square().mean(1)
    >>> slopes = slopes_of(losses, lambda: batch)({"a": torch.ones(1, 1)})
    >>> slopes["a"].tolist()
    [[-4.0]]
    """

    def gradients(weights: Weights) -> Weights:
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
        with torch.enable_grad():
            total = losses(leaves, batches()).sum()
        slopes = torch.autograd.grad(total, list(leaves.values()))
        return dict(zip(leaves, slopes, strict=True))

    return gradients


def batch_moment(losses: Losses, weights: Weights, samples: Batch, *, batch_size: int) -> Tensor:
    """Return the mean squared length of the gradient of a batch, drawn with replacement.

    Parameters
    ----------
    losses : callable
        From weights and a batch to the loss of each network.
    weights : mapping of str to Tensor
        The networks.
    samples : tuple of Tensor
        All inputs and targets of each network, shapes (network, sample, ...).
    batch_size : int
        Samples in a batch.

    Returns
    -------
    Tensor, shape (network,)
        Trace of the covariance of the gradients of single samples over the size of the batch, plus
        the squared mean gradient.

    Examples
    --------
    >>> samples = (torch.ones(1, 2), torch.tensor([[1.0, 3.0]]))
    >>> def losses(weights, batch):
    ...     inputs, targets = batch
    ...     return (weights["a"] * inputs - targets).square().mean(1)
    >>> batch_moment(losses, {"a": torch.ones(1, 1)}, samples, batch_size=2)
    tensor([6.])
    """
    inputs, targets = samples
    networks, count = targets.shape[:2]
    single = (inputs.flatten(0, 1)[:, None], targets.flatten(0, 1)[:, None])
    copies = {name: weight.repeat_interleave(count, 0) for name, weight in weights.items()}
    of_samples = slopes_of(losses, lambda: single)(copies)
    rows = [slope.reshape(networks, count, -1) for slope in of_samples.values()]
    slopes = torch.cat(rows, 2)
    square_of_mean = slopes.mean(1).square().sum(1)
    mean_square = slopes.square().sum(2).mean(1)
    return (mean_square - square_of_mean) / batch_size + square_of_mean


def descend_losses(
    weights: Weights,
    gradients: Callable[[Weights], Weights],
    *,
    learning_rate: float,
    records: Sequence[int],
    observe: Callable[[Weights], Mapping[str, Tensor]],
    weight_decay: float = 0.0,
) -> tuple[Weights, dict[str, Tensor]]:
    """Descend, and record what is observed on the way.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Where the networks start; not modified.
    gradients : callable
        From weights to their gradients, from :func:`slopes_of` for instance.
    learning_rate : float
        Size of a step.
    records : sequence of int
        Steps after which to observe, increasing; the last one ends the descent.
    observe : callable
        From the weights to named numbers or arrays of each network.
    weight_decay : float
        What is added to the gradient, in units of the weight.

    Returns
    -------
    weights : mapping of str to Tensor
        The networks in the end.
    observed : dict of str to Tensor, shape (network, record, ...)
        What was observed.

    Examples
    --------
    >>> start = {"a": torch.ones(1, 1)}
    >>> end, observed = descend_losses(
    ...     start, lambda weights: weights, learning_rate=0.5, records=[0, 1, 3], observe=dict
    ... )
    >>> observed["a"].flatten().tolist()
    [1.0, 0.5, 0.125]
    """
    current = dict(weights)
    observed: dict[str, list[Tensor]] = {}
    done = 0
    for record in records:
        for _ in range(done, record):
            slopes = gradients(current)
            for name, weight in current.items():
                kept_share = 1 - learning_rate * weight_decay
                current[name] = kept_share * weight - learning_rate * slopes[name]
        done = record
        for name, value in observe(current).items():
            observed.setdefault(name, []).append(value)
    return current, {name: torch.stack(values, 1) for name, values in observed.items()}
