"""Chains between pairs of minima, trained a stack at a time: how they begin, and what is kept of them."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from _case import Case
from _elements import Ends
from _geodesic import path_of
from torch import Tensor

from symgeom.ground.types import cast, stack
from symgeom.landscape.binary.chain import optimise_binary_chain
from symgeom.landscape.chain import ChainPlan, Chains, chain_shape, optimise_path
from symgeom.landscape.path import curve_along, polygon_length
from symgeom.landscape.path.curves import CURVES
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus

COLUMNS = {
    "straight_error": ("1", "largest training error along the chain before its bends were trained"),
    "bend_error": ("1", "largest training error along the trained chain"),
    "epochs_needed": (
        "1",
        "epochs until the largest training error was within the threshold (infinite: never)",
    ),
    "steps_needed": ("1", "gradient steps until then (infinite: never)"),
    "length_ratio": (
        "1",
        "length of the chain of the trained points over the distance of its ends",
    ),
    "bend_angle": ("rad", "largest angle by which the chain turns at a bend"),
    "torus_length_ratio": ("1", "the same lengths on the torus (root mean square of angles)"),
    "diverged": ("1", "whether a bend diverged in training: 1 or 0"),
}
PLAN = (
    "points",
    "epochs",
    "evaluate_every",
    "learning_rate",
    "momentum",
    "batch_size",
    "threshold",
)


def trained(
    case: Case,
    torus: Torus,
    problem: Problem,
    ends: Sequence[Ends],
    *,
    options: Mapping,
    generators: Sequence[torch.Generator],
) -> Chains:
    """Train the chains between some pairs, from equidistant points of their geodesics (of binary networks: the mean latents)."""
    plan = ChainPlan(**{name: options[name] for name in PLAN})
    begun = [
        curve_along(path_of(case, torus, pair), kind=options["kind"], bends=options["bends"]).points
        for pair in ends
    ]
    points = [cast(stack(point), problem.inputs.dtype) for point in zip(*begun, strict=True)]
    if case.binary:
        return optimise_binary_chain(problem, points, plan=plan, generators=generators)
    held = torus if options["constraint"] == "torus" else None
    return optimise_path(
        problem, CURVES[options["kind"]](points), plan=plan, generators=generators, torus=held
    )


def measured(case: Case, torus: Torus, found: Chains) -> Iterator[tuple[str, Tensor]]:
    """Yield what is kept of every chain, by the names of the columns."""
    points = [cast(case.signed(point), torch.float64) for point in found.path.points]
    lengths = torch.vmap(lambda *points: polygon_length(points, torus=torus))
    first, last = found.largest_error[:, [0, -1]].T
    shapes, ratio = (
        torch.vmap(chain_shape)(*points),
        lengths(*points) / lengths(points[0], points[-1]),
    )
    needed = found.epochs_needed, found.steps_needed
    yield from zip(COLUMNS, (first, last, *needed, *shapes, ratio, ~found.finite), strict=True)
