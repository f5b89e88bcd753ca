r"""Orbits, in coordinates that a search can bound.

A unit with positive scales has one coordinate, the logarithm of its scale. A group whose units are
mixed by matrices has the entries of a symmetric matrix :math:`S` times their number, and is mixed
by :math:`e^S`: a rotation of the units after it would change neither lengths of gradients nor
curvatures. If no coordinate is larger than a bound :math:`b`, no combination of units is scaled by
more than :math:`e^b`. At the origin lies the network itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.teleportation.objective import Locality
from symgeom.symmetry.spec import UnitGroup


@dataclass
class Spent:
    """What was computed, in passes over the data that the objective is of.

    Attributes
    ----------
    gradients : int
        Gradients of the loss.
    products : int
        Products with the Hessian, each about two gradients.
    """

    gradients: int = 0
    products: int = 0


class Orbit(ABC):
    """Networks of one function, by coordinates.

    Parameters
    ----------
    problem : Problem
        The landscape on which all of them have the same outputs.

    Attributes
    ----------
    problem : Problem
        The same.
    spent : Spent
        What localities have computed so far.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.spent = Spent()

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number of coordinates."""

    @abstractmethod
    def ways(self) -> list[Tensor]:
        """Return coordinates, of size 1, on the ways to where single layers are small."""

    @abstractmethod
    def elements(self, coordinates: Tensor) -> dict[str, Tensor]:
        """Return what moves the network: for each group scales or a matrix."""

    @abstractmethod
    def network(self, elements: Mapping[str, Tensor]) -> Parameters:
        """Return the moved network, in float64."""

    @abstractmethod
    def held_out(self, elements: Mapping[str, Tensor]) -> float:
        """Return how much outputs change that the orbit does not keep; NaN if it keeps all."""

    @abstractmethod
    def locality(self, coordinates: Tensor) -> Locality:
        """Return the landscape around the moved network."""


def coordinates_of(group: UnitGroup) -> int:
    """Return the number of coordinates of a group.

    Parameters
    ----------
    group : UnitGroup
        One with positive scales, or of mixed units.

    Returns
    -------
    int
        One for every unit, or for every pair.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> coordinates_of(UnitGroup("hidden1", 3, (Leg("w", 0),), "linear"))
    6
    """
    if group.scale == "linear":
        return group.size * (group.size + 1) // 2
    return group.size


def elements_at(groups: Sequence[UnitGroup], coordinates: Tensor) -> dict[str, Tensor]:
    """Return the scales, or the matrix, of every group.

    Parameters
    ----------
    groups : sequence of UnitGroup
        Those that move.
    coordinates : Tensor of float64, shape (coordinate,)
        Theirs, group after group.

    Returns
    -------
    dict of str to Tensor, shape (size,) or (size, size)
        Differentiable.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> groups = [UnitGroup("hidden1", 2, (Leg("w", 0),))]
    >>> elements_at(groups, torch.zeros(2))
    {'hidden1': tensor([1., 1.])}
    """
    counts = [coordinates_of(group) for group in groups]
    elements = {}
    for group, part in zip(groups, coordinates.split(counts), strict=True):
        if group.scale == "linear":
            elements[group.name] = torch.linalg.matrix_exp(_symmetric(part, group.size))
        else:
            elements[group.name] = part.exp()
    return elements


def _symmetric(entries: Tensor, size: int) -> Tensor:
    """Return the symmetric matrix with these entries on and below its diagonal, over its size."""
    rows, columns = torch.tril_indices(size, size)
    numbers = torch.zeros(size, size, dtype=torch.int64)
    order = torch.arange(len(entries))
    numbers[rows, columns] = order
    numbers[columns, rows] = order
    return entries[numbers] / size
