r"""The matrix that balances units which any invertible matrix may mix.

A symmetric matrix :math:`G` across the units takes what falls with their scale, :math:`A`, to
:math:`G^{-1}AG^{-1}` and what grows with it, :math:`B`, to :math:`GBG`. Of

.. math:: F(G) = \operatorname{tr} A P^{-1} + \operatorname{tr} B P, \qquad P = G^2,

the smallest value is where :math:`P B P = A`: :math:`P` is the geometric mean of :math:`A` and
:math:`B^{-1}`. With roots :math:`A = L_AL_A^\top`, :math:`B = L_BL_B^\top` and the singular values
:math:`L_B^\top L_A = R\sigma V^\top`,

.. math:: P = K^\top K, \qquad K = \sigma^{-1/2} V^\top L_A^\top,

which squares nothing that is small already, and holds for singular matrices, too: the rows of
:math:`K` are the directions that both have, :math:`\sigma` belongs to them alone. A direction of
:math:`A` alone grows for ever, one of :math:`B` alone shrinks for ever, and nothing moves those of
neither. These rest: on the complement of the range of :math:`L_BR` the matrix is one.

Rotations of the balanced units change neither sum: the equilibrium is a place only up to them. The
symmetric :math:`G` is the shortest way there.

References
----------
Ziyin et al. (2402.07193), theorem 5.2 and appendix C, for matrices ``U, W`` at the minimum of a
linear network; the closed form off the minimum, for any loss, is ours. Bhatia, "Positive definite
matrices" (2007), chapter 4, on the geometric mean.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

RANK = 1e-12
"""Eigenvalues below this fraction of the largest are zero."""

ROUNDING = 2e-15
"""Share of the largest singular value that is rounding."""


class Mixing(NamedTuple):
    """What balances the units of a linear group while all others rest.

    Attributes
    ----------
    matrix : Tensor, shape (size, size)
        The symmetric matrix to apply to the units.
    displacement : Tensor, shape (size,)
        Logarithms of its scales, the largest first: infinite in directions that grow for ever,
        minus infinite in those that shrink, NaN in those that never move, which are last.
    directions : Tensor, shape (size, size)
        Row ``k`` is the combination of units, of length one, that has displacement ``k``; zeros
        where that is NaN, because no single combination stands for what never moves.
    moved : float
        Which share of their length weights and gradients move.
    rounding : float
        Which share of it is rounding.
    """

    matrix: Tensor
    displacement: Tensor
    directions: Tensor
    moved: float
    rounding: float


def mixing(falling: Tensor, growing: Tensor) -> Mixing:
    """Return the matrix that balances a linear group.

    Parameters
    ----------
    falling, growing : Tensor of float64, shape (size, size)
        Symmetric, without negative eigenvalues: what falls and what grows as incoming weights grow.

    Returns
    -------
    Mixing
        The matrix, and what it does.

    Examples
    --------
    >>> step = mixing(torch.diag(torch.tensor([16.0, 0.0])), torch.eye(2))
    >>> step.matrix, step.displacement
    (tensor([[2., 0.],
            [0., 1.]]), tensor([0.6931,   -inf]))
    """
    falling_root = _root(falling)
    growing_root = _root(growing)
    left, values, right = torch.linalg.svd(growing_root.T @ falling_root)
    count = _rank(values, RANK / 10)
    shared = values[:count]
    balanced = shared.rsqrt().unsqueeze(1) * (falling_root @ right.T[:, :count]).T
    _, scales, directions = torch.linalg.svd(balanced, full_matrices=False)
    matrix = _matrix(scales, directions, seen=growing_root @ left[:, :count])
    grow = falling_root @ right.T[:, count:]
    shrink = growing_root @ left[:, count:]
    still = len(falling) - count - grow.shape[1] - shrink.shape[1]
    conditioning = float(shared[0] / shared[-1]) if count else 1.0
    return Mixing(
        matrix=matrix,
        displacement=torch.cat(
            [
                scales.new_full((grow.shape[1],), math.inf),
                scales.log(),
                scales.new_full((shrink.shape[1],), -math.inf),
                scales.new_full((still,), math.nan),
            ]
        ),
        directions=torch.cat(
            [
                _of_length_one(grow),
                directions,
                _of_length_one(shrink),
                directions.new_zeros(still, len(falling)),
            ]
        ),
        moved=_moved(matrix, falling_root, growing_root),
        rounding=ROUNDING * math.sqrt(conditioning),
    )


def _root(moments: Tensor) -> Tensor:
    """Return a matrix of full column rank whose product with its transpose is another."""
    values, vectors = torch.linalg.eigh(moments)
    largest = values.flip(0)
    count = _rank(largest, RANK)
    return vectors.flip(1)[:, :count] * largest[:count].sqrt()


def _rank(values: Tensor, share: float) -> int:
    """Return how many of some falling values are more than a share of the first."""
    above_zero = values > 0
    return int((above_zero & (values > share * values[:1])).sum())


def _matrix(scales: Tensor, directions: Tensor, seen: Tensor) -> Tensor:
    """Return the matrix that scales directions and is one on the complement of what they see."""
    size = directions.shape[1]
    rest = _complement(seen, size - len(scales))
    square = (directions.T * scales.square()) @ directions + rest @ rest.T
    values, vectors = torch.linalg.eigh(square)
    return (vectors * values.sqrt()) @ vectors.T


def _complement(columns: Tensor, count: int) -> Tensor:
    """Return an orthonormal basis of what is orthogonal to columns, by columns."""
    basis, _, _ = torch.linalg.svd(columns)
    return basis[:, len(basis) - count :]


def _of_length_one(columns: Tensor) -> Tensor:
    """Return columns as rows of length one."""
    return (columns / torch.linalg.vector_norm(columns, dim=0)).T


def _moved(matrix: Tensor, falling_root: Tensor, growing_root: Tensor) -> float:
    """Return the share of their length that weights and gradients move."""
    step = matrix - torch.eye(len(matrix)).to(matrix)
    back = torch.linalg.solve(matrix, step @ falling_root)
    moved = torch.cat([step @ growing_root, back], 1)
    whole = torch.cat([growing_root, falling_root], 1)
    length = float(torch.linalg.vector_norm(whole))
    return float(torch.linalg.vector_norm(moved)) / length if length else 0.0
