r"""Gradient flow, :math:`\dot\theta = -\nabla L(\theta)`, in double precision, and its charges.

On a smooth network, followed by an adaptive method, the sum of the charges drifts by less than the
tolerance, and more drift says that a charge is wrong, not the integrator. The implicit midpoint
rule keeps every charge up to rounding, whatever its step :math:`h` is, because the charges are
quadratic: at the midpoint :math:`\bar\theta`

.. math:: Q' - Q = 2\langle\bar\theta, M(\theta' - \theta)\rangle
                 = -2h\langle\bar\theta, M\nabla L(\bar\theta)\rangle = 0 .

:mod:`symgeom.dynamics.flow.integrators` describes the methods.

References
----------
Zhao et al. (2210.17216), section 4 (the charges).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from symgeom.dynamics.charge import charges
from symgeom.dynamics.flow.integrators import FlowEndedError, VectorField, follow
from symgeom.dynamics.flow.plan import FlowPlan
from symgeom.ground.checks import check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, detached, ravel, stack, unravel
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing_bound
from symgeom.symmetry.spec import SymmetrySpec


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


@door
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
    >>> def half_square(outputs, targets):
    ...     return outputs[:, 0] ** 2 / 2
    >>> module = nn.Linear(1, 1, bias=False)
    >>> problem = Problem(module, torch.ones(1, 1), torch.zeros(1), half_square)
    >>> flow = gradient_flow(problem, {"weight": torch.ones(1, 1)}, FlowPlan((0, 1.0)))
    >>> flow.status, round(float(flow.parameters["weight"][1, 0, 0]), 8)  # exp(-1)
    ('reached', 0.36787944)
    """
    problem.architecture.check(params)
    check_finite(params, "the start of gradient flow")
    problem = problem.cast(torch.float64)
    params = detached(cast(params, torch.float64))
    weights = {name: params[name] for name in problem.trainable}

    def network(flat: np.ndarray) -> dict[str, Tensor]:
        return {**params, **unravel(torch.from_numpy(flat), weights)}

    def downhill(flat: np.ndarray) -> np.ndarray:
        gradient = problem.gradient(network(flat))
        return -ravel({name: gradient[name] for name in weights}).numpy()

    field = VectorField(downhill, limit=plan.evaluations)
    start = ravel(weights).numpy()
    points, status = _points(field, start, plan)
    networks = [network(point) for point in (start, *points)]
    charge, charge_error = _charges_along(spec, networks)
    losses = torch.stack([problem.loss(point) for point in networks])
    return Flow(
        time=torch.tensor(plan.times[: len(points)], dtype=torch.float64),
        parameters={name: tensor[1:] for name, tensor in stack(networks).items()},
        loss=losses[1:],
        charge={name: values[1:] for name, values in charge.items()},
        charge_error=charge_error,
        evaluations=field.count,
        unsolved=field.unsolved,
        status=status,
    )


def _points(field: VectorField, start: np.ndarray, plan: FlowPlan) -> tuple[list[np.ndarray], str]:
    """Return the flow at the times that it reached, and its status."""
    steps = plan.steps(_root_mean_square(start))
    points: list[np.ndarray] = []
    point = start
    now = 0.0
    for time in plan.times:
        try:
            if time > now:
                point = follow(field, point, now, time, steps=steps)
        except FlowEndedError as reason:
            return points, str(reason)
        now = time
        points.append(point)
    return points, "reached"


def _root_mean_square(weights: np.ndarray) -> float:
    """Return the size of the weights, or 1 if all are zero."""
    return float(np.sqrt(np.mean(weights**2))) or 1.0


def _charges_along(
    spec: SymmetrySpec | None, networks: list[dict[str, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Return the charges of networks, and how much they change from those of the first."""
    if spec is None:
        return {}, {}
    along = stack([charges(spec, network) for network in networks])
    bounds = pairing_bound(spec.exact(), networks[0], networks[0])
    errors = {}
    for name, values in along.items():
        change = (values - values[0]).abs().max()
        errors[name] = float(change / bounds[name].max())
    return along, errors
