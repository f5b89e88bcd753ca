r"""How far each unit is from the balance of SGD's noise with weight decay.

Scaling a unit by :math:`e^\lambda` multiplies its leg of power :math:`p` by :math:`e^{p\lambda}`
and the gradient of every sample on that leg by :math:`e^{-p\lambda}`. With :math:`N_p` the variance
of the sample gradients on the legs of power :math:`p`, summed over their entries, and :math:`T_p`
the squared length of the weights there, SGD lets the charge drift in proportion to

.. math:: G(\lambda) = \sum_p p\,\big(N_p e^{-2p\lambda} - c\,T_p e^{2p\lambda}\big), \qquad
          c = \frac{2\,\mathrm{weight\ decay}\cdot\mathrm{batch\ size}\,(1-\mathrm{momentum})}
                   {\mathrm{learning\ rate}},

which decreases in :math:`\lambda`. The *noise equilibrium* is its root :math:`\lambda^*`; for
powers :math:`\pm1`

.. math:: \lambda^* = \frac14 \log\frac{N_\mathrm{in} + c\,T_\mathrm{out}}
                                    {N_\mathrm{out} + c\,T_\mathrm{in}} .

Sign: ours counts incoming weights as positive (:math:`\lambda^* > 0`: the incoming weights would
grow); the paper's generator :math:`A` counts outgoing ones, so that its :math:`\lambda^*` is minus
ours. The units of one group do not influence each other, but neighbouring groups share a weight
matrix: where all units are in balance is another place than where each would be with the others at
rest. :mod:`symgeom.dynamics.noise.balancing` finds it.

Near the equilibrium a unit approaches it by the share

.. math:: \kappa = \sum_p p^2\,\big(\eta^2 (N_p / S + D_p) + 2\eta w T_p\big) \Big/ \sum_p p^2 T_p

per step, with :math:`D_p` the squared length of the mean gradient, the learning rate :math:`\eta`,
the batch size :math:`S` and the weight decay :math:`w`. Momentum :math:`\beta` acts as the learning
rate :math:`\eta / (1 - \beta)`; shuffled epochs act as another batch size
(:mod:`symgeom.dynamics.noise.sampling`).

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), theorem 4.3 and
equation 7. Differs from the source: the noise term of equation 7 is twice what is printed there,
and momentum enters as the step ``learning_rate / (1 - momentum)``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.dynamics.noise.balancing import Balance, balance
from symgeom.dynamics.noise.force import NoiseForce, leg_sums, noise_force, spread_without
from symgeom.dynamics.noise.root import roots
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups, leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec


def effective_learning_rate(rates: Sequence[float]) -> float:
    """Return the constant learning rate that weighs noise against decay as a schedule does.

    A step moves charges by weight decay in proportion to its learning rate, and by noise in
    proportion to the square. Over many steps, with all else as it is, the sums count.

    Parameters
    ----------
    rates : sequence of float
        The learning rates of steps, or of epochs of equally many steps.

    Returns
    -------
    float
        The sum of the squares over the sum.

    Raises
    ------
    SymgeomError
        If there is no rate, or one is not positive.

    Examples
    --------
    >>> effective_learning_rate([0.5, 0.25, 0.25])
    0.375
    """
    if not rates or not min(rates) > 0:
        raise SymgeomError(
            f"Cannot weigh noise against decay at the learning rates {list(rates)}: "
            "give one or more, all positive."
        )
    return sum(rate**2 for rate in rates) / sum(rates)


def decay_ratio(
    *, learning_rate: float, batch_size: float, weight_decay: float, momentum: float = 0.0
) -> float:
    """Strength of weight decay relative to noise: all that the equilibrium depends on of a recipe.

    Parameters
    ----------
    learning_rate : float
        Step of SGD; of a schedule the :func:`effective_learning_rate`.
    batch_size : float
        Samples per mini-batch, drawn with replacement; of shuffled epochs the
        :func:`~symgeom.dynamics.noise.effective_batch_size`.
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient (the paper's 2
        gamma).
    momentum : float
        Of the heavy ball, not dampened.

    Returns
    -------
    float
        The constant ``c`` of the module's equations, in squared gradient per squared weight.

    Raises
    ------
    SymgeomError
        If a number is out of range.

    Examples
    --------
    >>> decay_ratio(learning_rate=0.5, batch_size=4, weight_decay=0.25, momentum=0.5)
    2.0
    """
    if not learning_rate > 0:
        raise SymgeomError(
            f"Cannot weigh decay against noise for learning rate {learning_rate}: noise and decay "
            "act in steps of positive length. At 0 nothing moves, and charges stay as they are: "
            "give the rate of a training."
        )
    if not batch_size >= 1 or not weight_decay >= 0 or not 0 <= momentum < 1:
        raise SymgeomError(
            f"Cannot weigh decay against noise for batch size {batch_size}, weight decay "
            f"{weight_decay}, momentum {momentum}: the first must be 1 or more, the second not "
            "negative, the last in [0, 1)."
        )
    return 2 * weight_decay * batch_size * (1 - momentum) / learning_rate


@dataclass(frozen=True, eq=False)
class NoiseEquilibrium:
    """Where the noise of SGD drives a network along its orbit, and how far from there it is.

    Attributes
    ----------
    displacement : dict of str to Tensor, shape (size,)
        Logarithm of the scale that leads every unit to its equilibrium while all others rest, in
        float64: 0 at equilibrium. Infinite where only one sign of power has any weight (the noise
        pushes for ever); NaN where neither has (the unit never moves), which is undefined.
    standard_error : dict of str to Tensor, shape (size,)
        Of the displacement, for all data of which the samples are a part.
    joint : Balance
        The scales that lead all units to equilibrium together; units without one rest.
    noise_share : dict of str to Tensor, shape (size,)
        Share of the noise in what pulls a unit; weight decay has the rest. NaN if nothing does.
    steps : dict of str to Tensor, shape (size,)
        Steps in which a unit near its equilibrium comes nearer by the factor e.
    force : NoiseForce
        What the noise pushes with.
    """

    displacement: dict[str, Tensor]
    standard_error: dict[str, Tensor]
    joint: Balance
    noise_share: dict[str, Tensor]
    steps: dict[str, Tensor]
    force: NoiseForce

    def verdicts(self) -> dict[str, tuple[str, ...]]:
        """Say in a word where every unit is driven.

        Returns
        -------
        dict of str to tuple of str
            For every unit "balances", "grows" (its incoming weights, for ever), "shrinks" or "never
            moves".
        """
        words = {}
        for name, displacements in self.displacement.items():
            words[name] = tuple(_verdict(value) for value in displacements.tolist())
        return words


@door
def noise_equilibrium(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    learning_rate: float,
    batch_size: float,
    weight_decay: float = 0.0,
) -> NoiseEquilibrium:
    """Find where the noise of SGD and weight decay drive a network along its orbit.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        One network (not under ``vmap``).
    learning_rate : float
        Step of SGD, of a schedule the :func:`effective_learning_rate`; with momentum
        ``learning_rate / (1 - momentum)``.
    batch_size : float
        Samples per mini-batch, drawn with replacement; of shuffled epochs the
        :func:`~symgeom.dynamics.noise.effective_batch_size`.
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient (the paper's 2
        gamma).

    Returns
    -------
    NoiseEquilibrium
        For every group with a positive scale all of whose legs train.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a weight is not finite, a number of the recipe is out
        of range, or the loss of one sample depends on others.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.group import act
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(net, inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.ones(1, 1), "2.weight": torch.full((1, 1), 4.0)}
    >>> found = noise_equilibrium(spec, problem, params, learning_rate=0.1, batch_size=1)
    >>> act(spec, found.joint.element, params)
    {'0.weight': tensor([[2.]]), '2.weight': tensor([[2.]])}
    """
    decay = decay_ratio(
        learning_rate=learning_rate, batch_size=batch_size, weight_decay=weight_decay
    )
    force = noise_force(spec, problem, params)
    moved = charged_groups(spec.exact().trained(problem.trainable), "positive")
    theta = cast(params, torch.float64)
    squares = {name: theta[name] ** 2 for name in problem.trainable}
    lengths = leg_sums(moved, squares)
    steps = {}
    for name, rows in lengths.items():
        second_moment = force.variance[name] / batch_size + force.drift[name]
        approach = learning_rate**2 * second_moment + 2 * learning_rate * weight_decay * rows
        square = leg_powers(moved, name).to(rows) ** 2
        steps[name] = (square * rows).sum(0) / (square * approach).sum(0)
    decays = {name: decay * square for name, square in squares.items()}
    return NoiseEquilibrium(
        displacement=_displacements(moved, force.variance, lengths, decay),
        standard_error=_errors(moved, force, lengths, decay),
        joint=balance(moved, force.entries, decays),
        noise_share=_noise_shares(moved, force.variance, lengths, decay),
        steps=steps,
        force=force,
    )


def unit_displacements(
    spec: SymmetrySpec, params: Parameters, force: NoiseForce, *, decay: float
) -> dict[str, Tensor]:
    """How far every unit is from its equilibrium, for a force that is known.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; its groups train as a whole.
    params : Parameters
        One network.
    force : NoiseForce
        From :func:`noise_force`, at these parameters.
    decay : float
        From :func:`decay_ratio`; 0 without weight decay.

    Returns
    -------
    dict of str to Tensor, shape (size,)
        As :attr:`NoiseEquilibrium.displacement`.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.ones(1, 1), "out": torch.ones(1, 1)}
    >>> variance = {"hidden1": torch.tensor([[16.0], [1.0]]).double()}
    >>> force = NoiseForce(variance, {}, {}, {}, samples=2, heaviest=1.0)
    >>> unit_displacements(spec, params, force, decay=0.0)["hidden1"].exp()  # 16 / s**2 = s**2
    tensor([2.], dtype=torch.float64)
    """
    exact = spec.exact()
    theta = cast(params, torch.float64)
    return _displacements(exact, force.variance, leg_products(exact, theta, theta), decay)


def _displacements(
    spec: SymmetrySpec,
    variance: Mapping[str, Tensor],
    lengths: Mapping[str, Tensor],
    decay: float,
) -> dict[str, Tensor]:
    """Return the root of the drift of every unit, from sums over legs."""
    displacements = {}
    for name, rows in lengths.items():
        powers = leg_powers(spec, name).flatten()
        displacements[name] = roots(powers, variance[name], decay * rows)
    return displacements


def _errors(
    spec: SymmetrySpec, force: NoiseForce, lengths: Mapping[str, Tensor], decay: float
) -> dict[str, Tensor]:
    """Return the standard errors of the displacements, from leaving out blocks of samples."""
    blocks = min(len(rows) for rows in force.without_block.values()) if lengths else 0
    without = []
    for block in range(blocks):
        variance = {name: rows[block] for name, rows in force.without_block.items()}
        without.append(_displacements(spec, variance, lengths, decay))
    errors = {}
    for name in lengths:
        estimates = torch.stack([displacements[name] for displacements in without])
        errors[name] = spread_without(estimates)
    return errors


def _noise_shares(
    spec: SymmetrySpec,
    variance: Mapping[str, Tensor],
    lengths: Mapping[str, Tensor],
    decay: float,
) -> dict[str, Tensor]:
    """Return the share of the noise in what pulls every unit."""
    shares = {}
    for name, rows in lengths.items():
        sizes = leg_powers(spec, name).abs().to(rows)
        noise = (sizes * variance[name]).sum(0)
        shares[name] = noise / (noise + decay * (sizes * rows).sum(0))
    return shares


def _verdict(displacement: float) -> str:
    """Say where a unit is driven."""
    if math.isnan(displacement):
        return "never moves"
    if math.isinf(displacement):
        return "grows" if displacement > 0 else "shrinks"
    return "balances"
