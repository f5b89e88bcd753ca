r"""Balance all units of a network together: the point of the orbit where a sum is smallest.

Scaling every unit by :math:`e^{\lambda}` multiplies a weight by :math:`e^{x_w}`, with :math:`x_w`
the sum of power times :math:`\lambda` over the units that own it. What falls as the weight grows (a
variance of its gradient, a diagonal entry of the Hessian) is multiplied by :math:`e^{-2x_w}`, what
grows (its square) by :math:`e^{2x_w}`. The sum over all weights

.. math:: F(\lambda) = \sum_w \big(a_w e^{-2x_w} + b_w e^{2x_w}\big)

is convex in all :math:`\lambda` together. Visits of one group after another, each of which puts all
its units where the sum is smallest while the other groups rest, lead to its minimum. With the
variances of the gradient as :math:`a` and ``c`` times the squared weights as :math:`b` it is the
noise equilibrium of all units; with the diagonal of the Hessian as :math:`a`, the point of smallest
trace; with nothing but the squared weights, the shortest network.

References
----------
Osborne, "On pre-conditioning of matrices" (1960), whose algorithm it is where all powers are 1 or
-1. The free energy that is smallest at the noise equilibrium of Ziyin et al. (2402.07193, theorem
4.3) is derived from their equation 5; that all units balance together is ours.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.dynamics.noise.force import leg_sums
from symgeom.dynamics.noise.root import roots
from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, multiply

TOLERANCE = 1e-13
"""Largest logarithm of a scale in the last visit of all groups."""

SWEEPS = 20_000
"""Most visits of every group."""


@dataclass(frozen=True, eq=False)
class Balance:
    """What moves a network to the balance of all its units.

    Attributes
    ----------
    element : GroupElement
        The scales, in float64; those of units without a balance are 1.
    alone : dict of str to Tensor, shape (size,)
        Logarithm of the scale that would balance each unit while all others rest: infinite where
        nothing stops it, NaN where nothing moves it.
    before, after : float
        The sum, at the network and at the balance.
    sweeps : int
        How often every group was visited.
    """

    element: GroupElement
    alone: dict[str, Tensor]
    before: float
    after: float
    sweeps: int


def balance(spec: SymmetrySpec, falling: Parameters, growing: Parameters) -> Balance:
    """Find the scales that balance all units together.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; units with positive scales are balanced.
    falling : Parameters
        For every weight what falls as it grows, not negative, in float64; tensors without an entry
        count as zeros.
    growing : Parameters
        For every weight what grows with it.

    Returns
    -------
    Balance
        The scales. A unit that no scale balances (all that it has falls, or all grows, or it has
        nothing) stays as it is.

    Raises
    ------
    SymgeomError
        If the visits do not come to an end.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> variance = {"in": torch.tensor([[16.0]]).double(), "out": torch.tensor([[1.0]]).double()}
    >>> there = balance(spec, variance, {})
    >>> there.element.scales["hidden1"], there.before, there.after
    (tensor([2.], dtype=torch.float64), 17.0, 8.0)
    """
    scaled = charged_groups(spec.exact(), "positive")
    weights = _Weights(scaled, falling, growing)
    before = weights.sum()
    alone = weights.visit(held=None)
    held = {name: ~steps.isfinite() for name, steps in alone.items()}
    exponents = {name: torch.zeros_like(steps) for name, steps in alone.items()}
    sweeps = 0
    largest = 1.0 if alone else 0.0
    while largest > TOLERANCE:
        if sweeps == SWEEPS:
            raise SymgeomError(
                f"Cannot balance all units together: after {SWEEPS} visits of every group some "
                f"unit still moves by {largest:.1g}. Balance fewer groups."
            )
        steps = weights.visit(held=held)
        for name, step in steps.items():
            exponents[name] += step
        largest = max(float(step.abs().max()) for step in steps.values())
        sweeps += 1
    rest = identity(spec.exact())
    scales = {name: exponent.exp() for name, exponent in exponents.items()}
    element = GroupElement(rest.permutations, {**rest.scales, **scales})
    return Balance(element, alone, before, weights.sum(), sweeps)


class _Weights:
    """What falls and what grows with every weight, at the scales that the units have now."""

    def __init__(self, spec: SymmetrySpec, falling: Parameters, growing: Parameters) -> None:
        self.groups = spec.groups
        tensors = {leg.tensor for group in spec.groups for leg in group.legs}
        self.falling = _copied(falling, tensors)
        self.growing = _copied(growing, tensors)

    def sum(self) -> float:
        """Return the sum of all that falls and all that grows."""
        total = 0.0
        for amounts in (self.falling, self.growing):
            for tensor in amounts.values():
                total += float(tensor.sum())
        return total

    def visit(self, held: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """Return the step that balances every unit; take it, unless nothing is said of the held."""
        steps = {}
        for group in self.groups:
            alone = SymmetrySpec((group,))
            falling = leg_sums(alone, self.falling)[group.name]
            growing = leg_sums(alone, self.growing)[group.name]
            step = roots(_powers(group), falling, growing)
            if held is not None:
                step = step.masked_fill(held[group.name], 0.0)
                self._take(group, step)
            steps[group.name] = step
        return steps

    def _take(self, group: UnitGroup, step: Tensor) -> None:
        """Scale all amounts of a group's units."""
        for leg in group.legs:
            factor = (2 * leg.power * step).exp()
            if leg.tensor in self.falling:
                multiply(self.falling[leg.tensor], leg, 1 / factor)
            if leg.tensor in self.growing:
                multiply(self.growing[leg.tensor], leg, factor)


def _copied(amounts: Parameters, tensors: Collection[str]) -> dict[str, Tensor]:
    """Copy what belongs to weights that units own."""
    return {name: tensor.clone() for name, tensor in amounts.items() if name in tensors}


def _powers(group: UnitGroup) -> Tensor:
    """Return the powers of a group's legs."""
    return torch.tensor([float(leg.power) for leg in group.legs])
