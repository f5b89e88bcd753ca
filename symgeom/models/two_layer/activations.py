"""What units do with their pre-activations, and the charge that follows from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Activation:
    """What a unit does with its row of pre-activations.

    Attributes
    ----------
    value : callable
        Pre-activations to activations, shape (..., unit, sample).
    pull : callable
        Pre-activations, activations and the gradient at the activations to the gradient at the
        pre-activations.
    potential : callable
        Pre-activations to the incoming part of the charge, entry by entry.
    outgoing : float
        Factor of the squared outgoing weights in the charge.
    """

    value: Callable[[NDArray], NDArray]
    pull: Callable[[NDArray, NDArray, NDArray], NDArray]
    potential: Callable[[NDArray], NDArray]
    outgoing: float = -1.0


def _identity(x: NDArray) -> NDArray:
    return x


def _pull_identity(x: NDArray, y: NDArray, slope: NDArray) -> NDArray:
    return slope


def _square(x: NDArray) -> NDArray:
    return x * x


def _relu(x: NDArray) -> NDArray:
    return np.maximum(x, 0)


def _pull_relu(x: NDArray, y: NDArray, slope: NDArray) -> NDArray:
    return np.where(x > 0, slope, 0)


def _relu_potential(x: NDArray) -> NDArray:
    return np.maximum(x, 0) ** 2


def _pull_tanh(x: NDArray, y: NDArray, slope: NDArray) -> NDArray:
    return slope * (1 - y * y)


def _tanh_potential(x: NDArray) -> NDArray:
    return np.sinh(x) ** 2


def _sigmoid(x: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-x))


def _pull_sigmoid(x: NDArray, y: NDArray, slope: NDArray) -> NDArray:
    return slope * y * (1 - y)


def _sigmoid_potential(x: NDArray) -> NDArray:
    return 2 * (x + np.expm1(x))


def _squared_length(x: NDArray) -> NDArray:
    return (x * x).sum(-1, keepdims=True)


def _radial(x: NDArray) -> NDArray:
    return x / _squared_length(x)


def _pull_radial(x: NDArray, y: NDArray, slope: NDArray) -> NDArray:
    along = (slope * y).sum(-1, keepdims=True)
    return slope / _squared_length(x) - 2 * y * along


ACTIVATIONS = {
    "identity": Activation(_identity, _pull_identity, _square),
    "relu": Activation(_relu, _pull_relu, _relu_potential),
    "tanh": Activation(np.tanh, _pull_tanh, _tanh_potential),
    "sigmoid": Activation(_sigmoid, _pull_sigmoid, _sigmoid_potential),
    "radial": Activation(_radial, _pull_radial, _square, outgoing=1.0),
}
"""Activations by name."""


def charges_of(activation: str, outgoing: NDArray, incoming: NDArray) -> NDArray:
    """Return the charge of every unit.

    Parameters
    ----------
    activation : str
        A key of ``ACTIVATIONS``.
    outgoing, incoming : arrays, shapes (..., output, unit) and (..., unit, sample)
        The weights.

    Returns
    -------
    array, shape (..., unit)
        Conserved by gradient flow.

    Examples
    --------
    >>> charges_of("identity", np.array([[1.0, 2.0]]), np.array([[3.0], [1.0]])).tolist()
    [8.0, -3.0]
    """
    law = ACTIVATIONS[activation]
    received = law.potential(incoming).sum(-1)
    sent = (outgoing * outgoing).sum(-2)
    return received + law.outgoing * sent
