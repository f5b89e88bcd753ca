r"""Gradient flow, :math:`\dot\theta = -\nabla L(\theta)`, on all data in double precision, and how well its charges are kept.

``RK45`` and ``DOP853`` (explicit Runge-Kutta pairs of order 5 and 8, scipy) adapt their steps to a
tolerance: on a smooth network the sum of the charges then drifts by less than it, and more drift
says that a charge is wrong, not the integrator. Where a ReLU has its kink the order is lost and the
steps shrink.

``implicit_midpoint`` takes steps :math:`h` of its own,

.. math:: \theta' = \theta - h\,\nabla L\!\left(\tfrac12(\theta + \theta')\right),

and keeps every charge up to rounding whatever :math:`h` is, because the charges are quadratic:
:math:`Q' - Q = 2\langle\bar\theta, M(\theta' - \theta)\rangle = -2h\langle\bar\theta, M\nabla
L(\bar\theta)\rangle = 0` at the midpoint :math:`\bar\theta`. The equation is solved by iteration;
across a kink it may have no solution, and the steps at which the iteration did not settle are
counted.

References
----------
Hairer, Lubich, Wanner, "Geometric numerical integration", section IV.2 (quadratic invariants); Zhao
et al. (2210.17216), section 4 (the charges).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import DOP853, RK45
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.ground.checks import SymgeomError, check_choice, check_finite
from symgeom.ground.types import Parameters, cast, ravel, stack, unravel
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing_bound
from symgeom.symmetry.spec import SymmetrySpec

ADAPTIVE = {"RK45": RK45, "DOP853": DOP853}

LEAST = 1e-13
"""Smallest relative tolerance: scipy warns of less than a hundred units of the last place."""

SETTLED = 1e-15
"""An iteration of the implicit midpoint rule ends when no weight moves by more than this, of the largest weight."""

ITERATIONS = 200
"""Most iterations of one step of the implicit midpoint rule."""


@dataclass(frozen=True)
class FlowPlan:
    """How to follow gradient flow.

    Attributes
    ----------
    times : sequence of float
        When to record it, increasing; the flow starts at time 0, which may be the first of them.
    method : {"DOP853", "RK45", "implicit_midpoint"}
        The integrator.
    tolerance : float
        Of the adaptive methods: local error of a weight in a step, of its size or of the root mean
        square weight at the start.
    step : float or None
        Of the implicit midpoint rule: its longest step.
    evaluations : int
        Gradients after which to give up; what was recorded until then is kept.

    Examples
    --------
    >>> FlowPlan(times=(0, 10.0), method="RK45", tolerance=1e-6).times
    (0, 10.0)
    """

    times: Sequence[float]
    method: str = "DOP853"
    tolerance: float = 1e-9
    step: float | None = None
    evaluations: int = 1_000_000

    def __post_init__(self) -> None:
        check_choice(self.method, (*ADAPTIVE, "implicit_midpoint"), "integrator of gradient flow")
        if not self.times or self.times[0] < 0 or not all(np.diff(self.times) > 0):
            raise SymgeomError(
                f"Cannot record gradient flow at times {self.times}: give increasing ones, from 0 on."
            )
        if not 0 < self.tolerance < 1:
            raise SymgeomError(
                f"Cannot follow gradient flow with tolerance {self.tolerance}: give a number between 0 and 1."
            )
        if self.method == "implicit_midpoint" and not (self.step and self.step > 0):
            raise SymgeomError(
                f"Cannot follow gradient flow in steps of {self.step}: 'implicit_midpoint' needs a positive step."
            )


@dataclass(frozen=True, eq=False)
class Flow:
    """Gradient flow as far as it was followed.

    Attributes
    ----------
    time : Tensor of float64, shape (point,)
        The plan's times that were reached.
    parameters : dict of str to Tensor, shape (point, ...)
        The network there, in float64.
    loss : Tensor of float64, shape (point,)
        Over all data.
    charge : dict of str to Tensor, shape (point, size) or (point, size, size)
        Its charges; empty without a spec.
    charge_error : dict of str to float
        Largest change of a charge of each group, of the sum of squared lengths that it is the
        difference of at the start (largest in the group).
    evaluations : int
        Gradients computed.
    unsolved : int
        Steps of the implicit midpoint rule that did not settle.
    status : {"reached", "evaluation limit", "not finite", "step too small"}
        Whether the last time was reached, or what ended the flow before.
    """

    time: Tensor
    parameters: dict[str, Tensor]
    loss: Tensor
    charge: dict[str, Tensor]
    charge_error: dict[str, float]
    evaluations: int
    unsolved: int
    status: str


def gradient_flow(
    problem: Problem, params: Parameters, plan: FlowPlan, *, spec: SymmetrySpec | None = None
) -> Flow:
    """Follow gradient flow from a network.

    Parameters
    ----------
    problem : Problem
        The landscape; evaluated in float64.
    params : Parameters
        Where the flow starts.
    plan : FlowPlan
        How to follow it.
    spec : SymmetrySpec or None
        Compute the charges of this spec along the way.

    Returns
    -------
    Flow
        What was recorded; ``status`` says if it ended early.

    Raises
    ------
    SymgeomError
        If the network is not finite at the start, or does not belong to the spec.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 1, bias=False), torch.ones(1, 1), torch.zeros(1), lambda y, _: y[:, 0] ** 2 / 2)
    >>> flow = gradient_flow(problem, {"weight": torch.ones(1, 1)}, FlowPlan((0, 1.0)))
    >>> flow.status, round(float(flow.parameters["weight"][1, 0, 0]), 8)  # exp(-1)
    ('reached', 0.36787944)
    """
    check_finite(params, "the start of gradient flow")
    problem, params = problem.cast(torch.float64), cast(params, torch.float64)
    weights = {name: params[name] for name, _ in problem.module.named_parameters()}

    def network(flat: np.ndarray) -> dict[str, Tensor]:
        return {**params, **unravel(torch.from_numpy(flat), weights)}

    def slope(flat: np.ndarray) -> np.ndarray:
        gradient = problem.gradient(network(flat))
        return -ravel({name: gradient[name] for name in weights}).numpy()

    start = ravel(weights).numpy()
    field = _Field(slope, plan.evaluations, float(np.sqrt(np.mean(start**2))) or 1.0)
    at, now, points, status = start, 0.0, [network(start)], "reached"
    advance = _midpoint if plan.method == "implicit_midpoint" else _adaptive
    for time in plan.times:
        try:
            at = advance(field, at, (now, time), plan) if time > now else at
        except _EndedError as why:
            status = str(why)
            break
        now = time
        points.append(network(at))
    time = torch.tensor(plan.times[: len(points) - 1], dtype=torch.float64)
    stacked = {name: tensor[1:] for name, tensor in stack(points).items()}
    losses = torch.stack([problem.loss(point) for point in points])[1:]
    found = {} if spec is None else stack([charges(spec, point) for point in points])
    bounds = {} if spec is None else pairing_bound(spec.exact(), points[0], points[0])
    error = {
        name: float((charge - charge[0]).abs().max() / bounds[name].max())
        for name, charge in found.items()
    }
    kept = {name: charge[1:] for name, charge in found.items()}
    return Flow(time, stacked, losses, kept, error, field.count, field.unsolved, status)


class _EndedError(Exception):
    """The flow cannot be followed further; the text is the status."""


class _Field:
    """Minus the gradient, counted and watched; ``size`` is that of the weights at the start."""

    def __init__(self, slope: Callable[[np.ndarray], np.ndarray], limit: int, size: float) -> None:
        self._slope, self._limit, self.size, self.count, self.unsolved = slope, limit, size, 0, 0

    def __call__(self, _: float, flat: np.ndarray) -> np.ndarray:
        if self.count == self._limit:
            raise _EndedError("evaluation limit")
        self.count += 1
        value = self._slope(flat)
        if not np.isfinite(value).all():
            raise _EndedError("not finite")
        return value


def _adaptive(
    field: _Field, at: np.ndarray, span: tuple[float, float], plan: FlowPlan
) -> np.ndarray:
    """Follow the flow over a span of time with steps that scipy chooses."""
    absolute = plan.tolerance * field.size
    solver = ADAPTIVE[plan.method](
        field, span[0], at, span[1], rtol=max(plan.tolerance, LEAST), atol=absolute
    )
    while solver.status == "running":
        solver.step()
    if solver.status == "failed":
        raise _EndedError("step too small")
    return solver.y


def _midpoint(
    field: _Field, at: np.ndarray, span: tuple[float, float], plan: FlowPlan
) -> np.ndarray:
    """Follow the flow over a span of time with equal steps of the implicit midpoint rule."""
    steps = int(np.ceil((span[1] - span[0]) / plan.step))
    half = (span[1] - span[0]) / steps / 2
    for _ in range(steps):
        middle, settled = at + half * field(0.0, at), False
        for _ in range(ITERATIONS):
            before, middle = middle, at + half * field(0.0, middle)
            settled = np.abs(middle - before).max() <= SETTLED * np.abs(at).max()
            if settled:
                break
        field.unsolved += not settled
        at = 2 * middle - at
    return at
