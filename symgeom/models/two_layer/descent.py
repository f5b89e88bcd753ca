"""Gradient descent of networks of two layers, and their losses and charges along the way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.models.two_layer.activations import ACTIVATIONS, charges_of


@dataclass(frozen=True, eq=False)
class Descent:
    """Gradient descent of several networks.

    Attributes
    ----------
    step : array of int64, shape (record,)
        Steps done at each record.
    loss : array, shape (network, record)
        Mean squared error.
    charge : array, shape (network, record, unit)
        Charges.
    outgoing, incoming : arrays, shapes (network, output, unit) and (network, unit, sample)
        The weights in the end.
    """

    step: NDArray
    loss: NDArray
    charge: NDArray
    outgoing: NDArray
    incoming: NDArray


def descend(
    activation: str,
    targets: NDArray,
    outgoing: NDArray,
    incoming: NDArray,
    *,
    learning_rates: Sequence[float],
    records: Sequence[int],
) -> Descent:
    """Fit a matrix by gradient descent on all entries, in the precision of the weights.

    Parameters
    ----------
    activation : str
        A key of ``ACTIVATIONS``.
    targets : array, shape (output, sample)
        The matrix.
    outgoing, incoming : arrays, shapes (network, output, unit) and (network, unit, sample)
        Where each network starts; not modified.
    learning_rates : sequence of float, one per network
        Of the mean squared error.
    records : sequence of int
        Steps after which to record, increasing; the last one ends the descent.

    Returns
    -------
    Descent
        Losses and charges along the way.

    Raises
    ------
    SymgeomError
        If the activation is unknown, shapes do not fit, or the records do not increase.

    Examples
    --------
    >>> start = np.ones((1, 1, 1))
    >>> targets = np.array([[4.0]])
    >>> descent = descend(
    ...     "identity", targets, start, start, learning_rates=[0.01], records=[0, 400]
    ... )
    >>> descent.loss.round(6).tolist()
    [[9.0, 0.0]]
    """
    check_choice(activation, ACTIVATIONS, "activation")
    _check_shapes(targets, outgoing, incoming, len(learning_rates))
    _check_records(records)
    law = ACTIVATIONS[activation]
    u = outgoing.copy()
    v = incoming.copy()
    targets = targets.astype(u.dtype)
    mean_of_squares = u.dtype.type(2 / targets.size)
    rates = np.asarray(learning_rates, u.dtype)[:, None, None] * mean_of_squares
    losses = []
    charges = []
    done = 0
    for record in tqdm(records, desc=f"descend {activation}", disable=None, leave=False):
        for _ in range(done, record):
            y = law.value(v)
            error = rates * (u @ y - targets)
            slope = law.pull(v, y, u.swapaxes(1, 2) @ error)
            u -= error @ y.swapaxes(1, 2)
            v -= slope
        done = record
        error = u @ law.value(v) - targets
        losses.append((error**2).mean((1, 2)))
        charges.append(charges_of(activation, u, v))
    return Descent(
        step=np.array(records),
        loss=np.stack(losses, 1),
        charge=np.stack(charges, 1),
        outgoing=u,
        incoming=v,
    )


def _check_shapes(targets: NDArray, outgoing: NDArray, incoming: NDArray, networks: int) -> None:
    """Raise unless targets, weights and learning rates belong together."""
    outputs, samples = targets.shape
    units = outgoing.shape[-1]
    outgoing_fits = outgoing.shape == (networks, outputs, units)
    incoming_fits = incoming.shape == (networks, units, samples)
    if not (outgoing_fits and incoming_fits):
        raise SymgeomError(
            f"Cannot fit targets of shape {targets.shape} with {networks} learning rates by "
            f"weights of shapes {outgoing.shape} and {incoming.shape}: give (network, output, "
            "unit) and (network, unit, sample)."
        )


def _check_records(records: Sequence[int]) -> None:
    """Raise unless records are increasing steps."""
    if not records or records[0] < 0 or any(np.diff(records) <= 0):
        raise SymgeomError(
            f"Cannot record after steps {list(records)}: give increasing numbers, from 0 on."
        )
