r"""One-bend chains between binary networks: two Hamming geodesics that meet in a trained binary network.

The bend has latent weights, trained straight through on the cross entropy at random points of the
two geodesics. With :math:`s = 1 - |2t - 1|`, every binary weight at :math:`t` is the bend's with
probability :math:`s`, else that of the end on this side of the bend,

.. math:: \phi(t)_i = \begin{cases} m_i & \text{with probability } s\\ (\theta_1)_i \text{ or } (\theta_2)_i & \text{else,}
          \end{cases} \qquad \frac{\partial}{\partial m_i} \text{ only where } \phi_i = m_i,

which is a point of a random Hamming geodesic, but for the exact number of flips. All else
(optimizer, pairs, record) is as for real networks, see :mod:`symgeom.landscape.chain`. Errors are
evaluated on one geodesic per segment whose order is drawn before training.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038) reports such chains. Differs from the
source: its recipe was not at hand; this one is ours.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.barriers import profile
from symgeom.landscape.binary.path import HammingPath, random_order
from symgeom.landscape.binary.weights import binary_tensors
from symgeom.landscape.chain import ChainPlan, Chains
from symgeom.landscape.path.weights import check_times
from symgeom.landscape.problem import Problem


@dataclass(frozen=True, eq=False)
class HammingChain:
    """Hamming geodesics one after the other, each with the same share of ``t``.

    Attributes
    ----------
    points : sequence of Parameters
        Networks (or stacked ones), latent or binary.
    orders : sequence of mappings of str to Tensor
        The order of flips on each segment (:func:`~symgeom.landscape.binary.path.random_order`).
    stacked : bool
        Whether the points are stacked networks.

    Examples
    --------
    >>> points = [{"w": torch.tensor([w, 1.0])} for w in (1.0, -1.0, 1.0)]
    >>> chain = HammingChain(points, [{"w": torch.tensor([0.1, 0.2])}] * 2)
    >>> chain(torch.tensor([0.0, 0.5, 1.0]))["w"][:, 0]
    tensor([ 1., -1.,  1.])
    """

    points: Sequence[Parameters]
    orders: Sequence[Mapping[str, Tensor]]
    stacked: bool = False

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the networks at ``t``.

        Parameters
        ----------
        t : float or Tensor, shape (t,)
            In [0, 1].

        Returns
        -------
        dict of str to Tensor
            Binary weights of exactly +1 or -1.
        """
        t = check_times(t)
        if t.ndim:
            found = [self(time) for time in t]
            return {
                name: torch.stack([network[name] for network in found]) for name in self.points[0]
            }
        place = float(t) * len(self._segments)
        segment = min(int(place), len(self._segments) - 1)
        return self._segments[segment](place - segment)

    @cached_property
    def _segments(self) -> list[HammingPath]:
        starts = zip(self.points[:-1], self.points[1:], self.orders, strict=True)
        return [
            HammingPath(start, end, order, stacked=self.stacked) for start, end, order in starts
        ]


def optimise_binary_chain(
    problem: Problem,
    points: Sequence[Parameters],
    *,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
    progress: Callable[[int, int, str], None] | None = None,
) -> Chains:
    """Train the bends of one-bend chains between ``k`` pairs of binary networks.

    Parameters
    ----------
    problem : Problem
        The training landscape, in the precision of the networks.
    points : sequence of Parameters
        Start, initial bend and end, each ``k`` stacked networks. The bend needs latent weights: the
        mean of those of the ends is a good one, its sign being that of the larger latent weight
        where the ends differ.
    plan : ChainPlan
        How to train; learning rates are those of binary networks, of order 1.
    generators : sequence of torch.Generator
        One per pair: orders of flips for the evaluation, order of the samples, values of ``t``, and
        which weights are the bend's.
    progress : callable, optional
        Called after every epoch with the epoch, the number of epochs, and a text.

    Returns
    -------
    Chains
        The trained chains, and how hard they were to find; ``path`` is a :class:`HammingChain`, its
        bend latent.

    Raises
    ------
    SymgeomError
        If there are not three points, the generators are not one per pair, or no tensor is binary.

    Examples
    --------
    >>> from symgeom.landscape.binary.layers import BinaryLinear
    >>> from symgeom.ground.randomness import stream
    >>> problem = Problem(BinaryLinear(1, 2), torch.ones(1, 1), torch.tensor([1]))
    >>> points = [{"weight": torch.tensor([[[-w], [w]]])} for w in (1.0, 0.1, 1.0)]
    >>> optimise_binary_chain(problem, points, plan=ChainPlan(epochs=1), generators=[stream("chain", 0)]).largest_error
    tensor([[0., 0.]], dtype=torch.float64)
    """
    if len(points) != 3:
        raise SymgeomError(
            f"Cannot train a binary chain of {len(points)} points: give three, start, bend and end."
        )
    names = binary_tensors(problem.module)
    pairs = len(points[0][names[0]])
    if len(generators) != pairs:
        raise SymgeomError(
            f"Cannot train {pairs} binary chains with {len(generators)} generators: give one for each pair."
        )
    orders = [random_order(points[0], names, generator=generators) for _ in range(2)]
    bend = {name: tensor.detach().clone() for name, tensor in points[1].items()}
    training = _Training(problem, (points[0], bend, points[2]), names, plan)
    grid, seen = (
        torch.linspace(0, 1, plan.points, dtype=torch.float64),
        _evaluated(problem, plan.evaluation_samples),
    )
    epochs, errors = [], []
    for epoch in range(plan.epochs + 1):
        if epoch > 0:
            training.epoch(epoch, generators)
        chain = HammingChain(training.points, orders, stacked=True)
        if epoch % plan.evaluate_every == 0 or epoch == plan.epochs:
            epochs.append(epoch)
            errors.append(profile(seen, chain, grid).error)
        if progress and epoch > 0:
            connected = int((errors[-1].amax(-1) <= plan.limit(errors[0])).sum())
            progress(epoch, plan.epochs, f"{connected} of {pairs} chains connected")
    largest, evaluated = torch.stack(errors, dim=1).amax(-1), torch.tensor(epochs)
    needed = torch.where(
        largest <= plan.limit(errors[0]).unsqueeze(1), evaluated.to(largest), math.inf
    ).amin(1)
    return Chains(
        path=chain,
        epoch=evaluated,
        largest_error=largest,
        epochs_needed=needed,
        steps_needed=needed * -(-len(problem.targets) // plan.batch_size),
        finite=torch.stack([tensor.flatten(1).isfinite().all(1) for tensor in bend.values()]).all(
            0
        ),
        batch_norm=problem.batch_norm,
    )


def _evaluated(problem: Problem, samples: int | None) -> Problem:
    index = torch.arange(len(problem.targets), device=problem.inputs.device)
    return problem if samples is None else problem.subset(index[:samples])


class _Training:
    """The bends in training, changed in place, and their velocities."""

    def __init__(
        self,
        problem: Problem,
        points: tuple[Parameters, dict[str, Tensor], Parameters],
        names: Sequence[str],
        plan: ChainPlan,
    ) -> None:
        self.problem, self.points, self.names, self.plan = problem, points, names, plan
        self.velocity: dict[str, Tensor] = {}

    @torch.no_grad()
    def epoch(self, epoch: int, generators: Sequence[torch.Generator]) -> None:
        """Take one pass over the data."""
        plan, device = self.plan, self.problem.inputs.device
        samples = torch.stack(
            [
                torch.randperm(len(self.problem.targets), generator=generator)
                for generator in generators
            ]
        )
        batches = samples.to(device).split(plan.batch_size, dim=1)
        gradient = torch.vmap(lambda network, index: self.problem.gradient(network, index=index))
        for step, index in enumerate(batches):
            network, share = self._point(generators)
            done = (epoch - 1 + step / len(batches)) / plan.epochs
            learning_rate = plan.learning_rate * (1 + math.cos(math.pi * done)) / 2
            for name, slope in gradient(network, index).items():
                speed = self.velocity.setdefault(name, torch.zeros_like(slope))
                speed.mul_(plan.momentum).addcmul_(slope, share[name])
                self.points[1][name].sub_(speed, alpha=learning_rate)

    def _point(
        self, generators: Sequence[torch.Generator]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draw a point of every chain; return also the share that the bend has in each entry."""
        start, bend, end = self.points
        t = torch.stack(
            [torch.rand((), generator=generator, dtype=torch.float64) for generator in generators]
        )
        weight, chances = (
            1 - (2 * t - 1).abs(),
            random_order(bend, self.names, generator=generators),
        )
        network, share = dict(bend), {}
        for name, latent in self._floating(bend):
            over = [
                values.to(latent.device).reshape((-1,) + (1,) * (latent.ndim - 1))
                for values in (t, weight)
            ]
            outer = torch.where(over[0] < 0.5, start[name], end[name])
            share[name] = (chances[name] < over[1] if name in chances else over[1]).to(latent.dtype)
            network[name] = (
                torch.where(share[name] == 1, latent, outer)
                if name in chances
                else outer.lerp(latent, share[name])
            )
        return network, share

    @staticmethod
    def _floating(network: Parameters) -> Iterator[tuple[str, Tensor]]:
        return ((name, tensor) for name, tensor in network.items() if tensor.is_floating_point())
