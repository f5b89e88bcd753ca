"""Solutions of the perceptron: gradient descent from random points of the sphere."""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.models.perceptron.constraints import Perceptron
from symgeom.symmetry.sphere import normalise

SLACK = 0.01
"""How much more than the margin descent aims at, so that finitely many steps cross the margin."""

MOMENTUM = 0.9
"""Share of the last step that the next one repeats."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Where descents ended.

    Attributes
    ----------
    weights : Tensor, shape (start, feature)
        Points of squared length N.
    margin : Tensor, shape (start,)
        Smallest stability.
    steps : Tensor of int64, shape (start,)
        Gradient steps made.
    solved : Tensor of bool, shape (start,)
        Whether the margin that was asked for is reached.
    """

    weights: Tensor
    margin: Tensor
    steps: Tensor
    solved: Tensor


def solve(
    perceptron: Perceptron,
    *,
    margin: float,
    generator: torch.Generator,
    starts: int = 1,
    limit: int = 2000,
) -> Solution:
    r"""Descend from random points until every pattern has a margin.

    The loss is :math:`\frac12 \sum_\mu \max(0, m - \Delta_\mu)^2` with :math:`m` the margin and a
    little slack; steps have momentum, are as long as the largest curvature allows, and end on the
    sphere.

    Parameters
    ----------
    perceptron : Perceptron
        The constraints.
    margin : float
        At least kappa: kappa itself for typical solutions, more for robust ones.
    generator : torch.Generator
        The source of the starts, uniform on the sphere.
    starts : int
        How many descents, side by side; each stops for itself.
    limit : int
        Largest number of steps.

    Returns
    -------
    Solution
        Also of descents that did not get there (``solved`` is false).

    Raises
    ------
    SymgeomError
        If the margin is less than kappa, or there is no start or no step.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> perceptron = Perceptron.gaussian(50, alpha=1.0, kappa=-0.5, generator=generator)
    >>> solution = solve(perceptron, margin=0.0, generator=generator, starts=2)
    >>> solution.solved.tolist(), perceptron.energy(solution.weights).tolist()
    ([True, True], [0.0, 0.0])
    """
    if not margin >= perceptron.kappa:
        raise SymgeomError(
            f"Cannot solve for the margin {margin}: it is less than kappa = {perceptron.kappa}. "
            "Give more."
        )
    if starts < 1 or limit < 1:
        raise SymgeomError(
            f"Cannot solve with {starts} starts and {limit} steps: give at least one of each."
        )
    patterns = perceptron.patterns
    count, features = patterns.shape
    rate = (features**0.5 + count**0.5) ** -2
    start = torch.randn(starts, features, generator=generator, dtype=torch.float64)
    points = normalise(start.to(patterns))
    velocity = torch.zeros_like(points)
    reached = torch.empty_like(points[:, 0])
    steps = torch.full((starts,), limit)
    going = torch.arange(starts)
    for step in range(limit + 1):
        stabilities = points[going] @ patterns.mT
        reached[going] = stabilities.min(1).values
        short = reached[going] < margin
        arrived = ~short.cpu()
        steps[going[arrived]] = step
        going = going[short.cpu()]
        if not len(going) or step == limit:
            break
        missing = (margin + SLACK - stabilities[short]).clamp_(min=0)
        pull = missing @ patterns
        velocity[going] = MOMENTUM * velocity[going] + rate * pull
        points[going] = normalise(points[going] + velocity[going])
    weights = points * features**0.5
    return Solution(weights, reached, steps, reached >= margin)
