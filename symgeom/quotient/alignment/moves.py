"""What the neighbours of a strand do to its places: select, flip, or mix them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.quotient.alignment.neighbours import Neighbour


@dataclass(eq=False)
class Move:
    """What the neighbours do to one axis of places.

    Attributes
    ----------
    index : Tensor of int64, shape (place,)
        Which place each one is taken from.
    sign : Tensor, shape (place,), optional
        The sign of each place.
    matrix : Tensor, shape (place, place), optional
        What mixes the places, next to linear groups; it includes the selection and the signs.
    """

    index: Tensor
    sign: Tensor | None = None
    matrix: Tensor | None = None

    def apply(self, rows: Tensor, axis: int) -> Tensor:
        """Return the rows as moved."""
        if self.matrix is not None:
            mixed = torch.tensordot(rows, self.matrix, dims=([axis], [1]))
            return mixed.movedim(-1, axis)
        selected = rows.index_select(axis, self.index)
        if self.sign is None:
            return selected
        later_axes = rows.ndim - axis - 1
        ones = (1,) * later_axes
        return selected * self.sign.reshape(-1, *ones)

    def changed(self, other: "Move") -> Tensor:
        """Return the places at which two moves of one axis differ."""
        if self.matrix is not None and other.matrix is not None:
            differ = (self.matrix != other.matrix).any(1)
        else:
            differ = self.index != other.index
            if self.sign is not None and other.sign is not None:
                differ = differ | (self.sign != other.sign)
        return differ.nonzero().reshape(-1)

    def at(self, places: Tensor) -> "Move":
        """Return the move of a few places alone."""
        sign = None if self.sign is None else self.sign[places]
        return Move(self.index[places], sign)


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
        Places that no neighbour moves stay. Neighbours that move the same places move different
        digits of their numbers, so that their order does not matter.

    Examples
    --------
    >>> neighbour = Neighbour("hidden1", start=1, outer=1, block=1, sign=None)
    >>> move_of([neighbour], 3, {"hidden1": torch.tensor([1, 0])}, {}).index
    tensor([0, 2, 1])
    """
    device = next(iter(places.values())).device
    index = torch.arange(size, device=device)
    sign: Tensor | None = None
    matrix: Tensor | None = None
    for neighbour in neighbours:
        units = places[neighbour.family]
        entries = _entries(neighbour, units)
        if units.ndim == 2:
            if matrix is None:
                matrix = torch.eye(size, dtype=units.dtype, device=device)
            matrix[entries] = torch.einsum("ij,ojbp->oibp", units, matrix[entries])
            continue
        index[entries] = index[entries[:, units]]
        if neighbour.sign is not None:
            flip = flips[neighbour.sign]
            if sign is None:
                sign = flip.new_ones(size)
            sign[entries] = sign[entries] * flip[:, None]
    if matrix is not None:
        matrix = matrix[index] if sign is None else sign[:, None] * matrix[index]
    return Move(index, sign, matrix)


def _entries(neighbour: Neighbour, units: Tensor) -> Tensor:
    """Return the places of each unit of a neighbour, shape (outer, unit, block)."""
    shape = torch.Size((neighbour.outer, len(units), neighbour.block))
    entries = torch.arange(shape.numel(), device=units.device)
    return entries.reshape(shape) + neighbour.start


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


def share_changed(moves: Sequence[Move], others: Sequence[Move]) -> float:
    """Return the largest share of places at which moves of the same axes differ.

    Parameters
    ----------
    moves, others : sequence of Move
        One per axis of places.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    >>> share_changed([Move(torch.tensor([0, 1, 2]))], [Move(torch.tensor([0, 2, 1]))])
    0.6666666666666666
    """
    shares = [0.0]
    for move, other in zip(moves, others, strict=True):
        shares.append(len(move.changed(other)) / len(move.index))
    return max(shares)
