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

Units that any invertible matrix may mix have a matrix :math:`N` of covariances and a matrix
:math:`T` of products on either side; the symmetric matrix that balances them is in
:mod:`symgeom.dynamics.noise.mixing`, its logarithm has the displacements as eigenvalues, and all
that is said of units is said of its eigenvectors. How the balanced units are rotated among
themselves, no noise decides. Factors that are wider than the function they make have directions
that grow or shrink for ever, or that nothing moves.

Scale-invariant layers (before a normalisation; all powers are 1) have nothing to balance noise with
but decay. Without it they grow for ever; with it they come to rest at :math:`N = cT`, which is
:math:`T^2 = \eta\hat N / 2wS` with the variance :math:`\hat N` at unit length.

The noise is all that the theory of small steps knows. A finite step moves the charge by the mean
gradient, too, and by the square of the decay: it rests in the mean where

.. math:: \sum_p p\,\Big(\frac{N_p}{S} + D_p\Big) = \frac{2w}{\eta}\,
          \Big(1 - \frac{\eta w}{2}\Big)\sum_p p\,T_p ,

with :math:`D_p` the squared length of the mean gradient, which is exact at any step size. At the
minimum of the loss the two differ by the decay's square alone, which is nothing (:math:`\eta w` is
some 1e-5). During training, and in scale-invariant layers, where noise and mean gradient push the
same way, the mean gradient counts.

Near the equilibrium a unit approaches it by the share

.. math:: \kappa = \sum_p p^2\,\big(\eta^2 (N_p / S + D_p) + 2\eta w T_p\big) \Big/ \sum_p p^2 T_p

per step, with the learning rate :math:`\eta`, the batch size :math:`S` and the weight decay
:math:`w`. Momentum :math:`\beta` acts as the learning rate :math:`\eta / (1 - \beta)`; shuffled
epochs act as another batch size (:mod:`symgeom.dynamics.noise.sampling`).

References
----------
Ziyin et al., "Parameter symmetry and noise equilibrium of SGD" (2402.07193), theorem 4.3 and
equation 7; appendix A.1 for scale-invariant layers. Differs from the source: the noise term of
equation 7 is twice what is printed there, and momentum enters as the step ``learning_rate / (1 -
momentum)``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.dynamics.noise.balancing import Balance
from symgeom.dynamics.noise.folds import spread_without
from symgeom.dynamics.noise.force import NoiseForce, noise_force
from symgeom.dynamics.noise.mixing import Mixing
from symgeom.dynamics.noise.pulls import MatrixPull, Pull, UnitPull, pulls_of
from symgeom.dynamics.noise.root import roots
from symgeom.dynamics.noise.together import balance_together
from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import charged_groups, leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec


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

    What is said of a unit is said, in groups that matrices mix, of a combination of units: number
    ``k`` is row ``k`` of the directions in :attr:`mixing`, largest displacement first.

    Attributes
    ----------
    displacement : dict of str to Tensor, shape (size,)
        Logarithm of the scale that leads every unit to its equilibrium while all others rest, in
        float64: 0 at equilibrium. Infinite where only one sign of power has any weight (the noise
        pushes for ever); NaN where neither has (the unit never moves), which is undefined.
    standard_error : dict of str to Tensor, shape (size,)
        Of the displacement, for all data of which the samples are a part; NaN where that is not
        finite.
    finite_steps : dict of str to Tensor, shape (size,)
        The displacement from where a unit rests at steps of this size, which the mean gradient
        moves, too: that of scale-invariant layers.
    mixing : dict of str to Mixing
        For every linear group, the matrix that leads it to its equilibrium while all others rest.
    joint : Balance
        The scales and matrices that lead all units to equilibrium together; units without one rest.
    noise_share : dict of str to Tensor, shape (size,)
        Share of the noise in what pulls a unit; weight decay has the rest. NaN if nothing does.
    steps : dict of str to Tensor, shape (size,)
        Steps in which a unit near its equilibrium comes nearer by the factor e.
    loss_steps : float
        Steps in which the loss would fall to zero at its present rate; infinite at its minimum, NaN
        where nothing is known of it.
    force : NoiseForce
        What the noise pushes with.
    """

    displacement: dict[str, Tensor]
    standard_error: dict[str, Tensor]
    finite_steps: dict[str, Tensor]
    mixing: dict[str, Mixing]
    joint: Balance
    noise_share: dict[str, Tensor]
    steps: dict[str, Tensor]
    loss_steps: float
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

    def phases(self, steps: float | None = None) -> dict[str, tuple[str, ...]]:
        """Say in words what holds every unit at its equilibrium, and how soon it comes there.

        Parameters
        ----------
        steps : float, optional
            In how many steps fast units come nearer to their equilibrium by the factor e: those of
            a training, say. By default :attr:`loss_steps`: a fast unit follows its equilibrium
            while the loss falls, a slow one comes there after the loss has come to rest.

        Returns
        -------
        dict of str to tuple of str
            For every unit that balances "noise-dominated" or "decay-dominated" (which of the two
            has more than half of the pull), and "fast" or "slow", as in "noise-dominated, slow";
            for all others their verdict.

        Raises
        ------
        SymgeomError
            If neither the steps are given nor anything is known of the loss.
        """
        limit = self.loss_steps if steps is None else steps
        if math.isnan(limit):
            raise SymgeomError(
                "Cannot say which units are fast: of a force that was given, nothing is known of "
                "the loss. Give the steps of the training."
            )
        phases = {}
        for name, verdicts in self.verdicts().items():
            units = zip(
                verdicts, self.noise_share[name].tolist(), self.steps[name].tolist(), strict=True
            )
            words = []
            for verdict, share, needed in units:
                source = "noise" if share > 0.5 else "decay"
                speed = "fast" if needed <= limit else "slow"
                balances = verdict == "balances"
                words.append(f"{source}-dominated, {speed}" if balances else verdict)
            phases[name] = tuple(words)
        return phases


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
        For every group with a positive scale, or mixed by matrices, all of whose legs train.

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
    recipe = _Recipe.of(learning_rate, batch_size, weight_decay)
    force = noise_force(spec, problem, params)
    charged = charged_groups(spec.exact().trained(problem.trainable))
    theta = cast(params, torch.float64)
    measure = partial(noise_force, charged, problem)
    joint = balance_together(charged, theta, force, decay=recipe.decay, measure=measure)
    return _equilibrium(charged, theta, force, recipe, joint)


@door
def equilibrium_of_force(
    spec: SymmetrySpec,
    params: Parameters,
    force: NoiseForce,
    *,
    learning_rate: float,
    batch_size: float,
    weight_decay: float = 0.0,
) -> NoiseEquilibrium:
    """Find where a force that is known, that of mini-batches for instance, drives a network.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    force : NoiseForce
        From :func:`noise_force` or :func:`~symgeom.dynamics.noise.noise_force_of_batches`, at these
        parameters.
    learning_rate, weight_decay : float
        As in :func:`noise_equilibrium`.
    batch_size : float
        As in :func:`noise_equilibrium`; a force of mini-batches holds for theirs, which is the
        :func:`~symgeom.dynamics.noise.effective_batch_size`.

    Returns
    -------
    NoiseEquilibrium
        For every group whose force is known.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a number of the recipe is out of range, or linear
        groups share weights, so that the noise would have to be measured again on the way to the
        joint equilibrium.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> params = {"in": torch.ones(1, 1), "out": torch.ones(1, 1)}
    >>> entries = {"in": torch.tensor([[16.0]]).double(), "out": torch.tensor([[1.0]]).double()}
    >>> variance = {"hidden1": torch.tensor([[16.0], [1.0]]).double()}
    >>> without = {"hidden1": variance["hidden1"].expand(2, 2, 1)}
    >>> force = NoiseForce(variance, variance, without, entries, samples=2, heaviest=1.0)
    >>> found = equilibrium_of_force(spec, params, force, learning_rate=0.1, batch_size=1)
    >>> found.displacement["hidden1"].exp()  # 16 / s**2 = s**2
    tensor([2.], dtype=torch.float64)
    """
    check_spec(spec, params)
    recipe = _Recipe.of(learning_rate, batch_size, weight_decay)
    charged = charged_groups(spec.exact().trained(tuple(force.entries)))
    groups = [group for group in charged.groups if _is_pushed(group, force)]
    pushed = SymmetrySpec(tuple(groups))
    theta = cast(params, torch.float64)
    joint = balance_together(pushed, theta, force, decay=recipe.decay, measure=None)
    return _equilibrium(pushed, theta, force, recipe, joint)


def _is_pushed(group: UnitGroup, force: NoiseForce) -> bool:
    """Whether a force says what pushes a group."""
    return group.name in force.variance or group.name in force.matrices.covariance


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
    scaled = charged_groups(spec.exact(), "positive")
    theta = cast(params, torch.float64)
    displacements = {}
    for name, rows in leg_products(scaled, theta, theta).items():
        powers = leg_powers(scaled, name).flatten()
        displacements[name] = roots(powers, force.variance[name], decay * rows)
    return displacements


class _Recipe(NamedTuple):
    """What a step of SGD is made of, and the strength of its decay relative to its noise."""

    learning_rate: float
    batch_size: float
    weight_decay: float
    decay: float

    @staticmethod
    def of(learning_rate: float, batch_size: float, weight_decay: float) -> "_Recipe":
        """Return a recipe whose numbers are in range."""
        decay = decay_ratio(
            learning_rate=learning_rate, batch_size=batch_size, weight_decay=weight_decay
        )
        return _Recipe(learning_rate, batch_size, weight_decay, decay)


def _equilibrium(
    spec: SymmetrySpec, params: Parameters, force: NoiseForce, recipe: _Recipe, joint: Balance
) -> NoiseEquilibrium:
    """Say what follows from what pulls the units."""
    pulls = pulls_of(spec, force, params=params)
    decay = recipe.decay
    mixed = {}
    units = {}
    for name, pull in pulls.items():
        if isinstance(pull, MatrixPull):
            mixed[name] = pull.balance(pull.variance, decay * pull.lengths)
            units[name] = pull.along(mixed[name].directions)
        else:
            units[name] = pull
    return NoiseEquilibrium(
        displacement={name: _displacement(pull, decay) for name, pull in pulls.items()},
        standard_error={name: _error(pull, decay) for name, pull in pulls.items()},
        finite_steps={name: _finite_steps(pull, recipe) for name, pull in pulls.items()},
        mixing=mixed,
        joint=joint,
        noise_share={name: _noise_share(unit, decay) for name, unit in units.items()},
        steps={name: _steps(unit, recipe) for name, unit in units.items()},
        loss_steps=_loss_steps(force, recipe.learning_rate),
        force=force,
    )


def _displacement(pull: Pull, decay: float) -> Tensor:
    """Return how far units are from the balance of noise and decay."""
    return pull.displacement(pull.variance, decay * pull.lengths)


def _error(pull: Pull, decay: float) -> Tensor:
    """Return the standard errors of the displacements, from leaving out blocks of samples."""
    displacement = _displacement(pull, decay)
    unknown = torch.full_like(displacement, math.nan)
    if len(pull.without_block) == 1:
        return unknown
    lengths = decay * pull.lengths
    without = [pull.displacement(variance, lengths) for variance in pull.without_block]
    error = spread_without(torch.stack(without))
    return torch.where(displacement.isfinite(), error, unknown)


def _finite_steps(pull: Pull, recipe: _Recipe) -> Tensor:
    """Return how far units are from where the mean step leaves their charge, at finite steps."""
    falling = pull.variance / recipe.batch_size + pull.drift
    of_decay = 2 * recipe.weight_decay / recipe.learning_rate
    of_its_square = recipe.weight_decay**2
    return pull.displacement(falling, (of_decay - of_its_square) * pull.lengths)


def _noise_share(pull: UnitPull, decay: float) -> Tensor:
    """Return the share of the noise in what pulls every unit."""
    sizes = pull.powers.abs().unsqueeze(1).to(pull.lengths)
    noise = (sizes * pull.variance).sum(0)
    return noise / (noise + decay * (sizes * pull.lengths).sum(0))


def _steps(pull: UnitPull, recipe: _Recipe) -> Tensor:
    """Return in how many steps units near their equilibrium come nearer by the factor e."""
    second_moment = pull.variance / recipe.batch_size + pull.drift
    of_noise = recipe.learning_rate**2 * second_moment
    of_decay = 2 * recipe.learning_rate * recipe.weight_decay * pull.lengths
    squares = pull.powers.square().unsqueeze(1).to(pull.lengths)
    approach = (squares * (of_noise + of_decay)).sum(0)
    return (squares * pull.lengths).sum(0) / approach


def _loss_steps(force: NoiseForce, learning_rate: float) -> float:
    """Return in how many steps the loss would fall to zero, by how much it falls in the next."""
    if math.isnan(force.loss):
        return math.nan
    square = sum(float(gradient.square().sum()) for gradient in force.mean.values())
    return force.loss / (learning_rate * square) if square else math.inf


def _verdict(displacement: float) -> str:
    """Say where a unit is driven."""
    if math.isnan(displacement):
        return "never moves"
    if math.isinf(displacement):
        return "grows" if displacement > 0 else "shrinks"
    return "balances"
