"""How to follow gradient flow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgeom.dynamics.flow.integrators import INTEGRATORS, MIDPOINT, Steps
from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes


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
        check_attributes(self)
        check_choice(self.method, INTEGRATORS, "integrator of gradient flow")
        if not self.times or self.times[0] < 0 or not all(np.diff(self.times) > 0):
            raise SymgeomError(
                f"Cannot record gradient flow at times {self.times}: give increasing ones, from 0 "
                "on."
            )
        if not 0 < self.tolerance < 1:
            raise SymgeomError(
                f"Cannot follow gradient flow with tolerance {self.tolerance}: give a number "
                "between 0 and 1."
            )
        if self.method == MIDPOINT and (self.step is None or not self.step > 0):
            raise SymgeomError(
                f"Cannot follow gradient flow in steps of {self.step}: '{MIDPOINT}' needs a "
                "positive step."
            )

    def steps(self, size: float) -> Steps:
        """Return how the integrator chooses its steps.

        Parameters
        ----------
        size : float
            Of a weight at the start.

        Returns
        -------
        Steps
            With the absolute tolerance that the size gives.
        """
        longest = math.inf if self.step is None else self.step
        return Steps(self.method, self.tolerance, self.tolerance * size, longest)
