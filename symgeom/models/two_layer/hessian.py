"""How sharp a minimum is: the Hessian of the summed squared error.

It is dense, and in closed form for linear networks.

References
----------
Zhao et al. (2210.17216), figure 9. The closed form is ours; differs from the source, which takes
general eigenvalues of a Hessian in single precision.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.checks import check_choice
from symgeom.models.two_layer.activations import ACTIVATIONS

Derivatives = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]
"""First and second derivative, from pre-activations and activations."""


def _identity(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    return np.ones_like(x), np.zeros_like(x)


def _relu(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    return (x > 0).astype(x.dtype), np.zeros_like(x)


def _tanh(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    return 1 - y * y, -2 * y * (1 - y * y)


def _sigmoid(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    return y * (1 - y), y * (1 - y) * (1 - 2 * y)


DERIVATIVES: dict[str, Derivatives] = {
    "identity": _identity,
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
}
"""Derivatives by the name of the activation."""


def dense_eigenvalues(
    activation: str, targets: NDArray, outgoing: NDArray, incoming: NDArray
) -> NDArray:
    """Return all eigenvalues of the Hessian of the summed squared error.

    Parameters
    ----------
    activation : str
        A key of ``DERIVATIVES``.
    targets, outgoing, incoming : arrays, shapes (output, sample), (output, unit) and (unit, sample)
        One network.

    Returns
    -------
    array, shape (weight,)
        In increasing order.

    Raises
    ------
    SymgeomError
        If the activation is unknown.

    Examples
    --------
    >>> one = np.array([[1.0]])
    >>> at_minimum = dense_eigenvalues("identity", 3 * one, one, 3 * one)
    >>> at_minimum.round(6).tolist()
    [0.0, 20.0]
    """
    check_choice(activation, DERIVATIVES, "activation")
    values = ACTIVATIONS[activation].value(incoming)
    slopes, bends = DERIVATIVES[activation](incoming, values)
    error = outgoing @ values - targets
    outputs, units = outgoing.shape
    samples = targets.shape[1]
    same_output = np.eye(outputs)
    same_unit = np.eye(units)
    same_sample = np.eye(samples)
    out = np.einsum("ik,ja,la->ijkl", same_output, values, values)
    across = np.einsum("ja,la,il->ijla", values, slopes, outgoing)
    across = across + np.einsum("jl,ia,ja->ijla", same_unit, error, slopes)
    into = np.einsum(
        "ab,ij,il,ja,lb->jalb", same_sample, outgoing, outgoing, slopes, slopes, optimize=True
    )
    into += np.einsum(
        "ab,jl,ia,ij,ja->jalb", same_sample, same_unit, error, outgoing, bends, optimize=True
    )
    upper_left = out.reshape(outgoing.size, outgoing.size)
    upper_right = across.reshape(outgoing.size, incoming.size)
    lower_right = into.reshape(incoming.size, incoming.size)
    half_hessian = np.block([[upper_left, upper_right], [upper_right.T, lower_right]])
    return np.linalg.eigvalsh(2 * half_hessian)


def minimum_eigenvalues(outgoing: NDArray, incoming: NDArray) -> NDArray:
    r"""Return the nonzero Hessian eigenvalues of a linear network at a minimum.

    The Hessian is that of the *summed* squared error.

    Parameters
    ----------
    outgoing, incoming : arrays, shapes (output, unit) and (unit, sample)
        Weights with :math:`UV = Y`.

    Returns
    -------
    array, shape (output * sample,)
        :math:`2(\lambda_i + \mu_j)` in increasing order, with the eigenvalues :math:`\lambda` of
        :math:`UU^\top` and :math:`\mu` of :math:`V^\top V`; all others are zero.

    Examples
    --------
    >>> minimum_eigenvalues(np.array([[1.0]]), np.array([[3.0]])).tolist()
    [20.0]
    """
    of_outgoing = np.linalg.eigvalsh(outgoing @ outgoing.T)
    of_incoming = np.linalg.eigvalsh(incoming.T @ incoming)
    sums = np.add.outer(of_outgoing, of_incoming)
    return np.sort(2 * sums.ravel())
