"""The rows of the strands of one network, and how much each strand can say."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.plan import Plan, Strand
from symgeom.symmetry.spec import view

ROUNDING = 1e-5
"""Share of the squared norm of rows below which what the mean leaves is rounding (of float32)."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """The rows of one network, and how much each strand can say: made once, used in every pair.

    Attributes
    ----------
    rows : dict of str to list of Tensor
        For each family, the rows of its strands.
    information : dict of str to list of float
        For each family, the :func:`information` of its strands.
    """

    rows: dict[str, list[Tensor]]
    information: dict[str, list[float]]

    def nbytes(self) -> int:
        """Return how many bytes the rows take; views count, since they hold their network."""
        total = 0
        for parts in self.rows.values():
            total += sum(part.nbytes for part in parts)
        return total


def prepare(plan: Plan, params: Parameters) -> Prepared:
    """Return the rows of every strand of one network.

    Parameters
    ----------
    plan : Plan
        The families.
    params : Parameters
        One network; rows are views where its layout allows.

    Returns
    -------
    Prepared
        In the precision of the network.
    """
    rows = {}
    shares = {}
    for name, family in plan.items():
        size = family.group.size
        rows[name] = [strand_rows(strand, size, params) for strand in family.strands]
        shares[name] = [information(part) for part in rows[name]]
    return Prepared(rows, shares)


def strand_rows(strand: Strand, size: int, params: Parameters) -> Tensor:
    """Return the entries of a strand, one row per unit.

    Parameters
    ----------
    strand : Strand
        A leg and its neighbours.
    size : int
        Number of units.
    params : Parameters
        One network.

    Returns
    -------
    Tensor, shape (size, places, ..., d)
        One axis of places for every axis with neighbours, in the order of the axes.
    """
    axis = strand.leg.axis
    rows = view(params[strand.leg.tensor], strand.leg, size)  # (..., outer, size, block, ...)
    leading = [axis + 1]
    shape = [size]
    for other in sorted(strand.neighbours):
        along = [other if other < axis else other + 2]
        if other == axis:  # what surrounds the units on their own axis
            along = [axis, axis + 2]
        leading += along
        shape.append(prod(rows.shape[index] for index in along))
    rest = [index for index in range(rows.ndim) if index not in leading]
    return rows.permute(*leading, *rest).reshape(*shape, -1)


def information(rows: Tensor) -> float:
    """Return how much a strand can say about a permutation.

    This is its norm without what all units have in common.

    Parameters
    ----------
    rows : Tensor, shape (size, ...)
        The rows of a strand.

    Returns
    -------
    float
        0 if all rows are equal.

    Examples
    --------
    >>> information(torch.ones(3, 2)), information(torch.tensor([[3.0], [-3.0], [4.0], [-4.0]]))
    (0.0, 7.0710678118654755)
    """
    total = torch.linalg.vector_norm(rows) ** 2
    common = torch.linalg.vector_norm(rows.mean(0)) ** 2 * len(rows)
    remaining = float(total - common)
    if remaining > ROUNDING * float(total):
        return remaining**0.5
    return 0.0
