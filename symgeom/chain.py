r"""One-bend polygonal chains between minima, found by training the bend.

The ends :math:`\theta_1, \theta_2` of a chain :math:`\theta_1 \to m \to \theta_2` stay fixed; the bend :math:`m` minimises the
mean loss along the chain,

.. math:: \min_m\; \mathbb E_{t\sim U[0,1]}\, L\big(\phi_m(t)\big), \qquad \nabla_m = w(t)\,\nabla L(\phi_m(t)),

where :math:`w(t) = 1 - |2t - 1|` is the weight of the bend in :math:`\phi_m(t)`. Each mini-batch draws one ``t``. The optimizer
is SGD with momentum and a cosine learning rate to zero, without weight decay. All pairs are trained at once, on stacked
parameters; every pair has its own generator, so that its result is bit for bit the same whatever pairs it is trained with.

That a chain exists is nearly generic in overparameterised networks; how hard it was to find is the measure: the record keeps the
largest training error along the chain as training goes on, and the epoch at which it came down to a threshold.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026), section 3: the connection procedure
and the polygonal chain. Differs from the source: no weight decay along the curve, and a cosine learning rate in place of the
piecewise linear one. Pittorino et al., "Deep networks on toroids" (2202.03038): chains between aligned, standardised minima.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.barrier import profile
from symgeom.checks import SymgeomError
from symgeom.path import PolygonalPath, polygonal_weights
from symgeom.problem import Problem
from symgeom.sphere import angle
from symgeom.types import Parameters, ravel


@dataclass(frozen=True)
class ChainPlan:
    """How the bends of chains are trained.

    Attributes
    ----------
    epochs : int
        Passes over the data; every pair takes all of them.
    batch_size : int
        Samples per mini-batch; the last one of an epoch holds what is left.
    learning_rate : float
        Initial learning rate; it follows half a cosine to zero.
    momentum : float
        Momentum of SGD.
    evaluate_every : int
        Epochs between two evaluations of the training error along the chain; the first is before training, the last at its end.
    points : int
        Points of the equidistant grid in ``t``, ends included, on which it is evaluated.
    threshold : float
        Largest training error along a chain that counts as connected.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 0.05
    momentum: float = 0.9
    evaluate_every: int = 5
    points: int = 13
    threshold: float = 0.001

    def __post_init__(self) -> None:
        lowest = {
            "epochs": 1,
            "batch_size": 1,
            "learning_rate": 0,
            "momentum": 0,
            "evaluate_every": 1,
            "points": 3,
            "threshold": 0,
        }
        for name, least in lowest.items():
            if not getattr(self, name) >= least:
                raise SymgeomError(f"Cannot train a chain with {name} = {getattr(self, name)}: it must be at least {least}.")


@dataclass(frozen=True, eq=False)
class Chains:
    """Trained chains of ``k`` pairs. A pair whose bend diverged keeps its place: NaN errors, ``finite`` false.

    Attributes
    ----------
    path : PolygonalPath
        Start, bend and end of every pair, stacked.
    epoch : Tensor of int64, shape (evaluation,)
        Epochs of training before each evaluation, from 0 to the last.
    largest_error : Tensor, shape (pair, evaluation)
        Largest training error on the grid along the chain.
    epochs_needed : Tensor, shape (pair,)
        Epoch of the first evaluation whose largest error is within the threshold; infinite where there is none.
    finite : Tensor of bool, shape (pair,)
        Whether the bend stayed finite.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    path: PolygonalPath
    epoch: Tensor
    largest_error: Tensor
    epochs_needed: Tensor
    finite: Tensor
    batch_norm: str | None


class ChainShape(NamedTuple):
    """Length of a one-bend chain over the distance of its ends, and the angle by which it turns at the bend (radians)."""

    length_ratio: Tensor
    angle: Tensor


def chain_shape(start: Parameters, middle: Parameters, end: Parameters) -> ChainShape:
    """Measure how far a one-bend chain departs from the straight line, in the Euclidean metric of all floating-point tensors.

    Parameters
    ----------
    start, middle, end : Parameters
        The points of one chain. Use ``torch.vmap`` for stacked pairs.

    Returns
    -------
    ChainShape
        ``(|m - a| + |b - m|) / |b - a|``, at least 1, and the angle between ``m - a`` and ``b - m``: 0 on the straight line,
        pi where the chain turns back. In float64.

    Examples
    --------
    >>> corner = [{"w": torch.tensor(point)} for point in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])]
    >>> [round(float(x), 4) for x in chain_shape(*corner)]
    [1.4142, 1.5708]
    """
    a, m, b = (
        ravel({name: tensor.double() for name, tensor in point.items() if tensor.is_floating_point()})
        for point in (start, middle, end)
    )
    first, second, chord = (torch.linalg.vector_norm(x) for x in (m - a, b - m, b - a))
    return ChainShape((first + second) / chord, angle(m - a, b - m))


def optimise_path(
    problem: Problem,
    chain: PolygonalPath,
    *,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
    progress: Callable[[int, int, str], None] | None = None,
) -> Chains:
    """Train the bends of one-bend chains between ``k`` pairs of networks.

    Parameters
    ----------
    problem : Problem
        The training landscape, in the precision of the networks. With ``batch_norm="recompute"`` mini-batches are normalised by
        their own statistics, as in training.
    chain : PolygonalPath
        Three points (start, initial bend, end), each ``k`` stacked networks. Buffers are not trained.
    plan : ChainPlan
        How to train.
    generators : sequence of torch.Generator
        One per pair: order of the samples and values of ``t``.
    progress : callable, optional
        Called after every epoch with the epoch, the number of epochs, and a text.

    Returns
    -------
    Chains
        The trained chains, and how hard they were to find.

    Raises
    ------
    SymgeomError
        If the chain has not three points, or the generators are not one per pair.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.randomness import stream
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> points = [{"weight": torch.tensor([[[w], [-w]]])} for w in (-2.0, 2.0, -2.0)]
    >>> chains = optimise_path(problem, PolygonalPath(points), plan=ChainPlan(epochs=1), generators=[stream("chain", 0)])
    >>> chains.largest_error
    tensor([[1., 1.]], dtype=torch.float64)
    """
    if len(chain.points) != 3:
        raise SymgeomError(f"Cannot train a chain of {len(chain.points)} points: give three, start, bend and end.")
    start, middle, end = chain.points
    pairs = len(next(iter(start.values())))
    if len(generators) != pairs:
        raise SymgeomError(f"Cannot train {pairs} chains with {len(generators)} generators: give one for each pair.")
    bend = {name: tensor.detach().clone() for name, tensor in middle.items()}
    path = PolygonalPath((start, bend, end))  # its bend is trained in place
    velocity: dict[str, Tensor] = {}
    grid = torch.linspace(0, 1, plan.points, dtype=torch.float64)
    epochs, errors = [], []
    for epoch in range(plan.epochs + 1):
        if epoch > 0:
            _train_epoch(problem, path, velocity, epoch, plan, generators)
        if epoch % plan.evaluate_every == 0 or epoch == plan.epochs:
            epochs.append(epoch)
            errors.append(profile(problem, path, grid).error.amax(-1))
        if progress and epoch > 0:
            progress(epoch, plan.epochs, f"{int((errors[-1] <= plan.threshold).sum())} of {pairs} chains connected")
    return _record(problem, path, torch.tensor(epochs), torch.stack(errors, dim=1), plan.threshold)


@torch.no_grad()
def _train_epoch(
    problem: Problem,
    path: PolygonalPath,
    velocity: dict[str, Tensor],
    epoch: int,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
) -> None:
    """Take one pass over the data; bends and velocities are changed in place, which saves half of the memory traffic."""
    start, bend, end = path.points
    samples = torch.stack([torch.randperm(len(problem.targets), generator=generator) for generator in generators])
    batches = samples.to(problem.inputs.device).split(plan.batch_size, dim=1)
    times = torch.stack([torch.rand(len(batches), generator=generator, dtype=torch.float64) for generator in generators], dim=1)
    gradient = torch.vmap(lambda network, index: problem.gradient(network, index=index))
    for step, (t, index) in enumerate(zip(times.to(problem.inputs.device), batches, strict=True)):
        weight = polygonal_weights(t, 3)[1]  # (pair,)
        network = {
            name: torch.lerp(torch.where(_over(t < 0.5, start[name]), start[name], end[name]), tensor, _over(weight, tensor))
            if tensor.is_floating_point()
            else tensor
            for name, tensor in bend.items()
        }
        done = (epoch - 1 + step / len(batches)) / plan.epochs
        learning_rate = plan.learning_rate * (1 + math.cos(math.pi * done)) / 2
        for name, at_t in gradient(network, index).items():
            speed = velocity.setdefault(name, torch.zeros_like(bend[name]))
            speed.mul_(plan.momentum).addcmul_(at_t, _over(weight, at_t))
            bend[name].sub_(speed, alpha=learning_rate)


def _over(values: Tensor, stacked: Tensor) -> Tensor:
    """One value per pair, shaped to broadcast over the pairs' tensors."""
    values = values.to(stacked.dtype) if values.is_floating_point() else values
    return values.reshape(-1, *[1] * (stacked.ndim - 1))


def _record(problem: Problem, path: PolygonalPath, epoch: Tensor, largest_error: Tensor, threshold: float) -> Chains:
    within = largest_error <= threshold
    needed = torch.where(within, epoch.to(largest_error), math.inf).amin(1)
    finite = torch.stack([tensor.reshape(len(tensor), -1).isfinite().all(1) for tensor in path.points[1].values()]).all(0)
    return Chains(path, epoch, largest_error, needed, finite, problem.batch_norm)
