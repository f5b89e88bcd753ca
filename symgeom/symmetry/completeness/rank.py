"""Rank by the widest gap between singular values, and what vanishes on a part of the entries."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Gap:
    """Where singular values fall to zero.

    Attributes
    ----------
    rank : int
        How many of them are not zero.
    margin : float
        The ratio of the two on either side of the widest gap.
    """

    rank: int
    margin: float


def widest_gap(values: Tensor, size: float) -> Gap:
    """Tell singular values from zero.

    Parameters
    ----------
    values : Tensor, shape (value,)
        Singular values, in falling order.
    size : float
        How large they can be; what lies below its rounding counts as its rounding.

    Returns
    -------
    Gap
        No threshold is asked: all values are not zero if the widest gap lies behind the last.

    Examples
    --------
    >>> widest_gap(torch.tensor([3.0, 1.0, 1e-14, 1e-15], dtype=torch.float64), 3.0).rank
    2
    """
    rounding = torch.finfo(values.dtype).eps * size or 1.0
    ends = torch.tensor([max(size, rounding)], dtype=values.dtype)
    ladder = torch.cat([ends, values.clamp(min=rounding), ends * 0 + rounding])
    ratios = ladder[:-1] / ladder[1:]
    rank = int(ratios.argmax())
    return Gap(rank, float(ratios[rank]))


def null_space(matrix: Tensor, size: float) -> tuple[Tensor, Gap]:
    """Return the directions that a matrix does not see.

    Parameters
    ----------
    matrix : Tensor, shape (row, column)
        At least as many rows as columns.
    size : float
        How large its singular values can be.

    Returns
    -------
    directions : Tensor, shape (direction, column)
        Orthonormal.
    gap : Gap
        What tells them from the others.

    Examples
    --------
    >>> matrix = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    >>> null_space(matrix, 1.0)[0].abs()
    tensor([[0., 1.]], dtype=torch.float64)
    """
    _, values, directions = torch.linalg.svd(matrix, full_matrices=False)
    gap = widest_gap(values, size)
    return directions[gap.rank :], gap


def vanishing_outside(vectors: Tensor, inside: Tensor) -> Tensor:
    """Return combinations of vectors that are zero outside of some entries.

    Parameters
    ----------
    vectors : Tensor, shape (vector, entry)
        What is combined.
    inside : Tensor of bool, shape (entry,)
        Where the combinations may be different from zero.

    Returns
    -------
    Tensor, shape (combination, entry inside)
        Independent ones.

    Examples
    --------
    >>> vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    >>> vanishing_outside(vectors, torch.tensor([True, False])).abs()
    tensor([[1.]], dtype=torch.float64)
    """
    lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    units = vectors[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
    moved = units[:, inside]
    if not len(units):
        return moved
    if not bool(inside.all()):
        outside = torch.linalg.qr(units[:, ~inside].mT, mode="r").R.mT
        weights, values, _ = torch.linalg.svd(outside, full_matrices=True)
        moved = weights[:, widest_gap(values, 1.0).rank :].mT @ moved
    if not moved.numel():
        return moved
    _, values, directions = torch.linalg.svd(moved, full_matrices=False)
    return directions[: widest_gap(values, 1.0).rank]
