"""The element that brings the units of one group to their representatives, from their incoming vectors alone."""

import torch
from torch import Tensor

TIE = 1e-6
"""Relative difference below which two magnitudes count as equal, so that rounding does not choose between them."""

RANK = 1e-10
"""Singular values below this share of the largest are zero: the incoming vectors of a linear group do not span more."""


def unit_lengths(rows: Tensor, power: int) -> Tensor:
    """Scales that bring vectors to length 1; 1 for zero vectors.

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
    length = torch.linalg.vector_norm(rows, dim=1)
    return torch.where(length > 0, length ** (-1 / power), torch.ones_like(length))


def positive_signs(rows: Tensor) -> Tensor:
    """Signs that make the coordinate of largest magnitude positive; of equal ones, the first.

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
    largest = rows.gather(1, first_largest(rows.abs()).unsqueeze(1)).squeeze(1)
    return torch.where(largest < 0, -1.0, 1.0).to(rows)


def first_largest(values: Tensor) -> Tensor:
    """Place of the first of the largest values, those that differ by rounding counted as equal.

    Parameters
    ----------
    values : Tensor, shape (..., d)
        Not negative.

    Returns
    -------
    Tensor of int64, shape (...)
        Places on the last axis.

    Examples
    --------
    >>> first_largest(torch.tensor([0.0, 1.0, 1.0 + 1e-7]))
    tensor(1)
    """
    return (values >= (1 - TIE) * values.amax(-1, keepdim=True)).int().argmax(-1)


def orthonormal_rows(rows: Tensor) -> tuple[Tensor, int]:
    r"""Matrix that makes vectors the orthonormal basis of their span that depends on the span alone.

    Of the columns of the projector :math:`P` onto the span the longest comes first, then the
    longest of what is left of the others, and so on (pivoted Gram-Schmidt), so that the entry at
    every pivot is positive.

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
    >>> matrix, rank = orthonormal_rows(torch.tensor([[0.0, 2.0], [0.0, 3.0]], dtype=torch.float64))
    >>> rank, (matrix @ torch.tensor([0.0, 2.0], dtype=torch.float64)).shape
    (1, torch.Size([2]))
    """
    left, singular, right = torch.linalg.svd(rows, full_matrices=rows.shape[0] > rows.shape[1])
    rank = int((singular > RANK * singular[:1]).sum())
    top = _pivoted_rotation(right[:rank]) @ (left[:, :rank] / singular[:rank]).T
    return torch.cat([top, left[:, rank:].T]), rank


def _pivoted_rotation(basis: Tensor) -> Tensor:
    """Return the orthogonal matrix that brings an orthonormal basis (rank, d) of a space to the one of its pivots."""
    remaining, found = basis.clone(), torch.zeros(len(basis), len(basis), dtype=basis.dtype)
    for place in range(len(basis)):
        pivot = int(first_largest(remaining.square().sum(0)))
        direction = remaining[:, pivot]
        direction = direction - found.T @ (found @ direction)  # once more, against rounding
        found[place] = direction / torch.linalg.vector_norm(direction)
        remaining -= torch.outer(found[place], found[place] @ remaining)
    return found
