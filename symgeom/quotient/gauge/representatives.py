"""What brings the units of a group to their representatives, from their incoming vectors alone."""

import torch
from torch import Tensor

TIE = 1e-6
"""Relative difference below which two magnitudes are equal, so that rounding does not decide."""

RANK = 1e-10
"""Share of the largest singular value below which another one is zero."""


def unit_lengths(rows: Tensor, power: int) -> Tensor:
    """Return the scales that bring vectors to length 1; 1 for zero vectors.

    Parameters
    ----------
    rows : Tensor, shape (size, d)
        Incoming vectors, which a scale ``s`` multiplies by ``s**power``.
    power : int
        Positive.

    Returns
    -------
    Tensor, shape (size,)
        Positive scales.

    Examples
    --------
    >>> unit_lengths(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), 1)
    tensor([0.2000, 1.0000])
    """
    lengths = torch.linalg.vector_norm(rows, dim=1)
    scales = lengths ** (-1 / power)
    return torch.where(lengths > 0, scales, torch.ones_like(lengths))


def positive_signs(rows: Tensor) -> Tensor:
    """Return the signs that make the coordinate of largest magnitude positive.

    Of coordinates of equal magnitude the first one counts.

    Parameters
    ----------
    rows : Tensor, shape (size, d)
        Incoming vectors.

    Returns
    -------
    Tensor, shape (size,)
        Signs; +1 for zero vectors.

    Examples
    --------
    >>> positive_signs(torch.tensor([[1.0, -2.0], [1.0, -1.0]]))
    tensor([-1.,  1.])
    """
    columns = first_largest(rows.abs()).unsqueeze(1)
    largest = rows.gather(1, columns).squeeze(1)
    return torch.where(largest < 0, -1.0, 1.0).to(rows)


def first_largest(values: Tensor) -> Tensor:
    """Return where the first of the largest values is; values that differ by rounding are equal.

    Parameters
    ----------
    values : Tensor, shape (..., d)
        Not negative.

    Returns
    -------
    Tensor of int64, shape (...)
        Indices on the last axis.

    Examples
    --------
    >>> first_largest(torch.tensor([0.0, 1.0, 1.0 + 1e-7]))
    tensor(1)
    """
    threshold = (1 - TIE) * values.amax(-1, keepdim=True)
    return (values >= threshold).int().argmax(-1)


def orthonormal_rows(rows: Tensor) -> tuple[Tensor, int]:
    r"""Return the matrix that makes vectors an orthonormal basis of their span.

    The basis depends on the span alone. Of the columns of the projector :math:`P` onto the span the
    longest comes first, then the longest of what is left of the others, and so on (pivoted
    Gram-Schmidt), so that the entry at every pivot is positive.

    Parameters
    ----------
    rows : Tensor, shape (size, d)
        Incoming vectors.

    Returns
    -------
    matrix : Tensor, shape (size, size)
        Invertible; ``matrix @ rows`` has the basis first and zero rows after it.
    rank : int
        Dimension of the span.

    Examples
    --------
    >>> vectors = torch.tensor([[0.0, 2.0], [0.0, 3.0]], dtype=torch.float64)
    >>> matrix, rank = orthonormal_rows(vectors)
    >>> rank, (matrix @ vectors).round(decimals=6).abs()
    (1, tensor([[0., 1.],
            [0., 0.]], dtype=torch.float64))
    """
    size, length = rows.shape
    left, singular, right = torch.linalg.svd(rows, full_matrices=size > length)
    rank = int((singular > RANK * singular[:1]).sum())
    to_basis = (left[:, :rank] / singular[:rank]).T
    spanning = _pivoted_rotation(right[:rank]) @ to_basis
    null = left[:, rank:].T
    return torch.cat([spanning, null]), rank


def _pivoted_rotation(basis: Tensor) -> Tensor:
    """Return the rotation that brings an orthonormal basis (rank, d) to the one of its pivots."""
    rank = len(basis)
    remaining = basis.clone()
    rotation = basis.new_zeros(rank, rank)
    for index in range(rank):
        pivot = int(first_largest(remaining.square().sum(0)))
        direction = remaining[:, pivot]
        direction = direction - rotation.T @ (rotation @ direction)  # again, against rounding
        rotation[index] = direction / torch.linalg.vector_norm(direction)
        remaining -= torch.outer(rotation[index], rotation[index] @ remaining)
    return rotation
