"""Null spaces, row spaces, and what vanishes on a part of the entries, in orthonormal rows."""

import torch
from torch import Tensor

ZERO = 1e-11
"""Singular values below this share of the largest are rounding."""

SMALL = 1e-6
"""A part of a direction that is smaller is zero: null directions have errors of their own."""


def null_space(matrix: Tensor) -> tuple[Tensor, float]:
    """Return the directions that a matrix does not see.

    Parameters
    ----------
    matrix : Tensor, shape (row, column)
        At least as many rows as columns.

    Returns
    -------
    directions : Tensor, shape (direction, column)
        Orthonormal.
    margin : float
        The ratio of the smallest singular value that is not zero to the largest that is (or to
        rounding).

    Examples
    --------
    >>> directions, margin = null_space(torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double())
    >>> directions.abs(), margin > 1e6
    (tensor([[0., 1.]], dtype=torch.float64), True)
    """
    if matrix.shape[1] == 0:
        return matrix.new_zeros(0, 0), 1 / ZERO
    triangle = torch.linalg.qr(matrix, mode="r").R
    _, values, directions = torch.linalg.svd(triangle, full_matrices=True)
    rounding = torch.finfo(values.dtype).eps * float(values[0])
    is_seen = values > ZERO * values[0]
    rank = int(is_seen.sum())
    smallest_seen = float(values[rank - 1]) if rank else 0.0
    largest_unseen = float(values[rank]) if rank < len(values) else 0.0
    margin = smallest_seen / max(largest_unseen, rounding, 1e-300)
    return directions[rank:], margin


def row_space(rows: Tensor) -> Tensor:
    """Return orthonormal directions that span rows.

    Parameters
    ----------
    rows : Tensor, shape (row, entry)
        Any rows; their lengths do not matter.

    Returns
    -------
    Tensor, shape (direction, entry)
        As many as independent rows.

    Examples
    --------
    >>> row_space(torch.tensor([[2.0, 0.0], [4.0, 0.0]]).double()).abs()
    tensor([[1., 0.]], dtype=torch.float64)
    """
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    has_length = lengths[:, 0] > 0
    units = rows[has_length] / lengths[has_length]
    if not units.numel():
        return units[:0]
    _, values, directions = torch.linalg.svd(units, full_matrices=False)
    rank = int((values > SMALL).sum())
    return directions[:rank]


def vanishing_outside(directions: Tensor, inside: Tensor) -> Tensor:
    """Return combinations of directions that are zero outside of some entries.

    Parameters
    ----------
    directions : Tensor, shape (direction, entry)
        Orthonormal.
    inside : Tensor of bool, shape (entry,)
        Where the combinations may be different from zero.

    Returns
    -------
    Tensor, shape (combination, entry)
        Orthonormal.

    Examples
    --------
    >>> directions = row_space(torch.tensor([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0]]).double())
    >>> combination = vanishing_outside(directions, torch.tensor([False, True, True]))
    >>> combination / combination[0, 1]
    tensor([[ 0.0000,  1.0000, -1.5000]], dtype=torch.float64)
    """
    outside = directions[:, ~inside]
    values, combinations = torch.linalg.eigh(outside @ outside.mT)
    vanish = combinations[:, values < SMALL**2]
    result = vanish.mT @ directions
    result[:, ~inside] = 0.0
    return result
