"""The bounded search for the best point of an orbit, by L-BFGS-B with exact gradients.

The largest value of a convex function lies in a corner of the bounds; there the search goes first,
by the slopes alone, and L-BFGS-B finds no way on, or finds it.

References
----------
Journée, Nesterov, Richtárik, Sepulchre, "Generalized power method for sparse principal component
analysis" (0811.4724), section 2: convex functions are maximised by following slopes. Zhu, Byrd, Lu, Nocedal, "Algorithm 778: L-BFGS-B" (1997), as scipy has it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

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

MEMORY = 20
"""Pairs of steps and changes of slope that the search remembers."""

AT_BOUND = 1e-9
"""Share of the bound within which a coordinate is at it."""

Point = NDArray[np.float64]
Cost = Callable[[Point], tuple[float, Point]]


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
    origin = torch.zeros(orbit.dimension, dtype=torch.float64)
    before = float(objective.measure(orbit.locality(origin)).detach())
    scale = abs(before) or 1.0
    sign = -1.0 if objective.largest else 1.0

    def cost(point: Point) -> tuple[float, Point]:
        coordinates = torch.tensor(point, requires_grad=True)
        value = objective.measure(orbit.locality(coordinates)) * (sign / scale)
        (slope,) = torch.autograd.grad(value, coordinates)
        return float(value.detach()), slope.numpy()

    options = {"maxfun": evaluations, "ftol": GAIN, "gtol": SLOPE, "maxcor": MEMORY}
    limits = [(-bound, bound)] * orbit.dimension
    best = Best(origin, before, before, 0, 1, True)
    for start in _starts(orbit, objective, bound, cost):
        ended = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        after = sign * scale * float(ended.fun)
        count = best.evaluations + int(ended.nfev)
        best = best._replace(evaluations=count)
        if math.isfinite(after) and sign * after < sign * best.after:
            there = torch.tensor(ended.x)
            at_bound = int((there.abs() >= bound * (1 - AT_BOUND)).sum())
            best = Best(there, before, after, at_bound, count, bool(ended.success))
    return best


def _starts(orbit: Orbit, objective: Objective, bound: float, cost: Cost) -> list[Point]:
    """Return where searches start."""
    if not objective.largest:
        return [np.zeros(orbit.dimension)]
    starts = [_corner(START * bound * way.numpy(), bound, cost) for way in orbit.ways()]
    distinct = {tuple(start): start for start in starts}
    return list(distinct.values())


def _corner(point: Point, bound: float, cost: Cost) -> Point:
    """Go from corner to corner, always to the best one of the slope, while there is a gain.

    A convex function is above its slopes, so that every step but the last has one. Coordinates that
    change nothing stay at the origin.
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
