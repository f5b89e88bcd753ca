"""The norms of the layers of linear networks, and the force of batches on neighbouring ones."""

import numpy as np
import torch
from torch import Tensor

from symgeom.models.noise.linear.descent import Layers, Observe, Source, layer_gradients


def observe_norms(source: Source, batch: int, *, generator: torch.Generator) -> Observe:
    """Make what observes the squared norms of all layers, and of the gradients of a batch.

    Parameters
    ----------
    source : Source
        Where batches come from.
    batch : int
        Their size.
    generator : torch.Generator
        Draws them.

    Returns
    -------
    callable
        From layers to ``norm`` and ``power``, shape (network, layer).

    Examples
    --------
    >>> from symgeom.models.noise.linear.teacher import Teacher
    >>> ones = torch.ones(1, 1)
    >>> observe = observe_norms(Teacher(ones, ones[None], ones), 1, generator=torch.Generator())
    >>> observe([2 * ones[None], 3 * ones[None]])["norm"]
    tensor([[4., 9.]])
    """

    def observe(layers: Layers) -> dict[str, Tensor]:
        gradients = layer_gradients(layers, source.draw(batch, generator=generator))
        return {"norm": squares(layers), "power": squares(gradients)}

    return observe


def squares(layers: Layers) -> Tensor:
    """Return the squared norms of layers.

    Parameters
    ----------
    layers : sequence of Tensor, shapes (..., output, input)
        Layers, or their gradients.

    Returns
    -------
    Tensor, shape (..., layer)
        The sums of their squared entries.

    Examples
    --------
    >>> squares([torch.ones(2, 3), torch.ones(1, 2)])
    tensor([6., 2.])
    """
    return torch.stack([layer.square().sum((-2, -1)) for layer in layers], -1)


def net_force(norm: Tensor, power: Tensor, *, steps: int, rate: float) -> np.ndarray:
    """Return what remains of the force on every pair of layers, relative to what batches exert.

    Parameters
    ----------
    norm, power : Tensor, shape (..., record, layer)
        As observed along descents.
    steps : int
        The last record is after so many.
    rate : float
        Learning rate.

    Returns
    -------
    array, shape (..., pair)
        Of the steps of the second half.

    Examples
    --------
    >>> norm = torch.tensor([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    >>> net_force(norm, torch.ones(3, 2), steps=2, rate=1.0)
    array([0.5], dtype=float32)
    """
    # A step changes the difference of two squared norms by exactly the squared learning rate times
    # that of the squared norms of the gradients.
    middle = norm.shape[-2] // 2
    difference = norm.diff(dim=-1)
    net = difference[..., -1, :] - difference[..., middle, :]
    late_power = power[..., middle:, :].mean(-2)
    gross = late_power[..., 1:] + late_power[..., :-1]
    late_steps = steps * (1 - middle / (norm.shape[-2] - 1))
    return (net / (rate**2 * late_steps * gross)).numpy()
