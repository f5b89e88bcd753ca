"""SGD and gradient descent of networks of linear layers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError

Batch = tuple[Tensor, Tensor]
"""Inputs and labels, shapes (network, sample, input) and (network, sample, output)."""

Layers = Sequence[Tensor]
"""The layers of many networks, from input to output, each of shape (network, output, input)."""

Observe = Callable[[Layers], Mapping[str, Tensor]]
"""From layers to what is recorded of them, over networks first."""


class Source(Protocol):
    """Where samples come from."""

    def draw(self, samples: int, *, generator: torch.Generator) -> Batch:
        """Draw a batch for every network."""

    def population(self) -> Batch:
        """Return a batch on which the gradient is the mean gradient of all samples."""


class Method(NamedTuple):
    r"""A way to descend.

    Attributes
    ----------
    learning_rate : float
        Of the loss :math:`\lVert W_D\cdots W_1x - y\rVert^2`, which has no factor 1/2.
    batch : int, optional
        Samples of a batch; None: gradients are those of all samples.
    decay : float
        :math:`\gamma` of the penalty :math:`\gamma\lVert\theta\rVert^2`.
    """

    learning_rate: float
    batch: int | None = None
    decay: float = 0.0


def descend(
    layers: Layers,
    source: Source,
    method: Method,
    *,
    records: Sequence[int],
    observe: Observe,
    generator: torch.Generator,
) -> tuple[list[Tensor], dict[str, Tensor]]:
    r"""Descend the mean squared error, and record what is observed on the way.

    Parameters
    ----------
    layers : sequence of Tensor, shapes (network, output, input)
        Where the networks start; not modified.
    source : Source
        Where their samples come from.
    method : Method
        How they descend.
    records : sequence of int
        Steps after which to observe, increasing; the last one ends the descent.
    observe : callable
        From the layers to named numbers or arrays of every network.
    generator : torch.Generator
        Draws the batches.

    Returns
    -------
    layers : list of Tensor
        The networks in the end.
    observed : dict of str to Tensor, shape (network, record, ...)
        What was observed.

    Raises
    ------
    SymgeomError
        If the records do not increase.

    Examples
    --------
    >>> from symgeom.models.noise.linear.teacher import Teacher
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> teacher = Teacher(one, 4 * one[None], 0 * one)
    >>> (incoming, outgoing), _ = descend(
    ...     [one[None], one[None]], teacher, Method(0.01), records=[400],
    ...     observe=lambda layers: {}, generator=torch.Generator(),
    ... )
    >>> (outgoing @ incoming).round(decimals=6).item()
    4.0
    """
    if not records or any(late <= early for early, late in pairwise([-1, *records])):
        raise SymgeomError(
            f"Cannot record after steps {list(records)}: give increasing numbers, from 0 on."
        )
    weights = [layer.clone() for layer in layers]
    everything = source.population()
    observed: dict[str, list[Tensor]] = {}
    done = 0
    for record in records:
        for _ in range(done, record):
            if method.batch is None:
                batch = everything
            else:
                batch = source.draw(method.batch, generator=generator)
            _step(weights, batch, method)
        done = record
        for name, value in observe(weights).items():
            observed.setdefault(name, []).append(value)
    return weights, {name: torch.stack(values, 1) for name, values in observed.items()}


def layer_gradients(layers: Layers, batch: Batch) -> list[Tensor]:
    """Return the gradients of the mean squared error of a batch.

    Parameters
    ----------
    layers : sequence of Tensor, shapes (network, output, input)
        The networks.
    batch : tuple of Tensor
        Inputs and labels.

    Returns
    -------
    list of Tensor
        In the shapes of the layers.

    Examples
    --------
    >>> one = torch.ones(1, 1, 1)
    >>> [gradient.item() for gradient in layer_gradients([one, one], (one, 4 * one))]
    [-6.0, -6.0]
    """
    inputs, labels = batch
    activations = [inputs]
    for layer in layers:
        activations.append(activations[-1] @ layer.mT)
    slope = (activations.pop() - labels).mul_(2 / inputs.shape[1])
    gradients = [slope.mT @ activations[-1]]
    for number in range(len(layers) - 1, 0, -1):
        slope = slope @ layers[number]
        gradients.append(slope.mT @ activations[number - 1])
    return gradients[::-1]


def _step(weights: list[Tensor], batch: Batch, method: Method) -> None:
    """Take one step of all networks, in place."""
    gradients = layer_gradients(weights, batch)
    for weight, gradient in zip(weights, gradients, strict=True):
        if method.decay:
            weight.mul_(1 - 2 * method.learning_rate * method.decay)
        weight.sub_(gradient, alpha=method.learning_rate)
