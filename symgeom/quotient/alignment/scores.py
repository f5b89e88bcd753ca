r"""What the scores of a family say: the best position of its units, and how good a position is.

The scores of a family are matrices (unit of the reference, unit of the network), by the sign group
that flips them; the key None stands for scores that no sign flips. With everything else in place
the objective is linear in the position of the family, with these scores as coefficients.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.quotient.alignment.assignment import best_permutation, best_rotation
from symgeom.quotient.alignment.plan import Family

Scores = Mapping[str | None, Tensor]
"""Scores by the sign group that flips them."""


@dataclass(frozen=True, eq=False)
class Position:
    """Where the units of a family are.

    Attributes
    ----------
    places : Tensor, shape (size,) or (size, size)
        The unit at every place, or the matrix of a linear family.
    flips : dict of str to Tensor, shape (size,)
        For each sign group of the family, the sign at every place.
    """

    places: Tensor
    flips: dict[str, Tensor]


def worth(scores: Scores) -> Tensor:
    """Return what it is worth to put a unit at a place, its sign being the better one.

    Parameters
    ----------
    scores : mapping of str or None to Tensor, shape (size, size)
        The scores of one family.

    Returns
    -------
    Tensor, shape (size, size)
        Row: place; column: unit.

    Examples
    --------
    >>> worth({None: torch.ones(1, 1), "hidden1": torch.tensor([[-2.0]])})
    tensor([[3.]])
    """
    total = scores[None]
    for sign, part in scores.items():
        if sign is not None:
            total = total + part.abs()
    return total


def rounding(scores: Scores) -> float:
    """Return the gain that rounding explains, so that ties cannot make a search cycle.

    Parameters
    ----------
    scores : mapping of str or None to Tensor, shape (size, size)
        The scores of one family.

    Returns
    -------
    float
        In units of the scores.

    Examples
    --------
    >>> rounding({None: torch.ones(4, 4)}) == 4 * torch.finfo(torch.float32).eps
    True
    """
    even = scores[None]
    largest = 0.0
    for part in scores.values():
        lowest, highest = torch.aminmax(part)
        largest = max(largest, float(highest), -float(lowest))
    return torch.finfo(even.dtype).eps * len(even) * largest


def best_position(family: Family, scores: Scores, places: Tensor) -> Position:
    """Return the position with the largest value.

    Parameters
    ----------
    family : Family
        The family.
    scores : mapping of str or None to Tensor, shape (size, size)
        Its scores.
    places : Tensor
        Where its units are now; they stay there if the family is not permuted.

    Returns
    -------
    Position
        The best one.

    Examples
    --------
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> family = Family(UnitGroup("hidden1", 2, ()), signs=())
    >>> best_position(family, {None: torch.eye(2).flip(0)}, torch.arange(2)).places
    tensor([1, 0])
    """
    if family.linear:
        return Position(best_rotation(scores[None]), {})
    if family.group.permute:
        places = best_permutation(worth(scores))
    flips = {}
    for sign in family.signs:
        odd = _at(scores[sign], places)
        flips[sign] = torch.where(odd < 0, -1.0, 1.0).to(odd)
    return Position(places, flips)


def value(family: Family, scores: Scores, position: Position) -> float:
    """Return the part of the objective that a family decides, linear in its permutation and signs.

    Parameters
    ----------
    family : Family
        The family.
    scores : mapping of str or None to Tensor, shape (size, size)
        Its scores.
    position : Position
        Where its units are.

    Returns
    -------
    float
        Summed in float64.

    Examples
    --------
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> family = Family(UnitGroup("hidden1", 2, ()), signs=())
    >>> value(family, {None: torch.eye(2)}, Position(torch.tensor([1, 0]), {}))
    0.0
    """
    if family.linear:
        return float((position.places * scores[None]).sum(dtype=torch.float64))
    total = _at(scores[None], position.places).sum(dtype=torch.float64)
    for sign, flip in position.flips.items():
        odd = _at(scores[sign], position.places)
        total = total + (flip * odd).sum(dtype=torch.float64)
    return float(total)


def _at(scores: Tensor, places: Tensor) -> Tensor:
    """Return the scores of the units at their places, shape (size,)."""
    return scores.gather(1, places.unsqueeze(1)).squeeze(1)
