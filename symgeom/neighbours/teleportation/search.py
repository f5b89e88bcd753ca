"""The bounded search for the best point of an orbit, by L-BFGS-B with exact gradients.

The largest value of a convex function lies in a corner of the bounds; there the search goes first,
by the slopes alone, and L-BFGS-B finds no way on, or finds it.

References
----------
Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B" (1997), as scipy has it. Journée, Nesterov,
Richtárik, Sepulchre, "Generalized power method for sparse principal component analysis"
(0811.4724), section 2: convex functions are maximised by following slopes.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.neighbours.teleportation.objective import Objective
from symgeom.neighbours.teleportation.orbit import Orbit

START = 0.5
"""Share of the bound at which searches for the largest begin.

There are many of them, each in a corner. The larger the bound, the more one layer decides: searches
start where each layer is small, and its gradient large.
"""

CORNERS = 50
"""Most corners that a search for the largest looks at before."""

GAIN = 1e-6
"""Relative gain of one step below which a search ends."""

SLOPE = 1e-6
"""Relative gain per unit of a coordinate below which it is at rest."""

WALL = 10.0
"""What a point costs that has no network: of the origin, ten times as much.

More would let the search creep on, in steps that are shorter by as much.
"""

MEMORY = 20
"""Pairs of steps and changes of slope that the search remembers."""

AT_BOUND = 1e-9
"""Share of the bound within which a coordinate is at it."""

Point = NDArray[np.float64]


class Best(NamedTuple):
    """Where a search has ended.

    Attributes
    ----------
    coordinates : Tensor of float64, shape (coordinate,)
        The best point.
    before, after : float
        What the objective measures at the origin, and there.
    at_bound : int
        Number of coordinates at the bound.
    evaluations : int
        How often the objective was measured, with its derivative.
    converged : bool
        Whether nothing better lies next to it within the bound.
    """

    coordinates: Tensor
    before: float
    after: float
    at_bound: int
    evaluations: int
    converged: bool


def search(orbit: Orbit, objective: Objective, *, bound: float, evaluations: int) -> Best:
    """Look for the best point of an orbit within a bound.

    Parameters
    ----------
    orbit : Orbit
        Where.
    objective : Objective
        For what.
    bound : float
        Largest coordinate.
    evaluations : int
        Most measurements of the objective, after each start.

    Returns
    -------
    Best
        A point that is not worse than the origin.
    """
    cost = _Cost(orbit, objective)
    before = cost.at_origin
    options = {"maxfun": evaluations, "ftol": GAIN, "gtol": SLOPE, "maxcor": MEMORY}
    limits = [(-bound, bound)] * orbit.dimension
    converged = True
    for start in _starts(orbit, objective, bound, cost):
        best_so_far = cost.lowest
        ended = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        if cost.lowest < best_so_far or ended.fun <= cost.lowest:
            converged = bool(ended.success)
    coordinates = torch.tensor(cost.best)
    at_bound = coordinates.abs() >= bound * (1 - AT_BOUND)
    return Best(
        coordinates=coordinates,
        before=before,
        after=cost.sign * cost.scale * cost.lowest,
        at_bound=int(at_bound.sum()),
        evaluations=cost.evaluations,
        converged=converged,
    )


class _Cost:
    """What is to be small: the objective, over its size at the origin, with its slope.

    It remembers the best point: a search that is stopped by a wall forgets how far it came.
    """

    def __init__(self, orbit: Orbit, objective: Objective) -> None:
        self._orbit = orbit
        self._objective = objective
        origin = torch.zeros(orbit.dimension, dtype=torch.float64)
        self.at_origin = float(objective.measure(orbit.locality(origin)).detach())
        self.scale = abs(self.at_origin) or 1.0
        self.sign = -1.0 if objective.largest else 1.0
        self.best: Point = origin.numpy()
        self.lowest = self.sign * self.at_origin / self.scale
        self.evaluations = 1

    def __call__(self, point: Point) -> tuple[float, Point]:
        """Return the cost of a point, and its slope."""
        self.evaluations += 1
        coordinates = torch.tensor(point, requires_grad=True)
        try:
            around = self._orbit.locality(coordinates)
        except SymgeomError:  # activations on the batch that begin no basis
            return WALL, np.zeros_like(point)
        cost = self._objective.measure(around) * (self.sign / self.scale)
        (slope,) = torch.autograd.grad(cost, coordinates)
        value = float(cost.detach())
        if value < self.lowest:
            self.lowest = value
            self.best = point.copy()
        return value, slope.numpy()


def _starts(orbit: Orbit, objective: Objective, bound: float, cost: _Cost) -> list[Point]:
    """Return where searches start."""
    if not objective.largest:
        return [np.zeros(orbit.dimension)]
    starts = [_corner(START * bound * way.numpy(), bound, cost) for way in orbit.ways()]
    distinct = {tuple(start): start for start in starts}
    return list(distinct.values())


def _corner(point: Point, bound: float, cost: _Cost) -> Point:
    """Go from corner to corner, always to the best one of the slope, while there is a gain.

    A convex function is above its slopes, so that every step but the last has one. Coordinates
    that change nothing stay at the origin.

    Returns
    -------
    array
        The last corner, or the point itself.
    """
    value, slope = cost(point)
    for _ in range(CORNERS):
        corner = -bound * np.sign(slope)
        value_there, slope = cost(corner)
        if value_there >= value:
            return point
        point = corner
        value = value_there
    return point
