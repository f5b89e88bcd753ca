r"""Integrators of an autonomous flow, :math:`\dot\theta = v(\theta)`.

``RK45`` and ``DOP853`` (explicit Runge-Kutta pairs of order 5 and 8, scipy) adapt their steps to a
tolerance. Where a ReLU has its kink the order is lost and the steps shrink.

``implicit_midpoint`` takes steps :math:`h` of its own,

.. math:: \theta' = \theta + h\,v\!\left(\tfrac12(\theta + \theta')\right),

and keeps every quadratic quantity that the flow keeps, up to rounding, whatever :math:`h` is. The
equation is solved by iteration; across a kink it may have no solution, and the steps at which the
iteration did not settle are counted.

References
----------
Hairer, Lubich, Wanner, "Geometric numerical integration", section IV.2 (quadratic invariants).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import DOP853, RK45

LEAST = 1e-13
"""Smallest relative tolerance: scipy warns of less than a hundred units of the last place."""

SETTLED = 1e-15
"""An iteration of the implicit midpoint rule ends when no weight moves by more, of the largest."""

ITERATIONS = 200
"""Most iterations of one step of the implicit midpoint rule."""

ADAPTIVE = {"RK45": RK45, "DOP853": DOP853}
MIDPOINT = "implicit_midpoint"
INTEGRATORS = (*ADAPTIVE, MIDPOINT)


class FlowEndedError(Exception):
    """The flow cannot be followed further; the text is the status."""


class VectorField:
    """A velocity that is counted and watched.

    Parameters
    ----------
    velocity : callable
        The field.
    limit : int
        Evaluations after which the flow ends.

    Attributes
    ----------
    count : int
        Evaluations so far.
    unsolved : int
        Steps of the implicit midpoint rule that did not settle.
    """

    def __init__(self, velocity: Callable[[np.ndarray], np.ndarray], *, limit: int) -> None:
        self._velocity = velocity
        self._limit = limit
        self.count = 0
        self.unsolved = 0

    def __call__(self, time: float, point: np.ndarray) -> np.ndarray:
        """Evaluate the field, which does not depend on time."""
        if self.count == self._limit:
            raise FlowEndedError("evaluation limit")
        self.count += 1
        velocity = self._velocity(point)
        if not np.isfinite(velocity).all():
            raise FlowEndedError("not finite")
        return velocity


@dataclass(frozen=True)
class Steps:
    """How an integrator chooses its steps.

    Attributes
    ----------
    method : str
        One of ``INTEGRATORS``.
    tolerance : float
        Of the adaptive methods: relative error of a step.
    absolute : float
        Of the adaptive methods: absolute error of a step.
    longest : float
        Of the implicit midpoint rule: its longest step.
    """

    method: str
    tolerance: float
    absolute: float
    longest: float = math.inf


def follow(
    field: VectorField, point: np.ndarray, start: float, end: float, *, steps: Steps
) -> np.ndarray:
    """Follow a field over a span of time.

    Parameters
    ----------
    field : VectorField
        The velocity.
    point : array, shape (weight,)
        Where the flow is at ``start``.
    start, end : float
        The span.
    steps : Steps
        How to choose the steps.

    Returns
    -------
    array, shape (weight,)
        Where the flow is at ``end``.

    Raises
    ------
    FlowEndedError
        If the flow cannot be followed to the end.

    Examples
    --------
    >>> decay = VectorField(lambda point: -point, limit=1000)
    >>> steps = Steps("RK45", tolerance=1e-9, absolute=1e-9)
    >>> follow(decay, np.ones(1), 0.0, 1.0, steps=steps).round(8)  # exp(-1)
    array([0.36787944])
    """
    if steps.method == MIDPOINT:
        return _with_midpoints(field, point, start, end, steps)
    return _adaptively(field, point, start, end, steps)


def _adaptively(
    field: VectorField, point: np.ndarray, start: float, end: float, steps: Steps
) -> np.ndarray:
    """Follow a field with steps that scipy chooses."""
    relative = max(steps.tolerance, LEAST)
    integrator = ADAPTIVE[steps.method]
    solver = integrator(field, start, point, end, rtol=relative, atol=steps.absolute)
    while solver.status == "running":
        solver.step()
    if solver.status == "failed":
        raise FlowEndedError("step too small")
    return solver.y


def _with_midpoints(
    field: VectorField, point: np.ndarray, start: float, end: float, steps: Steps
) -> np.ndarray:
    """Follow a field with equal steps of the implicit midpoint rule."""
    count = int(np.ceil((end - start) / steps.longest))
    half = (end - start) / count / 2
    for _ in range(count):
        middle = _midpoint(field, point, half)
        point = 2 * middle - point
    return point


def _midpoint(field: VectorField, point: np.ndarray, half: float) -> np.ndarray:
    """Return the middle of one step of the implicit midpoint rule, of half length ``half``."""
    middle = point + half * field(0.0, point)
    for _ in range(ITERATIONS):
        before = middle
        middle = point + half * field(0.0, before)
        if np.abs(middle - before).max() <= SETTLED * np.abs(point).max():
            return middle
    field.unsolved += 1
    return middle
