r"""Teleportation: move a network along its orbit, to where an objective is best.

All networks of the linear orbit have one function (positive scales of units, matrices that mix
units), and those of the data-dependent orbit of a batch have the same outputs on that batch. Their
gradients, curvatures and futures differ. The search stays within a bound that the caller gives,
because it decides the answer wherever the objective has no best point: the gradient grows without
end along an orbit. Whether the bound was reached is part of the result.

References
----------
Zhao et al., "Symmetry teleportation for accelerated optimization" (2205.10637) and "Improving
convergence and generalization using parameter symmetries" (2305.13404). Differs from the sources:
the search is a quasi-Newton one in logarithms of scales, with a bound; the inverse of the action is
exact (they use its first order); what the search costs is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import check_choice, check_finite, check_range
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, detached, precision
from symgeom.landscape.problem import Problem
from symgeom.neighbours.teleportation.batch_orbit import BatchOrbit
from symgeom.neighbours.teleportation.catalogue import OBJECTIVES
from symgeom.neighbours.teleportation.linear_orbit import LinearOrbit
from symgeom.neighbours.teleportation.orbit import Orbit
from symgeom.neighbours.teleportation.search import search
from symgeom.symmetry.spec import SymmetrySpec, check_spec

EVALUATIONS = 200
"""Most measurements of an objective."""

LARGEST = 10.0
"""Largest bound: scales of e^10, by which weights of one unit differ by e^20."""


@dataclass(frozen=True, eq=False)
class Teleportation:
    """A network that was moved along its orbit, and how the search went.

    Attributes
    ----------
    params : dict of str to Tensor
        The moved network, in the precision of the one that was given.
    elements : mapping of str to Tensor, shape (size,) or (size, size)
        What moved it: for each group scales or a matrix, in float64.
    objective : str
        What the search was for.
    before, after : float
        What the objective measures at the network as it was, and as it is now.
    bound : float
        Largest coordinate that was allowed.
    at_bound : int
        How many coordinates have reached it.
    dimension : int
        How many there are.
    converged : bool
        Whether the search came to its end within its evaluations.
    change : float
        Largest change of an output, of the largest output: on all samples, or on the batch.
    held_out : float
        Change of the outputs on samples outside the batch, over their size; NaN on the linear
        orbit, and if there are none.
    gradients, products : int
        Passes over the data: gradients of the loss, and products with the Hessian (about two
        gradients).
    """

    params: dict[str, Tensor]
    elements: Mapping[str, Tensor]
    objective: str
    before: float
    after: float
    bound: float
    at_bound: int
    dimension: int
    converged: bool
    change: float
    held_out: float
    gradients: int
    products: int

    @property
    def verdict(self) -> str:
        """How the search ended: "inside", "at the bound" or "unfinished"."""
        if not self.converged:
            return "unfinished"
        return "at the bound" if self.at_bound else "inside"


@door
def teleport(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    objective: str,
    *,
    bound: float,
    index: Tensor | None = None,
) -> Teleportation:
    """Move a network along its orbit to where an objective is best.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; groups all of whose weights train are moved.
    problem : Problem
        The landscape.
    params : Parameters
        One network; not modified.
    objective : {"steepest", "flattest", "straightest"}
        The largest gradient, the smallest trace of the Gauss-Newton matrix, or the smallest
        curvature along the gradient.
    bound : float
        Largest logarithm of a scale; for a matrix that mixes ``size`` units the largest entry of
        its logarithm, times ``size``, so that it scales nothing by more than ``exp(bound)``. At
        most 10. There is no steepest point without a bound, and the answer depends on it.
    index : Tensor of int64 or bool, shape (sample,), optional
        The samples of a batch, not more than layers have units. The search is then on the
        data-dependent orbit of this batch: any matrix mixes the units of a layer, and outputs stay
        on the batch only. The objective is that of the batch.

    Returns
    -------
    Teleportation
        The network, and how the search went. The point is the best of its neighbourhood within the
        bound; for "flattest" on scales, whose objective is convex, the best of all.

    Raises
    ------
    SymgeomError
        If the objective is not known, the bound is out of range, the spec does not fit, no group
        moves, a weight is not finite, the flattest point is asked for with a loss other than the
        cross entropy, or the data-dependent action refuses the batch.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 2, bias=False))
    >>> problem = Problem(net, torch.tensor([[1.0]]), torch.tensor([0]))
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, legs),))
    >>> params = {"0.weight": torch.ones(1, 1), "2.weight": torch.tensor([[2.0], [1.0]])}
    >>> there = teleport(spec, problem, params, "steepest", bound=1.0)
    >>> there.verdict, there.gradients
    ('at the bound', 1)
    """
    check_choice(objective, OBJECTIVES, "objective of teleportation")
    check_range(bound, "the bound of teleportation", least=0, most=LARGEST)
    check_spec(spec, params)
    check_finite(params, "the network to teleport", masks=spec.constants)
    exact = problem.cast(torch.float64)
    theta = cast(detached(params), torch.float64)
    orbit = _orbit(spec, exact, theta, index)
    with torch.enable_grad():
        best = search(orbit, OBJECTIVES[objective], bound=bound, evaluations=EVALUATIONS)
    elements = orbit.elements(best.coordinates)
    moved = orbit.network(elements)
    return Teleportation(
        params=cast(moved, precision(params)),
        elements=elements,
        objective=objective,
        before=best.before,
        after=best.after,
        bound=bound,
        at_bound=best.at_bound,
        dimension=orbit.dimension,
        converged=best.converged,
        change=_change(orbit.problem.outputs(theta), orbit.problem.outputs(moved)),
        held_out=orbit.held_out(elements),
        gradients=orbit.spent.gradients,
        products=orbit.spent.products,
    )


def _orbit(spec: SymmetrySpec, problem: Problem, params: Parameters, index: Tensor | None) -> Orbit:
    """Return the linear orbit, or the data-dependent one of a batch."""
    if index is None:
        return LinearOrbit(spec, problem, params)
    return BatchOrbit(spec, problem, params, index)


def _change(before: Tensor, after: Tensor) -> float:
    """Return the largest change of an output, of the largest output; zero if all are zero."""
    largest = before.abs().max()
    change = (after - before).abs().max()
    return float(change / largest) if float(largest) else float(change)
