"""Train the bends of curves between many pairs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.barriers import profile
from symgeom.landscape.chain.plan import ChainPlan
from symgeom.landscape.chain.record import Chains
from symgeom.landscape.chain.steps import Bends
from symgeom.landscape.path.curves import Curve
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus


def optimise_path(
    problem: Problem,
    chain: Curve,
    *,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
    torus: Torus | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Chains:
    """Train the bends of chains between ``k`` pairs of networks.

    Parameters
    ----------
    problem : Problem
        The training landscape, in the precision of the networks. With ``batch_norm="recompute"``
        mini-batches are normalised by their own statistics, as in training.
    chain : PolygonalPath or BezierPath
        Three points or more (start, initial bends, end), each ``k`` stacked networks. Buffers are
        not trained.
    plan : ChainPlan
        How to train.
    generators : sequence of torch.Generator
        One per pair: order of the samples and values of ``t``.
    torus : Torus, optional
        Put the bends back on this torus after every step; unconstrained by default.
    progress : callable, optional
        Called after every epoch with the epoch, the number of epochs, and a text.

    Returns
    -------
    Chains
        The trained chains, and how hard they were to find.

    Raises
    ------
    SymgeomError
        If the chain has no bend, or the generators are not one per pair.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import PolygonalPath
    >>> from symgeom.ground.randomness import stream
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> points = [{"weight": torch.tensor([[[w], [-w]]])} for w in (-2.0, 2.0, -2.0)]
    >>> chains = optimise_path(problem, PolygonalPath(points), plan=ChainPlan(epochs=1), generators=[stream("chain", 0)])
    >>> chains.largest_error
    tensor([[1., 1.]], dtype=torch.float64)
    """
    if len(chain.points) < 3:
        raise SymgeomError(
            f"Cannot train a chain of {len(chain.points)} points: give three or more, start, bends and end."
        )
    pairs = len(next(iter(chain.points[0].values())))
    if len(generators) != pairs:
        raise SymgeomError(
            f"Cannot train {pairs} chains with {len(generators)} generators: give one for each pair."
        )
    start, *inner, end = chain.points
    inner = [{name: tensor.detach().clone() for name, tensor in point.items()} for point in inner]
    path = replace(chain, points=(start, *inner, end))  # its bends are trained in place
    bends, seen = (
        Bends.of(problem, path, torus, momentum=plan.momentum),
        _evaluated(problem, plan.evaluation_samples),
    )
    grid = torch.linspace(0, 1, plan.points, dtype=torch.float64)
    steps = -(-len(problem.targets) // plan.batch_size)
    epochs, errors = [], []
    for epoch in range(plan.epochs + 1):
        if epoch > 0:
            progressed = ((epoch - 1 + step / steps) / plan.epochs for step in range(steps))
            rates = [plan.learning_rate * (1 + math.cos(math.pi * done)) / 2 for done in progressed]
            bends.train_epoch(rates, plan.batch_size, generators)
        if epoch % plan.evaluate_every == 0 or epoch == plan.epochs:
            epochs.append(epoch)
            errors.append(profile(seen, path, grid, values="error").error)
        if progress and epoch > 0:
            connected = int((errors[-1].amax(-1) <= plan.limit(errors[0])).sum())
            progress(epoch, plan.epochs, f"{connected} of {pairs} chains connected")
    largest_error, epoch = torch.stack(errors, dim=1).amax(-1), torch.tensor(epochs)
    needed = torch.where(
        largest_error <= plan.limit(errors[0]).unsqueeze(1), epoch.to(largest_error), math.inf
    ).amin(1)
    return Chains(
        path, epoch, largest_error, needed, needed * steps, _finite(inner), problem.batch_norm
    )


def _evaluated(problem: Problem, samples: int | None) -> Problem:
    few = samples is not None and samples < len(problem.targets)
    return problem.subset(torch.arange(samples, device=problem.inputs.device)) if few else problem


def _finite(points: list[dict[str, Tensor]]) -> Tensor:
    """Whether all numbers of each pair's networks are finite."""
    tensors = (tensor for point in points for tensor in point.values())
    return torch.stack(
        [tensor.reshape(len(tensor), -1).isfinite().all(1) for tensor in tensors]
    ).all(0)
