r"""Two linear layers :math:`UW` at their noise equilibrium, in closed form.

For all symmetries :math:`(U, W) \to (UG, G^{-1}W)` together, noise and decay balance where

.. math:: U^\top \Gamma_U U = W \Gamma_W W^\top, \qquad
    \Gamma_W = E\lVert r\rVert^2 xx^\top + \tfrac{S\gamma}{\eta} I, \quad
    \Gamma_U = E\lVert x\rVert^2 rr^\top + \tfrac{S\gamma}{\eta} I,

with the residual :math:`r = UWx - y`, the learning rate :math:`\eta`, the size :math:`S` of a batch
and the penalty :math:`\gamma\lVert\theta\rVert^2`.

References
----------
Ziyin et al. (2402.07193), theorem 5.2 and proposition 5.3. Differs from the source: decay enters as
:math:`S\gamma/\eta`, printed is :math:`2\gamma`; half the trace of the Hessian is what is printed
as the trace.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.models.noise.linear.roots import roots


class Gradients(NamedTuple):
    r"""What drives the two layers: the matrices that weigh them at the equilibrium.

    Attributes
    ----------
    outgoing : Tensor, shape (..., output, output)
        :math:`\Gamma_U`.
    incoming : Tensor, shape (..., input, input)
        :math:`\Gamma_W`.
    """

    outgoing: Tensor
    incoming: Tensor


class Pair(NamedTuple):
    """Two layers.

    Attributes
    ----------
    outgoing : Tensor, shape (..., output, unit)
        U.
    incoming : Tensor, shape (..., unit, input)
        W.
    """

    outgoing: Tensor
    incoming: Tensor


def gradients_of(
    inputs: Tensor, noise: Tensor, *, error: Tensor | None = None, decay_ratio: float = 0.0
) -> Gradients:
    r"""Return what drives two layers, for normal inputs.

    Parameters
    ----------
    inputs, noise : Tensor, shapes (..., input, input) and (..., output, output)
        Covariances of the inputs and of the noise of the labels, which are independent.
    error : Tensor, shape (..., output, input), optional
        Function of the network minus that of the teacher; None: the global minimum.
    decay_ratio : float
        :math:`S\gamma/\eta`.

    Returns
    -------
    Gradients
        Symmetric matrices.

    Examples
    --------
    >>> two = torch.eye(2, dtype=torch.float64)
    >>> three = torch.eye(3, dtype=torch.float64)
    >>> gradients_of(three, two).incoming.diagonal().tolist()
    [2.0, 2.0, 2.0]
    """
    residual = noise
    incoming = torch.zeros_like(inputs)
    outgoing = torch.zeros_like(noise)
    if error is not None:
        along = error @ inputs
        residual = noise + along @ error.mT
        incoming = 2 * along.mT @ along
        outgoing = 2 * along @ along.mT
    incoming = incoming + _trace(residual) * inputs + decay_ratio * _identity_like(inputs)
    outgoing = outgoing + _trace(inputs) * residual + decay_ratio * _identity_like(noise)
    return Gradients(outgoing, incoming)


def equilibrium(target: Tensor, gradients: Gradients) -> Pair:
    r"""Return the noise equilibrium of two layers that compute a function.

    Parameters
    ----------
    target : Tensor, shape (..., output, input)
        The function.
    gradients : Gradients
        Positive definite matrices.

    Returns
    -------
    Pair
        With as many units as the smaller side of the function, in the basis in which both sides of
        the balance are diagonal. All others are rotations of it, with units of zero weights if
        there are more.

    Examples
    --------
    >>> two = torch.eye(2, dtype=torch.float64)
    >>> pair = equilibrium(3 * two, Gradients(4 * two, two))
    >>> [round(float((layer**2).sum()), 6) for layer in pair]
    [3.0, 12.0]
    """
    outgoing_root, outgoing_inverse = roots(gradients.outgoing)
    incoming_root, incoming_inverse = roots(gradients.incoming)
    weighted = outgoing_root @ target @ incoming_root
    left, singular, right = torch.linalg.svd(weighted, full_matrices=False)
    share = singular.sqrt()
    outgoing = outgoing_inverse @ (left * share[..., None, :])
    incoming = (share[..., None] * right) @ incoming_inverse
    return Pair(outgoing, incoming)


def unbalanced(pair: Pair, gradients: Gradients) -> Tensor:
    r"""Return what noise and decay drive two layers by, for all their symmetries together.

    Parameters
    ----------
    pair : Pair
        The layers.
    gradients : Gradients
        What drives them.

    Returns
    -------
    Tensor, shape (..., unit, unit)
        :math:`U^\top\Gamma_U U - W\Gamma_W W^\top`.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> float(unbalanced(Pair(one, 3 * one), Gradients(one, one)))
    -8.0
    """
    of_outgoing, of_incoming = _sides(pair, gradients)
    return of_outgoing - of_incoming


def imbalance(pair: Pair, gradients: Gradients) -> Tensor:
    r"""Return how far two layers are from their noise equilibrium.

    Parameters
    ----------
    pair : Pair
        The layers.
    gradients : Gradients
        What drives them.

    Returns
    -------
    Tensor, shape (...)
        The length of :math:`U^\top\Gamma_U U - W\Gamma_W W^\top` over that of the sum: 0 at the
        equilibrium, 1 where a layer is zero.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> float(imbalance(Pair(one, 0 * one), Gradients(one, one)))
    1.0
    """
    of_outgoing, of_incoming = _sides(pair, gradients)
    difference = torch.linalg.matrix_norm(of_outgoing - of_incoming)
    return difference / torch.linalg.matrix_norm(of_outgoing + of_incoming)


def norm_ratio(pair: Pair) -> Tensor:
    """Return the squared norm of the incoming weights over that of the outgoing ones.

    Parameters
    ----------
    pair : Pair
        The layers.

    Returns
    -------
    Tensor, shape (...)
        The ratio.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.float64)
    >>> float(norm_ratio(Pair(one, 3 * one)))
    9.0
    """
    return (pair.incoming**2).sum((-2, -1)) / (pair.outgoing**2).sum((-2, -1))


def sharpness(pair: Pair, inputs: Tensor) -> Tensor:
    r"""Return half the trace of the Hessian of the mean loss.

    Parameters
    ----------
    pair : Pair
        The layers.
    inputs : Tensor, shape (..., input, input)
        Covariance :math:`\Sigma_x` of the inputs.

    Returns
    -------
    Tensor, shape (...)
        :math:`d_y \mathrm{Tr}[W\Sigma_xW^\top] + \lVert U\rVert^2\,\mathrm{Tr}\,\Sigma_x`.

    Examples
    --------
    >>> two = torch.eye(2, dtype=torch.float64)
    >>> float(sharpness(Pair(two, two), two))
    8.0
    """
    outputs = pair.outgoing.shape[-2]
    of_incoming = _trace(pair.incoming @ inputs @ pair.incoming.mT)
    total = outputs * of_incoming + (pair.outgoing**2).sum((-2, -1), keepdim=True) * _trace(inputs)
    return total[..., 0, 0]


def _sides(pair: Pair, gradients: Gradients) -> tuple[Tensor, Tensor]:
    """Return both sides of the balance."""
    of_outgoing = pair.outgoing.mT @ gradients.outgoing @ pair.outgoing
    of_incoming = pair.incoming @ gradients.incoming @ pair.incoming.mT
    return of_outgoing, of_incoming


def _trace(matrix: Tensor) -> Tensor:
    """Return the trace of matrices, with two axes of length one in place of theirs."""
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]


def _identity_like(matrix: Tensor) -> Tensor:
    """Return the identity of the size of matrices."""
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype)
