r"""Networks whose function does not depend on the length of their weights, or of their layers.

* ``direction``: :math:`f = w \cdot x / \lVert w\rVert`, a regression;
* ``crossed``: :math:`f = \sum_j u_j / \lVert W\rVert \tanh(w_j \cdot x / \lVert u\rVert)`: both
  layers together have a free length, and neither alone;
* ``layerwise``: :math:`f = \sum_j u_j / \lVert u\rVert \tanh(w_j \cdot x / \lVert W\rVert)`: each
  layer has one.

A free length r has no gradient along it, so that every step, with noise or without, makes it
longer, and weight decay :math:`\lambda` alone shortens it. With the second moment of a batch's
gradient at length one, :math:`m = \mathrm{Tr}\,\Sigma / S + \lVert\nabla L\rVert^2`,

.. math::

    \Delta r^4 = 2\eta^2 m \quad (\lambda = 0), \qquad
    r^4 = \frac{\eta\, m}{2\lambda\,(1 - \eta\lambda / 2)} \quad \text{at equilibrium.}

References
----------
Ziyin et al. (2402.07193), section 5 and figure 7: "Net-A" is ``crossed``, "Net-B" ``layerwise``.
The constants are ours; the source prints a fourth of the decay.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from symgeom.models.noise.descent import Batch, Losses, Weights

Function = Callable[[Weights, Tensor], Tensor]
"""From weights and inputs (network, sample, input) to outputs (network, sample)."""


def direction(weights: Weights, inputs: Tensor) -> Tensor:
    """Return the component of the inputs along the incoming weights."""
    incoming = weights["incoming"]
    return _product(inputs, incoming / _length(incoming))[..., 0]


def crossed(weights: Weights, inputs: Tensor) -> Tensor:
    """Return the outputs of the network whose layers divide each other."""
    incoming = weights["incoming"]
    outgoing = weights["outgoing"]
    hidden = torch.tanh(_product(inputs, incoming / _length(outgoing)))
    return _product(hidden, outgoing / _length(incoming))[..., 0]


def layerwise(weights: Weights, inputs: Tensor) -> Tensor:
    """Return the outputs of the network whose layers are divided by their own length."""
    incoming = weights["incoming"]
    outgoing = weights["outgoing"]
    hidden = torch.tanh(_product(inputs, incoming / _length(incoming)))
    return _product(hidden, outgoing / _length(outgoing))[..., 0]


def squared_losses(function: Function) -> Losses:
    """Return the mean squared errors of networks of one kind.

    Parameters
    ----------
    function : callable
        From weights and inputs to outputs.

    Returns
    -------
    callable
        From weights and a batch to the loss of each network.

    Examples
    --------
    >>> weights = {"incoming": torch.tensor([[[3.0, 4.0]]])}
    >>> batch = (torch.tensor([[[5.0, 0.0]]]), torch.tensor([[1.0]]))
    >>> squared_losses(direction)(weights, batch)
    tensor([4.])
    """

    def losses(weights: Weights, batch: Batch) -> Tensor:
        inputs, targets = batch
        return (function(weights, inputs) - targets).square().mean(-1)

    return losses


def lengths(weights: Weights) -> dict[str, Tensor]:
    """Return the length of each layer, and of both together.

    Parameters
    ----------
    weights : mapping of str to Tensor, shapes (network, row, column)
        The layers.

    Returns
    -------
    dict of str to Tensor, shape (network,)
        By the names of the layers, and "total".

    Examples
    --------
    >>> weights = {"incoming": torch.full((1, 1, 1), 3.0), "outgoing": torch.full((1, 1, 1), 4.0)}
    >>> lengths(weights)["total"]
    tensor([5.])
    """
    of_layers = {name: _length(weight).flatten() for name, weight in weights.items()}
    squares = torch.stack([length.square() for length in of_layers.values()])
    return of_layers | {"total": squares.sum(0).sqrt()}


def fourth_power_step(moment: Tensor, learning_rate: float) -> Tensor:
    """Return by how much the fourth power of a free length grows in a step without decay.

    Parameters
    ----------
    moment : Tensor
        Second moment of a batch's gradient at length one: the trace of its covariance, and the
        square of its mean.
    learning_rate : float
        Of SGD.

    Returns
    -------
    Tensor
        In units of the weight to the fourth power; for steps that are short beside the length.

    Examples
    --------
    >>> fourth_power_step(torch.tensor(3.0), 0.1)
    tensor(0.0600)
    """
    return 2 * learning_rate**2 * moment


def fourth_power_at_equilibrium(
    moment: Tensor, learning_rate: float, weight_decay: float
) -> Tensor:
    """Return the fourth power of a free length where noise and weight decay balance.

    Parameters
    ----------
    moment : Tensor
        Second moment of a batch's gradient at length one.
    learning_rate : float
        Of SGD.
    weight_decay : float
        What is added to the gradient, in units of the weight.

    Returns
    -------
    Tensor
        In units of the weight to the fourth power.

    Examples
    --------
    >>> fourth_power_at_equilibrium(torch.tensor(4.0), 0.1, 0.01)
    tensor(20.0100)
    """
    return learning_rate * moment / (2 * weight_decay * (1 - learning_rate * weight_decay / 2))


def _length(weight: Tensor) -> Tensor:
    """Return the length of a layer of every network, shape (network, 1, 1)."""
    return weight.square().sum((-2, -1), keepdim=True).sqrt()


def _product(inputs: Tensor, weight: Tensor) -> Tensor:
    """Apply a layer of every network, of shape (network, output, input)."""
    return inputs @ weight.mT
