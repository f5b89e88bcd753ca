r"""Whether SGD collapses onto a set of simpler networks: its Lyapunov exponent there.

Near an invariant set a small displacement :math:`v` normal to it follows

.. math:: v_{t+1} = \big(1 - \eta (H_{B_t} + w)\big)\, v_t ,

with the learning rate :math:`\eta`, the weight decay :math:`w` and the Hessian :math:`H_B` of the
loss of one mini-batch, which keeps normal directions normal. Products of random matrices grow or
shrink exponentially: SGD is attracted by the set exactly if the expected logarithm of the growth
per step is negative,

.. math:: \Lambda = \mathrm E \log\lVert (1 - \eta (H_B + w))\, v\rVert < 0 ,

with :math:`v` of length 1, in the stationary distribution of its direction. No step is assumed to
be small, and no noise to be Gaussian. Noise makes the set attractive where the mean loss repels: in
the model :math:`(u w x - y)^2` at zero it is :math:`\mathrm E \log\lvert 1 +
2\eta\,\overline{xy}\rvert`.

The product is followed in several runs: after every step the displacement is brought back to length
1, with momentum together with its velocity (the QR decomposition of one column), and the logarithms
of what was taken away are summed. The first steps, in which it turns to its direction, do not
count. Hessian-vector products are taken at the set, displaced by a tiny step along :math:`v`.
Mirrors make the error quadratic in that step; at a unit of ReLUs at zero, where there is no
Hessian, the loss is homogeneous of degree 2 in the displacement, and its Hessian beside the set
maps :math:`v` to the gradient there. There the displacement may settle in one of several
directions, in some of which the unit is dead: runs then differ by more than chance, and
:attr:`CollapseExponent.growth` has them all.

References
----------
Chen et al., "Stochastic collapse" (2306.04251), whose criterion is that of small steps. Ziyin,
"Symmetry induces structure and constraint of learning" (2309.16932), with one direction of fixed
curvature. The product of matrices is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from scipy.special import stdtrit
from torch import Tensor
from torch.func import vjp, vmap

from symgeom.dynamics.collapse.invariant_sets import InvariantSet
from symgeom.ground.attention import twice_differentiable
from symgeom.ground.checks import SymgeomError, check_finite, check_range
from symgeom.ground.doors import check_attributes, door
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.problem import Problem
from symgeom.symmetry.spec import SymmetrySpec, check_spec

RUNS = 8
"""How often the product is followed, with other mini-batches."""

UNCOUNTED = 0.2
"""The share of the steps, at the beginning, whose growth does not count."""

DISPLACEMENT = 1e-8
"""How far beside the set Hessians are taken, relative to the length of the network."""

ROUNDING = 1e-9
"""The largest normal part of a gradient on an invariant set, relative to its length."""


@dataclass(frozen=True)
class NoisySteps:
    """Steps of SGD with a constant learning rate.

    Attributes
    ----------
    learning_rate : float
        The step.
    batch_size : int
        Samples per mini-batch, drawn with replacement.
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient.
    momentum : float
        Of the heavy ball, not dampened.
    moves : bool
        Whether the network takes these steps along the set, too; else it rests where it is.

    Examples
    --------
    >>> NoisySteps(learning_rate=0.1, batch_size=4).momentum
    0.0
    """

    learning_rate: float
    batch_size: int
    weight_decay: float = 0.0
    momentum: float = 0.0
    moves: bool = False

    def __post_init__(self) -> None:
        check_attributes(self)
        check_range(self.batch_size, "the number of samples of a mini-batch", least=1)
        is_step = self.learning_rate > 0 and self.weight_decay >= 0
        if not is_step or not 0 <= self.momentum < 1:
            raise SymgeomError(
                f"Cannot take steps with learning rate {self.learning_rate}, weight decay "
                f"{self.weight_decay} and momentum {self.momentum}: the first must be positive, "
                "the second not negative, the last in [0, 1)."
            )


@dataclass(frozen=True, eq=False)
class CollapseExponent:
    """How fast small displacements from an invariant set grow.

    Attributes
    ----------
    growth : Tensor of float64, shape (run,)
        Mean logarithm of the growth per step, in several runs. NaN where the network diverged along
        the set.
    distance : float
        How far the network was from the set on which this was measured, in weight units.
    """

    growth: Tensor
    distance: float

    @property
    def mean(self) -> float:
        """The exponent, per step: negative where SGD collapses."""
        return float(self.growth.mean())

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return where the exponent lies.

        Parameters
        ----------
        level : float
            Coverage.

        Returns
        -------
        (float, float)
            Student's interval over the runs.
        """
        check_range(level, "the coverage of an interval", least=0, most=1)
        runs = len(self.growth)
        error = float(self.growth.std()) / math.sqrt(runs)
        half = float(stdtrit(runs - 1, (1 + level) / 2)) * error
        return self.mean - half, self.mean + half

    def verdict(self, level: float = 0.95) -> str:
        """Say whether SGD collapses onto the set.

        Parameters
        ----------
        level : float
            Coverage of the interval that decides.

        Returns
        -------
        str
            "collapses", "escapes" or "undecided".
        """
        low, high = self.interval(level)
        if high < 0:
            return "collapses"
        return "escapes" if low > 0 else "undecided"


@door
def collapse_exponent(
    problem: Problem,
    params: Parameters,
    invariant: InvariantSet,
    *,
    rule: NoisySteps,
    steps: int,
    generator: torch.Generator,
) -> CollapseExponent:
    """Measure whether SGD collapses onto a set of simpler networks.

    Parameters
    ----------
    problem : Problem
        The landscape, with the training data.
    params : Parameters
        A network (not under ``vmap``). What is measured is at the nearest network of the set.
    invariant : InvariantSet
        From :func:`~symgeom.dynamics.collapse.unit_at_zero` or
        :func:`~symgeom.dynamics.collapse.equal_units`.
    rule : NoisySteps
        The steps of SGD.
    steps : int
        Steps of every run.
    generator : torch.Generator
        The source of mini-batches.

    Returns
    -------
    CollapseExponent
        The exponent with its interval.

    Raises
    ------
    SymgeomError
        If a gradient leads out of the set, the weights of the units are frozen, a weight is not
        finite, or there are too few steps.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.dynamics.collapse import unit_at_zero
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    >>> square = lambda outputs, targets: ((outputs - targets) ** 2).sum(1)
    >>> problem = Problem(net, torch.ones(1, 1).double(), torch.ones(1, 1).double(), square)
    >>> legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    >>> zero = unit_at_zero(SymmetrySpec((UnitGroup("hidden1", 1, legs),)), "hidden1", 0)
    >>> params = {"0.weight": torch.ones(1, 1), "1.weight": torch.ones(1, 1)}
    >>> rule = NoisySteps(learning_rate=0.5, batch_size=1)
    >>> generator = torch.Generator().manual_seed(0)
    >>> exponent = collapse_exponent(
    ...     problem, params, zero, rule=rule, steps=100, generator=generator
    ... )
    >>> round(exponent.mean, 6), exponent.verdict()  # log(1 + 2 * 0.5 * 1)
    (0.693147, 'escapes')
    """
    check_range(steps, "the number of steps of a run", least=10)
    problem.architecture.check(params)
    check_spec(SymmetrySpec((invariant.group,)), params)
    check_finite(params, "the network")
    exact = problem.cast(torch.float64)
    theta = cast(params, torch.float64)
    start = invariant.projected(theta)
    _check_invariant(exact, start, invariant)
    names = exact.trainable
    rest = {name: tensor for name, tensor in start.items() if name not in names}
    product = _Product(exact, invariant, rule, rest)
    state = product.start({name: start[name] for name in names}, generator)
    first = math.ceil(UNCOUNTED * steps)
    growth = torch.zeros(RUNS, dtype=torch.float64)
    for step in range(steps):
        shape = (RUNS, rule.batch_size)
        index = torch.randint(len(exact.targets), shape, generator=generator)
        state, logarithm = product.step(state, index)
        if step >= first:
            growth += logarithm
    return CollapseExponent(growth / (steps - first), _length(invariant.normal(theta)))


@dataclass(frozen=True, eq=False)
class _State:
    """Networks on the set, with their velocity, and displacements from it, with theirs."""

    network: dict[str, Tensor]
    velocity: dict[str, Tensor]
    displacement: dict[str, Tensor]
    pull: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class _Product:
    """The product of the random matrices of all runs."""

    problem: Problem
    invariant: InvariantSet
    rule: NoisySteps
    rest: Parameters

    def start(self, network: Parameters, generator: torch.Generator) -> _State:
        """Return displacements of length 1 in random directions, in all runs."""
        zeros = {name: torch.zeros_like(tensor) for name, tensor in network.items()}
        runs = []
        for _ in range(RUNS):
            noise = {}
            for name, tensor in network.items():
                noise[name] = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            normal = self.invariant.normal(noise)
            runs.append(_scaled(normal, 1 / _length(normal)))
        displacement = {name: torch.stack([run[name] for run in runs]) for name in network}
        return _State(_repeated(network), _repeated(zeros), displacement, _repeated(zeros))

    def step(self, state: _State, index: Tensor) -> tuple[_State, Tensor]:
        """Take a step in all runs; return by which logarithms the displacements have grown."""
        beside = vmap(self._beside)(state.network, state.displacement)
        slope, curved = vmap(self._derivatives)(beside, state.displacement, index)
        rule = self.rule
        decayed = _sum(curved, state.displacement, rule.weight_decay)
        pull = _sum(decayed, state.pull, rule.momentum)
        displacement = _sum(state.displacement, pull, -rule.learning_rate)
        memory = (rule.learning_rate * rule.momentum) ** 2
        size = (_squares(displacement) + memory * _squares(pull)).sqrt()
        moved = replace(state, displacement=_divided(displacement, size), pull=_divided(pull, size))
        if rule.moves:
            decayed = _sum(slope, state.network, rule.weight_decay)
            velocity = _sum(decayed, state.velocity, rule.momentum)
            network = _sum(state.network, velocity, -rule.learning_rate)
            moved = replace(moved, network=network, velocity=velocity)
        return moved, size.log()

    def _beside(self, network: Parameters, displacement: Parameters) -> dict[str, Tensor]:
        """Return the network beside the set at which derivatives are taken."""
        length = _squares(network, runs=False).sqrt()
        amplitude = DISPLACEMENT * torch.where(length > 0, length, torch.ones_like(length))
        beside = {}
        for name, tensor in network.items():
            beside[name] = tensor + amplitude * displacement[name]
        return beside

    def _derivatives(
        self, network: Parameters, displacement: Parameters, index: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the gradient along the set, and the Hessian times the displacement."""

        def gradient(weights: Parameters) -> dict[str, Tensor]:
            with twice_differentiable():
                return self.problem.gradient({**self.rest, **weights}, index=index)

        slope, pullback, *_ = vjp(gradient, dict(network))
        (curved,) = pullback(dict(displacement))
        return self.invariant.projected(slope), self.invariant.normal(curved)


def _check_invariant(problem: Problem, params: Parameters, invariant: InvariantSet) -> None:
    """Raise if the gradient leads out of the set, or no step can."""
    trained = set(problem.trainable)
    if not any(leg.tensor in trained for leg in invariant.group.legs):
        raise SymgeomError(
            f"Cannot measure how SGD collapses onto this set of '{invariant.group.name}': all "
            "weights of its units are frozen. Call requires_grad_(True) on them."
        )
    gradient = problem.gradient(params)
    out = _length(invariant.normal(gradient))
    if not out <= ROUNDING * _length(gradient):
        raise SymgeomError(
            f"Cannot measure how SGD collapses onto this set of '{invariant.group.name}': of the "
            f"gradient there, of length {_length(gradient):.3g}, {out:.3g} leads out of it. "
            "Correct the spec, of which some leg must be missing (discover finds them)."
        )


def _repeated(tensors: Parameters) -> dict[str, Tensor]:
    """Return a copy for every run."""
    return {name: torch.stack([tensor] * RUNS) for name, tensor in tensors.items()}


def _scaled(tensors: Parameters, factor: float) -> dict[str, Tensor]:
    return {name: factor * tensor for name, tensor in tensors.items()}


def _sum(first: Parameters, second: Parameters, factor: float) -> dict[str, Tensor]:
    """Return the first vector plus a multiple of the second."""
    return {name: tensor + factor * second[name] for name, tensor in first.items()}


def _divided(tensors: Parameters, size: Tensor) -> dict[str, Tensor]:
    """Return the vectors of all runs divided by one number for each."""
    divided = {}
    for name, tensor in tensors.items():
        divided[name] = tensor / size.reshape(-1, *[1] * (tensor.ndim - 1))
    return divided


def _squares(tensors: Mapping[str, Tensor], *, runs: bool = True) -> Tensor:
    """Return the squared length of a vector, or of the vectors of all runs."""
    total = torch.zeros((), dtype=torch.float64)
    for tensor in tensors.values():
        squares = tensor**2
        total = total + (squares.flatten(1).sum(1) if runs else squares.sum())
    return total


def _length(tensors: Parameters) -> float:
    """Return the length of one vector."""
    return float(_squares(tensors, runs=False).sqrt())
