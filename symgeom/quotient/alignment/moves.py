"""What the neighbours of a strand do to its places: select them, flip them, or mix them (next to linear groups)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.quotient.alignment.plan import Neighbour


@dataclass(eq=False)
class Move:
    """What the neighbours do to one axis of places: a selection with signs, or a matrix (next to linear groups)."""

    index: Tensor
    sign: Tensor | None = None
    matrix: Tensor | None = None

    def apply(self, rows: Tensor, axis: int) -> Tensor:
        """Return the rows as moved."""
        if self.matrix is not None:
            return torch.tensordot(rows, self.matrix, dims=([axis], [1])).movedim(-1, axis)
        moved = rows.index_select(axis, self.index)
        return (
            moved
            if self.sign is None
            else moved * self.sign.reshape(-1, *[1] * (rows.ndim - axis - 1))
        )

    def changed(self, other: "Move") -> Tensor:
        """Return the places at which two moves differ."""
        if self.matrix is not None:
            return (self.matrix != other.matrix).any(1).nonzero().reshape(-1)
        differ = self.index != other.index
        if self.sign is not None:
            differ = differ | (self.sign != other.sign)
        return differ.nonzero().reshape(-1)

    def at(self, places: Tensor) -> "Move":
        """Return the move of some places alone."""
        return Move(self.index[places], None if self.sign is None else self.sign[places])


def move_of(
    neighbours: Sequence[Neighbour],
    size: int,
    places: Mapping[str, Tensor],
    flips: Mapping[str, Tensor],
) -> Move:
    """Return the move of one axis of places.

    Parameters
    ----------
    neighbours : sequence of Neighbour
        The families that act along the axis.
    size : int
        Its length.
    places : mapping of str to Tensor
        For each family, the unit at every place, or a matrix.
    flips : mapping of str to Tensor
        For each sign group, the sign at every place.

    Returns
    -------
    Move
        Places that no neighbour moves stay.

    Examples
    --------
    >>> move_of([Neighbour("hidden1", 1, 1, 1, None)], 3, {"hidden1": torch.tensor([1, 0])}, {}).index
    tensor([0, 2, 1])
    """
    index, sign, matrix = torch.arange(size), None, None
    for at in neighbours:
        here = places[at.family]
        entries = (
            torch.arange(at.outer * len(here) * at.block).reshape(at.outer, len(here), at.block)
            + at.start
        )
        if here.ndim == 2:
            matrix = torch.eye(size, dtype=here.dtype) if matrix is None else matrix
            matrix[entries.unsqueeze(2), entries.unsqueeze(1)] = here[:, :, None]
            continue
        index[entries] = entries[:, here]
        if at.sign is not None:
            sign = torch.ones(size, dtype=flips[at.sign].dtype) if sign is None else sign
            sign[entries] = flips[at.sign][:, None].expand(at.outer, -1, at.block)
    if matrix is not None:
        matrix = matrix[index] if sign is None else sign[:, None] * matrix[index]
    return Move(index, sign, matrix)


def moved(rows: Tensor, moves: Sequence[Move]) -> Tensor:
    """Return the rows of a strand with all axes of places moved.

    Parameters
    ----------
    rows : Tensor, shape (size, places, ..., d)
        The rows as they are in the network.
    moves : sequence of Move
        One per axis of places.

    Returns
    -------
    Tensor
        Same shape.

    Examples
    --------
    >>> moved(torch.tensor([[[1.0], [2.0]]]), [Move(torch.tensor([1, 0]))]).flatten()
    tensor([2., 1.])
    """
    for axis, move in enumerate(moves, start=1):
        rows = move.apply(rows, axis)
    return rows
