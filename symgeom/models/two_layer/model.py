r"""Two layers on white data: a model in which every charge and every Hessian is known in closed form.

The network is :math:`F = U\,\sigma(V)`, with outgoing weights :math:`U` (output, unit), incoming
weights :math:`V` (unit, sample) and one sample per input direction, so that every pre-activation is
a weight. On the mean squared error gradient flow conserves, for *every* pointwise :math:`\sigma`,

.. math:: Q_j = 2\sum_a S(V_{ja}) - \sum_i U_{ij}^2, \qquad S(x) = \int_0^x \frac{\sigma}{\sigma'} ,

where :math:`2S` is :math:`x^2` for the identity, :math:`\max(x, 0)^2` for ReLU, :math:`\sinh^2 x`
for tanh and :math:`2(x + e^x - 1)` for the sigmoid. The ``radial`` activation divides every unit's
row by its squared length; it has degree -1, so that :math:`\lVert V_j\rVert^2 + \lVert U_j\rVert^2`
is conserved. Steps of descent change the charges by an amount proportional to the learning rate, in
double precision; in single precision rounding can be larger than that.

References
----------
Zhao et al. (2210.17216), figures 3, 6, 7 and 9: their model, sizes and seeds. Differs from the
source: there the potentials of tanh and sigmoid start at a constant (``cosh**2``, ``e**x``), which
makes relative changes of Q look small, Q has the opposite sign, and the arithmetic is in single
precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from symgeom.ground.checks import SymgeomError, check_choice


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


def _sigmoid(x: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-x))


def _squares(x: NDArray) -> NDArray:
    return (x * x).sum(-1, keepdims=True)


ACTIVATIONS = {
    "identity": Activation(lambda x: x, lambda x, y, slope: slope, lambda x: x * x),
    "relu": Activation(
        lambda x: np.maximum(x, 0),
        lambda x, y, slope: np.where(x > 0, slope, 0),
        lambda x: np.maximum(x, 0) ** 2,
    ),
    "tanh": Activation(np.tanh, lambda x, y, slope: slope * (1 - y * y), lambda x: np.sinh(x) ** 2),
    "sigmoid": Activation(
        _sigmoid, lambda x, y, slope: slope * y * (1 - y), lambda x: 2 * (x + np.expm1(x))
    ),
    "radial": Activation(
        lambda x: x / _squares(x),
        lambda x, y, slope: slope / _squares(x) - 2 * y * (slope * y).sum(-1, keepdims=True),
        lambda x: x * x,
        outgoing=1.0,
    ),
}


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
    return law.potential(incoming).sum(-1) + law.outgoing * (outgoing * outgoing).sum(-2)


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
    >>> descend("identity", np.array([[4.0]]), start, start, learning_rates=[0.01], records=[0, 400]).loss.round(6).tolist()
    [[9.0, 0.0]]
    """
    check_choice(activation, ACTIVATIONS, "activation")
    networks, (outputs, samples), units = len(learning_rates), targets.shape, outgoing.shape[-1]
    if outgoing.shape != (networks, outputs, units) or incoming.shape != (networks, units, samples):
        raise SymgeomError(
            f"Cannot fit targets of shape {targets.shape} with {networks} learning rates by weights of shapes "
            f"{outgoing.shape} and {incoming.shape}: give (network, output, unit) and (network, unit, sample)."
        )
    if not records or records[0] < 0 or any(np.diff(records) <= 0):
        raise SymgeomError(
            f"Cannot record after steps {list(records)}: give increasing numbers, from 0 on."
        )
    law, (u, v) = ACTIVATIONS[activation], (outgoing.copy(), incoming.copy())
    targets = targets.astype(u.dtype)
    rates = np.asarray(learning_rates, u.dtype)[:, None, None] * u.dtype.type(2 / targets.size)
    losses, charged, done = [], [], 0
    for record in tqdm(records, desc=f"descend {activation}", disable=None, leave=False):
        for _ in range(done, record):
            y = law.value(v)
            error = rates * (u @ y - targets)
            slope = law.pull(v, y, u.swapaxes(1, 2) @ error)
            u -= error @ y.swapaxes(1, 2)
            v -= slope
        done = record
        losses.append(((u @ law.value(v) - targets) ** 2).mean((1, 2)))
        charged.append(charges_of(activation, u, v))
    return Descent(np.array(records), np.stack(losses, 1), np.stack(charged, 1), u, v)
