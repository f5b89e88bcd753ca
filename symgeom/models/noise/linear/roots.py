"""Roots of positive definite matrices."""

import torch
from torch import Tensor


def roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the root of positive definite matrices, and its inverse.

    Parameters
    ----------
    matrix : Tensor, shape (..., size, size)
        Symmetric, with positive eigenvalues.

    Returns
    -------
    root, inverse : Tensor, shape (..., size, size)
        Symmetric and positive.

    Examples
    --------
    >>> root, inverse = roots(4 * torch.eye(2, dtype=torch.float64))
    >>> root.diagonal().tolist(), inverse.diagonal().tolist()
    ([2.0, 2.0], [0.5, 0.5])
    """
    values, vectors = torch.linalg.eigh(matrix)
    root = (vectors * values.sqrt()[..., None, :]) @ vectors.mT
    inverse = (vectors / values.sqrt()[..., None, :]) @ vectors.mT
    return root, inverse
