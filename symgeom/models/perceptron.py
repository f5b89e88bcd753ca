r"""The spherical negative perceptron: a landscape whose geodesics are exact, as an anchor for those of networks.

Weights :math:`w` on the sphere :math:`|w|^2 = N` must give each of :math:`P = \alpha N` standard
normal patterns a *stability*

.. math:: \Delta_\mu(w) = \frac{w\cdot\xi_\mu}{|w|} \ge \kappa, \qquad \kappa < 0,

and the energy is the fraction of patterns that fail. For :math:`\kappa \ge 0` solutions form one
geodesically convex cap; for :math:`\kappa < 0` they need not: two solutions may be joined by a
great circle that leaves them. The prediction is a star: robust solutions (those that keep a larger
margin) have small barriers to most others, while typical ones have large barriers among themselves.

Along the great circle from :math:`w_1` to :math:`w_2` at angle :math:`\theta`, every stability is
one cosine,

.. math:: \Delta_\mu(\varphi) = \Delta_\mu(w_1)\cos\varphi + \frac{\Delta_\mu(w_2) -
          \Delta_\mu(w_1)\cos\theta}{\sin\theta}\sin\varphi = R_\mu \cos(\varphi - \varphi_\mu),

so that pattern :math:`\mu` fails on the arc of half-width :math:`\arccos(-\kappa/R_\mu)` around
:math:`\varphi_\mu + \pi` and nowhere else. The barrier is the largest number of such arcs that
overlap: it is found by sorting their ends, without a grid.

References
----------
Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino and Saglietti, "Star-shaped space of
solutions of the spherical negative perceptron" (2305.10623): model, energy, and the claim; its
path, the normalised convex combination, is the great circle at another speed. Differs from the
source: solutions are what gradient descent finds from random starts, not draws from all solutions
of a margin, and there are no replica calculations.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.symmetry.sphere import ANTIPODAL_TOLERANCE, angle, normalise, slerp_weights

SLACK = 0.01
"""Descent aims at this much more than the margin that is asked for, which it then crosses after finitely many steps."""

MOMENTUM = 0.9


@dataclass(frozen=True, eq=False)
class Perceptron:
    """A set of constraints on the sphere.

    Attributes
    ----------
    patterns : Tensor of float64, shape (pattern, feature)
        What the weights are multiplied with.
    kappa : float
        The stability that every pattern must reach; negative.
    """

    patterns: Tensor
    kappa: float

    def __post_init__(self) -> None:
        if (
            self.patterns.ndim != 2
            or 0 in self.patterns.shape
            or not self.patterns.is_floating_point()
        ):
            raise SymgeomError(
                f"Cannot make a perceptron of patterns of shape {tuple(self.patterns.shape)} and type {self.patterns.dtype}: "
                "give real numbers of shape (pattern, feature)."
            )
        check_finite({"patterns": self.patterns}, "the patterns")
        if not -float("inf") < self.kappa < 0:
            raise SymgeomError(
                f"Cannot make a negative perceptron with kappa = {self.kappa}: from 0 on, solutions are geodesically convex. "
                "Give a negative number."
            )

    @classmethod
    def gaussian(
        cls, features: int, *, alpha: float, kappa: float, generator: torch.Generator
    ) -> "Perceptron":
        """Draw ``alpha * features`` standard normal patterns, in float64 on the CPU."""
        patterns = torch.randn(
            round(alpha * features), features, generator=generator, dtype=torch.float64
        )
        return cls(patterns, kappa)

    def stabilities(self, weights: Tensor) -> Tensor:
        """Return the stability of every pattern.

        Parameters
        ----------
        weights : Tensor, shape (..., feature)
            Points; their lengths do not matter.

        Returns
        -------
        Tensor, shape (..., pattern)
            Of variance 1 for weights that do not depend on the patterns.
        """
        return normalise(weights) @ self.patterns.mT

    def energy(self, weights: Tensor) -> Tensor:
        """Return the fraction of patterns below kappa, shape (...)."""
        return (self.stabilities(weights) < self.kappa).to(self.patterns.dtype).mean(-1)


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
            f"Cannot solve for the margin {margin}: it is less than kappa = {perceptron.kappa}. Give more."
        )
    if starts < 1 or limit < 1:
        raise SymgeomError(
            f"Cannot solve with {starts} starts and {limit} steps: give at least one of each."
        )
    patterns = perceptron.patterns
    count, features = patterns.shape
    rate = (features**0.5 + count**0.5) ** -2
    start = torch.randn(starts, features, generator=generator, dtype=torch.float64)
    points, steps = normalise(start.to(patterns)), torch.full((starts,), limit)
    velocity, reached, going = (
        torch.zeros_like(points),
        torch.empty_like(points[:, 0]),
        torch.arange(starts),
    )
    for step in range(limit + 1):
        stabilities = points[going] @ patterns.mT
        reached[going] = stabilities.min(1).values
        stay = reached[going] < margin
        steps[going[~stay.cpu()]] = step
        going, stabilities = going[stay.cpu()], stabilities[stay]
        if not len(going) or step == limit:
            break
        pull = (margin + SLACK - stabilities).clamp_(min=0) @ patterns
        velocity[going] = MOMENTUM * velocity[going] + rate * pull
        points[going] = normalise(points[going] + velocity[going])
    return Solution(points * features**0.5, reached, steps, reached >= margin)


def geodesic_energy(perceptron: Perceptron, first: Tensor, second: Tensor, t: Tensor) -> Tensor:
    """Return the energy along great circles; no pattern is visited more often than at the ends.

    Parameters
    ----------
    perceptron : Perceptron
        The constraints.
    first, second : Tensor, shape (..., feature)
        The ends, not antipodal.
    t : Tensor, shape (position,)
        Positions, 0 at the first and 1 at the second.

    Returns
    -------
    Tensor, shape (..., position)
        Fraction of patterns below kappa.

    Examples
    --------
    >>> perceptron = Perceptron(torch.tensor([[-1.0, -1.0]]).double(), -1.2)
    >>> ends = torch.eye(2).double()
    >>> geodesic_energy(perceptron, ends[0], ends[1], torch.tensor([0.0, 0.5, 1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    theta = angle(first, second).unsqueeze(-1)
    before, after = slerp_weights(theta, t.to(theta))
    along = before.unsqueeze(-1) * perceptron.stabilities(first).unsqueeze(-2)
    along = along + after.unsqueeze(-1) * perceptron.stabilities(second).unsqueeze(-2)
    return (along < perceptron.kappa).to(along.dtype).mean(-1)


def geodesic_barrier(perceptron: Perceptron, first: Tensor, second: Tensor) -> Tensor:
    """Return the largest energy along great circles, exactly.

    Parameters
    ----------
    perceptron : Perceptron
        The constraints.
    first, second : Tensor, shape (..., feature)
        The ends, not antipodal.

    Returns
    -------
    Tensor, shape (...)
        Fraction of patterns below kappa, at its largest.

    Raises
    ------
    SymgeomError
        If ends are antipodal, so that no great circle is singled out.

    Examples
    --------
    >>> perceptron = Perceptron(torch.tensor([[-1.0, -1.0]]).double(), -1.2)
    >>> geodesic_barrier(perceptron, *torch.eye(2).double())
    tensor(1., dtype=torch.float64)
    """
    theta = angle(first, second).unsqueeze(-1)
    if (theta > torch.pi - ANTIPODAL_TOLERANCE).any():
        raise SymgeomError(
            "Cannot draw a geodesic between antipodal weights: no great circle is singled out. Choose other ends."
        )
    start, end = perceptron.stabilities(first), perceptron.stabilities(second)
    across = torch.where(
        theta > 0, (end - start * theta.cos()) / theta.sin(), torch.zeros_like(start)
    )
    ratio = (-perceptron.kappa / torch.hypot(start, across)).clamp(max=1)
    centre, half = torch.atan2(across, start) + torch.pi, ratio.acos()
    opens, closes = [], []
    for turn in (0, 2 * torch.pi):
        low, high = (centre - half - turn).clamp(min=0), torch.minimum(centre + half - turn, theta)
        fails = low < high
        opens.append(torch.where(fails, low, torch.inf))
        closes.append(torch.where(fails, high, torch.inf))
    places, opened = torch.cat([*closes, *opens], -1), torch.ones_like(opens[0])
    change = torch.cat([-opened, -opened, opened, opened], -1) * places.isfinite()
    overlap = (
        change.gather(-1, places.argsort(dim=-1, stable=True)).cumsum(-1).amax(-1) / start.shape[-1]
    )
    at_ends = ((side < perceptron.kappa).to(start.dtype).mean(-1) for side in (start, end))
    return torch.maximum(overlap, torch.maximum(*at_ends))
