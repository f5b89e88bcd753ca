r"""Projected gradient ascent that finds the length of its steps by itself (APGD).

From a start :math:`x_0` in the box :math:`B` of allowed points the points are

.. math:: z = \Pi_B\big(x_k + \eta\,\epsilon\,\mathrm{sign}\,\nabla f(x_k)\big), \qquad
          x_{k+1} = \Pi_B\big(x_k + \tfrac34 (z - x_k) + \tfrac14 (x_k - x_{k-1})\big),

at first with :math:`\eta = 2`. At checkpoints that become more frequent (after 22 % of the steps,
then at distances that shrink by 3 % to 6 %), a sample halves its :math:`\eta` and goes back to its
best point if the objective :math:`f` rose in less than three of four steps, or if :math:`\eta` was
not halved at the last checkpoint and the best value has not changed since.

References
----------
Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks" (2003.01690), algorithm 1.
"""

import math

import torch
from torch import Tensor

from symgeom.neighbours.robustness.chase import Chase

INERTIA = 0.25
"""The share of the last change in the next one."""

RISES = 0.75
"""The share of steps that must rise, or else they are too long."""

FIRST, SHORTENING, SHORTEST = 0.22, 0.03, 0.06
"""The first distance of checkpoints, by how much each is shorter, and the least, in all steps."""


def climb(chase: Chase, points: Tensor, steps: int, rivals: Tensor | None = None) -> None:
    """Make the true classes less likely, step by step.

    Parameters
    ----------
    chase : Chase
        It looks at all points on the way.
    points : Tensor, shape (sample, ...)
        The start.
    steps : int
        How many.
    rivals : Tensor of int64, shape (sample,), optional
        See :meth:`~symgeom.neighbours.robustness.chase.Chase.ascent`.
    """
    ascent = _Ascent(chase, points, rivals)
    stops = checkpoints(steps)
    last = 0
    for step in range(1, steps + 1):
        ascent.go(INERTIA if step > 1 else 0.0)
        if step in stops:
            ascent.check(step - last)
            last = step


def checkpoints(steps: int) -> list[int]:
    """Return after which steps the length of steps is judged.

    Parameters
    ----------
    steps : int
        How many there are.

    Returns
    -------
    list of int
        In ascending order.

    Examples
    --------
    >>> checkpoints(100)
    [22, 41, 57, 70, 80, 87, 93, 99]
    """
    stops = []
    distance = FIRST
    share = FIRST
    while share <= 1:
        stops.append(math.ceil(round(share * steps, 9)))
        distance = max(distance - SHORTENING, SHORTEST)
        share += distance
    return stops


class _Ascent:
    """Where an ascent is, and the best of where it was, sample by sample."""

    def __init__(self, chase: Chase, points: Tensor, rivals: Tensor | None) -> None:
        self.chase = chase
        self.rivals = rivals
        self.points = points
        self.previous = points
        self.values, self.gradients = chase.ascent(points, rivals)
        self.best_points = points
        self.best_values = self.values
        self.best_gradients = self.gradients
        self.checked_values = self.values
        self.lengths = torch.full_like(self.values, 2)
        self.rises = torch.zeros_like(self.values)
        self.halved = torch.ones_like(self.values, dtype=torch.bool)

    def go(self, inertia: float) -> None:
        """Go one step."""
        box = self.chase.box
        step = _per_sample(self.lengths, self.points) * box.reach * self.gradients.sign()
        ahead = box.nearest(self.points + step) - self.points
        change = (1 - inertia) * ahead + inertia * (self.points - self.previous)
        self.previous = self.points
        self.points = box.nearest(self.points + change)
        values, self.gradients = self.chase.ascent(self.points, self.rivals)
        self.rises += values > self.values
        self.values = values
        better = values > self.best_values
        self.best_values = torch.where(better, values, self.best_values)
        self.best_points = _where(better, self.points, self.best_points)
        self.best_gradients = _where(better, self.gradients, self.best_gradients)

    def check(self, steps: int) -> None:
        """Halve the steps of samples for which they are too long, and go back to their best."""
        oscillates = self.rises < RISES * steps
        stuck = ~self.halved & (self.best_values == self.checked_values)
        self.halved = oscillates | stuck
        self.lengths = torch.where(self.halved, self.lengths / 2, self.lengths)
        self.points = _where(self.halved, self.best_points, self.points)
        self.gradients = _where(self.halved, self.best_gradients, self.gradients)
        self.values = torch.where(self.halved, self.best_values, self.values)
        self.checked_values = self.best_values
        self.rises = torch.zeros_like(self.rises)


def _per_sample(values: Tensor, like: Tensor) -> Tensor:
    """View one value per sample as an array that meets the samples."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _where(condition: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Choose between points, sample by sample."""
    return torch.where(_per_sample(condition, first), first, second)
