"""The escape angle: how far every unit can turn at random before samples are lost.

All units turn at once, each along a random great circle of its sphere
(:mod:`symgeom.landscape.flatness.circles`). The escape angle of one direction is the smallest angle
at which the training error is at least a given *rise* above that of the network. It is sought on a
grid of :data:`STEPS` points up to a quarter turn, where nothing of the network is left, and then by
:data:`HALVINGS` bisections: at what is returned the error has risen, and a rise that is gone again
within a step of the grid is overlooked.

Barriers and local energies end at the error of guessing, and a lower one may be due to a higher
error of the network itself. An angle has no such ceiling: all networks are followed to the same
rise. A direction along which the error never rises so counts with the quarter turn, a lower bound;
how many there are is part of the record. To leave them out would leave out the flattest.

No rescaling and no permutation of units changes it (permutations: not its distribution), because it
is taken on the canonical representative. Geometry is in float64; networks are evaluated in the
precision of the problem.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.circles import GreatCircles
from symgeom.landscape.flatness.local_energies import check_draws
from symgeom.landscape.flatness.parts import all_finite
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.quotient.torus import Torus

QUARTER_TURN = math.pi / 2
STEPS = 8
"""Points of the grid up to a quarter turn on which the first rise is sought."""

HALVINGS = 6
"""Bisections of a step of the grid: angles are good to 0.0031 rad."""

ROUNDING = 1e-9
"""A rise may fall short by this: errors are multiples of one over the number of samples."""

Turned = Callable[[float], dict[str, Tensor]]
"""From an angle to the network at this angle along one direction."""


@dataclass(frozen=True, eq=False)
class Escape:
    """The escape angles of one network; NaN if it diverged.

    Attributes
    ----------
    angle : Tensor, shape (draw,)
        Radians, in float64; a quarter turn along directions on which the error never rises so.
    reached : Tensor of bool, shape (draw,)
        Whether it does.
    rise : float
        How far the error rises, as a fraction of the samples.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    angle: Tensor
    reached: Tensor
    rise: float
    batch_norm: str | None

    @property
    def mean(self) -> Tensor:
        """Mean over the directions; a lower bound where some were not reached."""
        return self.angle.mean()

    @property
    def share_reached(self) -> Tensor:
        """Share of the directions along which the error rises so far; NaN if it diverged."""
        share = self.reached.to(torch.float64).mean()
        return torch.where(self.angle.isnan().any(), torch.nan, share)

    @property
    def standard_error(self) -> Tensor:
        """Standard error of the mean."""
        return self.angle.std() / len(self.angle) ** 0.5


@torch.no_grad()
@door
def escape_angle(
    problem: Problem,
    params: Parameters,
    *,
    torus: Torus,
    draws: int,
    generator: torch.Generator,
    rise: float = 0.05,
) -> Escape:
    """Measure how far the units of a network can turn before its error has risen.

    Parameters
    ----------
    problem : Problem
        The landscape. Evaluation is in its precision.
    params : Parameters
        One network in the precision of the problem, canonical or not.
    torus : Torus
        The architecture and its spheres.
    draws : int
        Random directions, at least 2.
    generator : torch.Generator
        The source of the directions.
    rise : float
        How far the error is to rise, as a fraction of the samples.

    Returns
    -------
    Escape
        The angle of each direction.

    Raises
    ------
    SymgeomError
        If there are fewer than two draws, or the rise is no share of the samples.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> head = UnitGroup("head", 1, (Leg("weight", 0, block=2),), permute=False, exact_for="error")
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[0.0], [1.0]])}  # 45 degrees from the diagonal
    >>> options = {"draws": 8, "generator": torch.Generator().manual_seed(0)}
    >>> escape = escape_angle(problem, network, torus=Torus(SymmetrySpec((head,))), **options)
    >>> [round(angle, 2) for angle in sorted(set(escape.angle.tolist()))]
    [0.79, 1.57]
    """
    check_draws(draws, what="an escape angle")
    if not 0 < rise <= 1:
        raise SymgeomError(
            f"Cannot follow the error to a rise of {rise:.6g}: give a share of the samples, above "
            "0 and at most 1."
        )
    angle = torch.full((draws,), torch.nan, dtype=torch.float64)
    reached = torch.zeros(draws, dtype=torch.bool)
    if not all_finite(params):
        return Escape(angle, reached, rise, problem.batch_norm)
    fast = laid_out(problem)
    circles = GreatCircles.around(problem, params, torus)
    before = _error(fast, circles.params)
    if not math.isnan(before):
        for row in range(draws):
            turned = partial(circles.turned, circles.direction(generator))
            first = _first_rise(fast, turned, before + rise - ROUNDING)
            reached[row] = first is not None
            angle[row] = QUARTER_TURN if first is None else first
    return Escape(angle, reached, rise, problem.batch_norm)


def _first_rise(problem: Problem, turned: Turned, threshold: float) -> float | None:
    """Return the first angle at which the error is no longer below a threshold, if there is one."""

    def has_risen(angle: float) -> bool:
        return not _error(problem, turned(angle)) < threshold  # a network without a class has none

    low = 0.0
    for step in range(1, STEPS + 1):
        high = QUARTER_TURN * step / STEPS
        if has_risen(high):
            break
        low = high
    else:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if has_risen(middle):
            high = middle
        else:
            low = middle
    return high


def _error(problem: Problem, network: Parameters) -> float:
    """Return the error; NaN of a network that predicts no class."""
    outputs = problem.outputs(network)
    if outputs.isnan().any():
        return math.nan
    return float(problem.error_of(outputs))
