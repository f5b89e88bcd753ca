r"""How far the two sides of a layer of units are aligned as noise would align them.

In a linear network :math:`UW` at its noise equilibrium the matrices

.. math:: W \Sigma_x W^\top / \mathrm{Tr}\,\Sigma_x
    \quad\text{and}\quad U^\top \Sigma_\varepsilon U / \mathrm{Tr}\,\Sigma_\varepsilon

are equal: the covariance of the units' inputs is what the noise of the labels looks like from the
units. Networks with other activations have no such law; how alike the matrices become is measured
by their cosine, and by the correlation of their entries beside the diagonal. The cosine of two
positive matrices is large whatever they are, so that the second number is the telling one.

References
----------
Ziyin et al. (2402.07193), theorem 5.2, figures 6 and 9, which show the matrices and no number.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, silu

from symgeom.models.noise.descent import Batch, Losses, Weights

LEAK = 0.1
"""Slope of the leaky ReLU below zero."""

Activation = Callable[[Tensor], Tensor]


def _identity(values: Tensor) -> Tensor:
    return values


def _leaky(values: Tensor) -> Tensor:
    return leaky_relu(values, LEAK)


ACTIVATIONS: dict[str, Activation] = {
    "linear": _identity,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "leaky ReLU": _leaky,
    "swish": silu,
}
"""By name; the first one has the law."""


def residual_losses(activation: Activation) -> Losses:
    """Return the mean squared lengths of the residuals of networks with one layer of units.

    Parameters
    ----------
    activation : callable
        From the units' inputs to their outputs.

    Returns
    -------
    callable
        From weights and a batch to the loss of each network.

    Examples
    --------
    >>> weights = {"incoming": torch.ones(1, 1, 2), "outgoing": torch.ones(1, 2, 1)}
    >>> batch = (torch.ones(1, 1, 2), torch.zeros(1, 1, 2))
    >>> residual_losses(ACTIVATIONS["linear"])(weights, batch)
    tensor([8.])
    """

    def losses(weights: Weights, batch: Batch) -> Tensor:
        return residuals(activation, weights, batch).square().sum(-1).mean(-1)

    return losses


def residuals(activation: Activation, weights: Weights, batch: Batch) -> Tensor:
    """Return outputs minus targets.

    Parameters
    ----------
    activation : callable
        From the units' inputs to their outputs.
    weights : mapping of str to Tensor, shapes (network, unit, input) and (network, output, unit)
        ``incoming`` and ``outgoing``.
    batch : tuple of Tensor, shapes (network, sample, input) and (network, sample, output)
        Inputs and targets.

    Returns
    -------
    Tensor, shape (network, sample, output)
        Zero where the targets are met.

    Examples
    --------
    >>> weights = {"incoming": torch.ones(1, 1, 2), "outgoing": torch.ones(1, 2, 1)}
    >>> residuals(torch.relu, weights, (-torch.ones(1, 1, 2), torch.zeros(1, 1, 2))).abs().sum()
    tensor(0.)
    """
    inputs, targets = batch
    hidden = activation(inputs @ weights["incoming"].mT)
    return hidden @ weights["outgoing"].mT - targets


def sides(weights: Weights, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return what both sides of the units look like.

    Parameters
    ----------
    weights : mapping of str to Tensor, shapes (network, unit, input) and (network, output, unit)
        ``incoming`` and ``outgoing``.
    inputs, noise : Tensor, shapes (..., input, input) and (..., output, output)
        Covariances of the inputs and of the noise of the labels.

    Returns
    -------
    incoming, outgoing : Tensor, shape (network, unit, unit)
        Equal at the noise equilibrium of a linear network.

    Examples
    --------
    >>> weights = {"incoming": torch.ones(1, 1, 2), "outgoing": torch.ones(1, 2, 1)}
    >>> [float(side) for side in sides(weights, torch.eye(2), torch.eye(2))]
    [1.0, 1.0]
    """
    incoming = weights["incoming"]
    outgoing = weights["outgoing"]
    of_inputs = incoming @ (inputs / _trace(inputs)) @ incoming.mT
    of_noise = outgoing.mT @ (noise / _trace(noise)) @ outgoing
    return of_inputs, of_noise


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosine of matrices, as vectors of their entries.

    Parameters
    ----------
    first, second : Tensor, shape (..., unit, unit)
        The matrices.

    Returns
    -------
    Tensor, shape (...)
        1 where they are alike up to a factor.

    Examples
    --------
    >>> float(cosine(torch.eye(4), torch.ones(4, 4)))
    0.5
    """
    lengths = torch.linalg.matrix_norm(first) * torch.linalg.matrix_norm(second)
    return (first * second).sum((-2, -1)) / lengths


def off_diagonal_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return the correlation of the entries of matrices beside their diagonals.

    Parameters
    ----------
    first, second : Tensor, shape (..., unit, unit)
        The matrices, of three units or more.

    Returns
    -------
    Tensor, shape (...)
        From -1 to 1.

    Examples
    --------
    >>> matrix = torch.tensor([[9.0, 1.0, 2.0], [1.0, 9.0, 4.0], [2.0, 4.0, 9.0]])
    >>> round(float(off_diagonal_correlation(matrix, -matrix)), 6)
    -1.0
    """
    beside = ~torch.eye(first.shape[-1], dtype=torch.bool)
    entries = [matrix[..., beside] for matrix in (first, second)]
    centred = [values - values.mean(-1, keepdim=True) for values in entries]
    lengths = centred[0].norm(dim=-1) * centred[1].norm(dim=-1)
    return (centred[0] * centred[1]).sum(-1) / lengths


def _trace(matrix: Tensor) -> Tensor:
    """Return the trace of matrices, with two axes of length one in place of theirs."""
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
