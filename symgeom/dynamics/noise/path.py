r"""The path of every charge under SGD at one function, predicted from one measurement.

Scaling every unit by :math:`e^{\lambda}` multiplies a weight by :math:`e^{x_w}`, :math:`x_w =
\sum_k p_{kw}\lambda_k`, and the gradient of every sample there by :math:`e^{-x_w}`. The variance
:math:`N_w` of the sample gradients and the squared mean gradient :math:`D_w`, measured once, are
therefore known everywhere on the orbit, and with them how fast SGD changes every charge there
(:mod:`symgeom.dynamics.noise.drift`):

.. math:: \frac{dQ_k}{dt} = \sum_w p_{kw}\Big[\Big(\frac{\eta_e^2}{S}N_w
          + \eta_e^2\,\frac{1+\beta}{1-\beta}\,D_w\Big)e^{-2x_w}
          - 2\eta_e w\,\theta_w^2\,e^{2x_w}\Big], \qquad
          \frac{\partial Q_k}{\partial\lambda_l} = 2\sum_w p_{kw}p_{lw}\,\theta_w^2\,e^{2x_w},

time in steps. The second, a metric on the orbit, turns the velocities of the charges into those of
all :math:`\lambda` together: layers that share a matrix of weights move each other. The path ends
at the joint noise equilibrium. It is that of a function that stays: of SGD at the bottom of a
valley, with label noise that the network cannot fit.

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), equation 5 and lemma
B.1. That one measurement gives the whole path, for all units together, is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import solve
from scipy.sparse import csr_array
from torch import Tensor

from symgeom.dynamics.noise.force import noise_force
from symgeom.dynamics.noise.recipe import SgdRecipe
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, take

RELATIVE = 1e-8
"""Relative error of a step of the integration."""

ABSOLUTE = 1e-10
"""Absolute error of a step of the integration, in the logarithms of scales."""


@dataclass(frozen=True, eq=False)
class ChargePath:
    """Where the charges are to go.

    Attributes
    ----------
    steps : Tensor of float64, shape (record,)
        Steps of SGD.
    exponents : dict of str to Tensor of float64, shape (record, size)
        Logarithms of the scales that lead every unit from the network to its place on the path.
    charge : dict of str to Tensor of float64, shape (record, size)
        The charges there, in squared weight units.
    """

    steps: Tensor
    exponents: dict[str, Tensor]
    charge: dict[str, Tensor]


@door
def predicted_path(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    recipe: SgdRecipe,
    steps: Sequence[float],
    mean_gradient: bool = True,
) -> ChargePath:
    """Predict the path of all charges under SGD, as long as the function stays as it is.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``), from which SGD goes on.
    recipe : SgdRecipe
        Of SGD.
    steps : sequence of float
        At which steps the path is wanted, not negative and increasing.
    mean_gradient : bool
        Whether to count what finite steps along the mean gradient do. It follows the orbit as the
        noise does, but where it is large the function does not stay.

    Returns
    -------
    ChargePath
        For every group with a positive scale all of whose legs train. A unit without weights stays
        as it is.

    Raises
    ------
    SymgeomError
        If the steps are out of order, the spec does not fit the network, a weight is not finite,
        the loss of one sample depends on others, or the path cannot be followed to its end.

    Examples
    --------
    The gradients of ``in * out * input`` are those of the loss below: SGD turns (1, 4) to the
    weights (2, 2), at which both are as noisy.

    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [-1.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.ones(1, 1), "1.weight": torch.full((1, 1), 4.0)}
    >>> recipe = SgdRecipe(learning_rate=0.1, batch_size=1)
    >>> path = predicted_path(spec, problem, params, recipe=recipe, steps=[0, 5000])
    >>> path.exponents["hidden1"].exp().round(decimals=4).flatten()
    tensor([1., 2.], dtype=torch.float64)
    """
    moments = np.array(steps, dtype=float)
    if not len(moments) or moments[0] < 0 or (np.diff(moments) <= 0).any():
        raise SymgeomError(
            f"Cannot follow charges to the steps {list(steps)}: give one or more, not negative and "
            "increasing."
        )
    orbit = _Orbit(spec, problem, params, recipe=recipe, mean_gradient=mean_gradient)
    solution = solve_ivp(
        lambda _, exponents: orbit.velocity(exponents),
        (0.0, moments[-1]),
        np.zeros(orbit.units),
        method="LSODA",
        jac=lambda _, exponents: orbit.slope(exponents),
        t_eval=moments,
        rtol=RELATIVE,
        atol=ABSOLUTE,
    )
    if not solution.success:
        raise SymgeomError(
            f"Cannot follow the charges to step {moments[-1]:g}: {solution.message} Ask for fewer "
            "steps."
        )
    exponents = solution.y.T
    charge = np.stack([orbit.charges(at_record) for at_record in exponents])
    return ChargePath(torch.from_numpy(moments), orbit.by_group(exponents), orbit.by_group(charge))


class _Orbit:
    """All weights that units own, in one row, and what is known of each."""

    def __init__(
        self,
        spec: SymmetrySpec,
        problem: Problem,
        params: Parameters,
        *,
        recipe: SgdRecipe,
        mean_gradient: bool,
    ) -> None:
        force = noise_force(spec, problem, params)
        theta = cast(params, torch.float64)
        moved = charged_groups(spec.exact().trained(problem.trainable), "positive")
        self._sizes = {group.name: group.size for group in moved.groups}
        self.units = sum(self._sizes.values())
        tensors = sorted({leg.tensor for group in moved.groups for leg in group.legs})
        self._powers = _powers(moved, theta, tensors)
        self._squares = _in_one_row(theta, tensors) ** 2
        variance = _in_one_row(force.entries, tensors)
        self._push = recipe.noise_factor * variance
        self._decay = recipe.decay_factor
        if mean_gradient:
            self._push += recipe.gradient_factor * _in_one_row(force.mean, tensors) ** 2

    def charges(self, exponents: NDArray) -> NDArray:
        """Return the charges where the units have these scales."""
        shifts = self._powers.T @ exponents
        return self._powers @ (self._squares * np.exp(2 * shifts))

    def velocity(self, exponents: NDArray) -> NDArray:
        """Return how fast the exponents change, per step."""
        lengths, push, pull = self._at(exponents)
        return self._solve(lengths, self._powers @ (push - pull))

    def slope(self, exponents: NDArray) -> NDArray:
        """Return the derivative of the velocity, shape (unit, unit)."""
        lengths, push, pull = self._at(exponents)
        velocity = self._solve(lengths, self._powers @ (push - pull))
        turning = 2 * lengths * (self._powers.T @ velocity)
        return self._solve(lengths, self._form(-2 * (push + pull + turning)))

    def _at(self, exponents: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Return the squares of the weights there, and what moves them up and down in a step."""
        shifts = self._powers.T @ exponents
        lengths = self._squares * np.exp(2 * shifts)
        return lengths, self._push * np.exp(-2 * shifts), self._decay * lengths

    def _form(self, amounts: NDArray) -> NDArray:
        """Return the sum over weights of the products of the powers of two units."""
        return ((self._powers * amounts) @ self._powers.T).toarray()

    def _solve(self, lengths: NDArray, velocities: NDArray) -> NDArray:
        """Return the velocities of exponents from those of charges."""
        metric = self._form(2 * lengths)
        movable = metric.diagonal() > 0
        solution = np.zeros_like(velocities)
        movable_metric = metric[np.ix_(movable, movable)]
        solution[movable] = solve(movable_metric, velocities[movable], assume_a="pos")
        return solution

    def by_group(self, rows: NDArray) -> dict[str, Tensor]:
        """Split an axis of all units into groups."""
        ends = np.cumsum(list(self._sizes.values()))
        parts = np.split(rows, ends[:-1], axis=-1)
        split = zip(self._sizes, parts, strict=True)
        return {name: torch.from_numpy(part.copy()) for name, part in split}


def _in_one_row(amounts: Parameters, tensors: Sequence[str]) -> NDArray:
    """Return all entries of some tensors."""
    return torch.cat([amounts[name].flatten() for name in tensors]).numpy()


def _powers(spec: SymmetrySpec, theta: Parameters, tensors: Sequence[str]) -> csr_array:
    """Return with which power every unit scales every weight, shape (unit, weight)."""
    numbers = {}
    weights = 0
    for name in tensors:
        count = theta[name].numel()
        numbers[name] = torch.arange(weights, weights + count).view(theta[name].shape)
        weights += count
    rows = []
    columns = []
    powers = []
    units = 0
    for group in spec.groups:
        for leg in group.legs:
            owned = take(numbers[leg.tensor], leg, group.size)
            of_unit = torch.arange(units, units + group.size)[:, None].expand(owned.shape)
            rows.append(of_unit.flatten())
            columns.append(owned.flatten())
            powers.append(np.full(owned.numel(), float(leg.power)))
        units += group.size
    entries = (np.concatenate(powers), (torch.cat(rows), torch.cat(columns)))
    return csr_array(entries, shape=(units, weights))
