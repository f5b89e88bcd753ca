"""How sharp the minimum is: the Hessian of the summed squared error, dense, and in closed form for linear networks.

References
----------
Zhao et al. (2210.17216), figure 9. The closed form is ours; differs from the source, which takes
general eigenvalues of a Hessian in single precision.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from symgeom.ground.checks import check_choice
from symgeom.models.two_layer.model import ACTIVATIONS

Derivatives = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]

DERIVATIVES: dict[str, Derivatives] = {
    "identity": lambda x, y: (np.ones_like(x), np.zeros_like(x)),
    "relu": lambda x, y: ((x > 0).astype(x.dtype), np.zeros_like(x)),
    "tanh": lambda x, y: (1 - y * y, -2 * y * (1 - y * y)),
    "sigmoid": lambda x, y: (y * (1 - y), y * (1 - y) * (1 - 2 * y)),
}
"""First and second derivative, from pre-activations and activations."""


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
    >>> dense_eigenvalues("identity", 3 * one, one, 3 * one).round(6).tolist()  # at a minimum
    [0.0, 20.0]
    """
    check_choice(activation, DERIVATIVES, "activation")
    values = ACTIVATIONS[activation].value(incoming)
    slopes, bends = DERIVATIVES[activation](incoming, values)
    error = outgoing @ values - targets
    (outputs, units), samples = outgoing.shape, targets.shape[1]
    same_output, same_unit, same_sample = (np.eye(size) for size in (outputs, units, samples))
    out = np.einsum("ik,ja,la->ijkl", same_output, values, values)
    across = np.einsum("ja,la,il->ijla", values, slopes, outgoing) + np.einsum(
        "jl,ia,ja->ijla", same_unit, error, slopes
    )
    into = np.einsum(
        "ab,ij,il,ja,lb->jalb", same_sample, outgoing, outgoing, slopes, slopes, optimize=True
    )
    into += np.einsum(
        "ab,jl,ia,ij,ja->jalb", same_sample, same_unit, error, outgoing, bends, optimize=True
    )
    size = outgoing.size
    upper = across.reshape(size, incoming.size)
    rows = [[out.reshape(size, size), upper], [upper.T, into.reshape(incoming.size, incoming.size)]]
    return np.linalg.eigvalsh(2 * np.block(rows))


def minimum_eigenvalues(outgoing: NDArray, incoming: NDArray) -> NDArray:
    r"""Return the nonzero Hessian eigenvalues of a linear network at a minimum of the *summed* squared error.

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
    lengths = np.linalg.eigvalsh(outgoing @ outgoing.T), np.linalg.eigvalsh(incoming.T @ incoming)
    return np.sort(2 * np.add.outer(*lengths).ravel())
