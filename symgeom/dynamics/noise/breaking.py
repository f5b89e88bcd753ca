r"""Where SGD's noise drives a network whose symmetry is broken by a further term of the loss.

Let a term :math:`R(\theta)` that knows no sample, such as a distance from other weights, be added
to a loss with rescaling symmetries. The noise is that of the symmetric loss, and scaling the units
by :math:`e^\lambda` changes it as :mod:`symgeom.dynamics.noise.balancing` says; the term pulls
along the orbit at first order. The charges rest where

.. math:: 2\,\langle\nabla R, A\theta\rangle = \frac{\eta}{S} \operatorname{Tr}[\Sigma A]

for the generator :math:`A` of every unit, at the learning rate :math:`\eta` and batch size
:math:`S`: at the stationary points of

.. math:: F(\lambda) = \underbrace{\tfrac12 \sum_w a_w e^{-2x_w}}_{N(\lambda)}
          + \frac{2S}{\eta}\, R(\theta_\lambda)

with the gradient's variance :math:`a_w` on every weight and the logarithm :math:`x_w` of its scale.
Weight decay, :math:`R = \tfrac w2 \lVert\theta\rVert^2`, is a special case. Only for such terms is
:math:`F` convex; of several equilibria the one is found that lies downhill from the network.

A weak term moves the equilibrium of noise alone, at :math:`\lambda_N`, in proportion to its
strength, and noise moves the point where a strong term is smallest, at :math:`\lambda_R`:

.. math:: \lambda \approx \lambda_N - N''^{-1}\,\tfrac{2S}{\eta}\,R', \qquad
          \lambda \approx \lambda_R - \big(\tfrac{2S}{\eta}\,R''\big)^{-1} N' ,

the derivatives along the orbit, at either point.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), section 5.4
(approximate symmetry). Differs from the source: there one generator, and a quadratic term where it
is strong.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, jacrev

from symgeom.dynamics.noise.balancing import balance
from symgeom.dynamics.noise.equilibrium import decay_ratio
from symgeom.dynamics.noise.force import noise_force
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, put, take

Penalty = Callable[[dict[str, Tensor]], Tensor]
"""From a network in float64 to a number, differentiable twice."""

TOLERANCE = 1e-9
"""Longest of Newton's steps at an equilibrium, in logarithms of scales."""

LONGEST = 1.0
"""Longest step of the search for it."""

FURTHEST = 20.0
"""How far the search goes."""

FLAT = 1e-13
"""A curvature below this share of the largest one is none."""

MOST = 60
"""Most steps of the search."""

HALVINGS = 40
"""How often a step is halved that leads uphill."""


@dataclass(frozen=True, eq=False)
class BrokenEquilibrium:
    """Where noise and a term that breaks the symmetry balance.

    Attributes
    ----------
    displacement : dict of str to Tensor, shape (size,)
        Logarithms of the scales that lead all units to the equilibrium together, in float64.
    element : GroupElement
        These scales.
    weak : dict of str to Tensor, shape (size,)
        The displacement to first order in the strength of the term; NaN where noise alone has no
        equilibrium of all units.
    strong : dict of str to Tensor, shape (size,)
        The displacement to first order in the noise; NaN where the term alone has no minimum.
    converged : bool
        Whether an equilibrium was found: a term that does not grow with some weight may have none.
    """

    displacement: dict[str, Tensor]
    element: GroupElement
    weak: dict[str, Tensor]
    strong: dict[str, Tensor]
    converged: bool


@door
def broken_equilibrium(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    penalty: Penalty,
    *,
    learning_rate: float,
    batch_size: float,
) -> BrokenEquilibrium:
    """Find where noise drives a network whose symmetry is broken by a further term of the loss.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; its symmetries are those of the loss without the term.
    problem : Problem
        The landscape without the term, with the training data.
    params : Parameters
        One network (not under ``vmap``).
    penalty : callable
        The term: from the network, in float64, to a number, with its strength.
    learning_rate : float
        Step of SGD; with momentum ``learning_rate / (1 - momentum)``.
    batch_size : float
        Samples per mini-batch, drawn with replacement.

    Returns
    -------
    BrokenEquilibrium
        For every group with a positive scale all of whose legs train.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a weight is not finite, a number is out of range, the
        loss of one sample depends on others, or the term is no finite number that depends on the
        network.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.ones(1, 1), "2.weight": torch.full((1, 1), 4.0)}
    >>> weak = lambda network: 1e-9 * (network["2.weight"] ** 2).sum()
    >>> recipe = {"learning_rate": 0.1, "batch_size": 1}
    >>> equilibrium = broken_equilibrium(spec, problem, params, weak, **recipe)
    >>> round(float(equilibrium.displacement["hidden1"].exp()), 6)  # that of noise alone
    2.0
    """
    # The term counts twice the batch size over the learning rate, as weight decay does.
    strength = decay_ratio(learning_rate=learning_rate, batch_size=batch_size, weight_decay=1.0)
    force = noise_force(spec, problem, params)
    moved = charged_groups(spec.exact().trained(problem.trainable), "positive")
    theta = cast(params, torch.float64)
    orbit = _Orbit(moved, theta)

    def noise(exponents: Tensor) -> Tensor:
        return orbit.noise(exponents, force.entries)

    def term(exponents: Tensor) -> Tensor:
        return strength * penalty(orbit.network(exponents))

    def both(exponents: Tensor) -> Tensor:
        return noise(exponents) + term(exponents)

    start = torch.zeros(orbit.units, dtype=torch.float64)
    _check_term(term, start)
    balanced = balance(moved, force.entries, {})
    of_noise = orbit.joined({name: balanced.element.scales[name].log() for name in balanced.alone})
    has_noise = torch.cat([steps.isfinite() for steps in balanced.alone.values()] or [start > 0])
    lowest, converged = _minimum(both, start)
    of_term, term_converged = _minimum(term, start)
    nowhere = torch.full_like(start, torch.nan)
    weak = _newton(noise, term, of_noise) if has_noise.all() else nowhere
    strong = _newton(term, noise, of_term) if term_converged else nowhere
    scales = {name: part.exp() for name, part in orbit.split(lowest).items()}
    rest = identity(spec.exact())
    return BrokenEquilibrium(
        displacement=orbit.split(lowest),
        element=GroupElement(rest.permutations, {**rest.scales, **scales}),
        weak=orbit.split(weak),
        strong=orbit.split(strong),
        converged=converged,
    )


class _Orbit:
    """The networks that rescaling of units makes of one, by the logarithms of all scales."""

    def __init__(self, spec: SymmetrySpec, params: Parameters) -> None:
        self.spec = spec
        self.params = params
        self.sizes = {group.name: group.size for group in spec.groups}
        self.units = sum(self.sizes.values())

    def split(self, exponents: Tensor) -> dict[str, Tensor]:
        """Return the logarithms by group."""
        parts = exponents.split(list(self.sizes.values()))
        return dict(zip(self.sizes, parts, strict=True))

    def joined(self, parts: Parameters) -> Tensor:
        """Return the logarithms of all groups, one after the other."""
        return torch.cat([parts[name] for name in self.sizes] or [torch.zeros(0).double()])

    def logarithms(self, exponents: Tensor) -> dict[str, Tensor]:
        """Return the logarithm of the scale of every weight that units own."""
        of_weights: dict[str, Tensor] = {}
        of_groups = self.split(exponents)
        for group in self.spec.groups:
            nobody = exponents.new_zeros(1)
            of_units = torch.cat([of_groups[group.name], nobody])
            for leg in group.legs:
                addend = leg.power * of_units[self._owners(group, leg)]
                before = of_weights.get(leg.tensor)
                of_weights[leg.tensor] = addend if before is None else before + addend
        return of_weights

    def _owners(self, group: UnitGroup, leg: Leg) -> Tensor:
        """Return the unit that owns every weight of a leg, the number after the last for nobody."""
        nobody = torch.full_like(self.params[leg.tensor], group.size, dtype=torch.int64)
        units = torch.arange(group.size).unsqueeze(1)
        rows = units.expand_as(take(nobody, leg, group.size))
        return put(nobody, leg, rows)

    def network(self, exponents: Tensor) -> dict[str, Tensor]:
        """Return the network with scaled units."""
        network = dict(self.params)
        for name, logarithm in self.logarithms(exponents).items():
            network[name] = self.params[name] * logarithm.exp()
        return network

    def noise(self, exponents: Tensor, variance: Parameters) -> Tensor:
        """Return half the sum of the gradient's variances of the weights that units own."""
        total = exponents.new_zeros(())
        for name, logarithm in self.logarithms(exponents).items():
            if name in variance:
                total = total + (variance[name] * (-2 * logarithm).exp()).sum() / 2
        return total


Function = Callable[[Tensor], Tensor]
"""From the logarithms of all scales to a number."""


def _newton(curved: Function, sloped: Function, exponents: Tensor) -> Tensor:
    """Return where the slope of one function meets the curvature of another, to first order."""
    curvature = jacrev(grad(curved))(exponents)
    slope = grad(sloped)(exponents)
    return exponents - torch.linalg.solve(curvature, slope)


def _minimum(function: Function, start: Tensor) -> tuple[Tensor, bool]:
    """Return the minimum that lies downhill, and whether it is one, by Newton's steps."""
    exponents = start
    value = function(exponents)
    for _ in range(MOST):
        slope = grad(function)(exponents)
        curvature = jacrev(grad(function))(exponents)
        bends, directions = torch.linalg.eigh(curvature)
        is_curved = bends.abs() > FLAT * bends.abs().max()
        along = directions.T @ slope
        amounts = torch.where(is_curved, along / bends.abs(), torch.zeros_like(along))
        step = -directions @ amounts
        size = float(step.abs().max())
        if size < TOLERANCE:
            return exponents + step, bool((bends > 0).all() and is_curved.all())
        step = step * min(1.0, LONGEST / size)
        exponents, value = _downhill(function, exponents, value, step)
        if float(exponents.abs().max()) > FURTHEST:
            break
    return exponents, False


def _downhill(
    function: Function, exponents: Tensor, value: Tensor, step: Tensor
) -> tuple[Tensor, Tensor]:
    """Take a step, or as much of it as does not lead uphill."""
    for _ in range(HALVINGS):
        lower = function(exponents + step)
        if lower <= value:
            break
        step = step / 2
    return exponents + step, function(exponents + step)


def _check_term(term: Function, start: Tensor) -> None:
    """Raise unless a term of the loss is a finite number."""
    value = term(start)
    if value.ndim or not bool(value.isfinite()):
        raise SymgeomError(
            f"Cannot balance noise with this term of the loss: its value has shape "
            f"{tuple(value.shape)} and is {value.detach().reshape(-1)[:3].tolist()}. Give a "
            "function of the network that returns one finite number."
        )
