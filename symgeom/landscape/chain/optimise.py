"""Train the bends of curves between many pairs."""

from collections.abc import Sequence

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.landscape.chain.plan import ChainPlan
from symgeom.landscape.chain.record import Chains
from symgeom.landscape.chain.steps import CurveTraining
from symgeom.landscape.chain.training import Progress, check_generators, train_chains
from symgeom.landscape.path import Curve
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus


@door
def optimise_path(
    problem: Problem,
    chain: Curve,
    *,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
    torus: Torus | None = None,
    progress: Progress | None = None,
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
    >>> plan = ChainPlan(epochs=1)
    >>> chain = PolygonalPath(points)
    >>> optimise_path(problem, chain, plan=plan, generators=[stream("chain")]).largest_error
    tensor([[1., 1.]], dtype=torch.float64)
    """
    if len(chain.points) < 3:
        raise SymgeomError(
            f"Cannot train a chain of {len(chain.points)} points: "
            "give three or more, start, bends and end."
        )
    pairs = len(next(iter(chain.points[0].values())))
    check_generators(pairs, generators, "chains")
    training = CurveTraining.begin(problem, chain, plan=plan, generators=generators, torus=torus)
    return train_chains(problem, training, plan=plan, progress=progress)
