r"""One-bend chains between binary networks: two Hamming geodesics that meet in a trained network.

The bend has latent weights, trained straight through on the cross entropy at random points of the
two geodesics. With :math:`s = 1 - |2t - 1|`, every binary weight at :math:`t` is the bend's with
probability :math:`s`, else that of the end on this side of the bend,

.. math:: \phi(t)_i = \begin{cases} m_i & \text{with probability } s\\
          (\theta_1)_i \text{ or } (\theta_2)_i & \text{else,} \end{cases} \qquad \frac{\partial}{\partial m_i} \text{ only where } \phi_i = m_i,

which is a point of a random Hamming geodesic, but for the exact number of flips. All else
(optimizer, pairs, record) is as for real networks that are trained together, see
:mod:`symgeom.landscape.chain`. Errors are evaluated on one geodesic per segment whose order is
drawn before training.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038) reports such chains. Differs from the
source: its recipe was not at hand; this one is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.binary.path import HammingChain, random_order
from symgeom.landscape.binary.weights import binary_tensors
from symgeom.landscape.chain import (
    BendTraining,
    ChainPlan,
    Chains,
    check_generators,
    train_chains,
)
from symgeom.landscape.chain.training import Progress
from symgeom.landscape.problem import Problem


def optimise_binary_chain(
    problem: Problem,
    points: Sequence[Parameters],
    *,
    plan: ChainPlan,
    generators: Sequence[torch.Generator],
    progress: Progress | None = None,
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
    >>> plan = ChainPlan(epochs=1)
    >>> chains = optimise_binary_chain(problem, points, plan=plan, generators=[stream("chain")])
    >>> chains.largest_error
    tensor([[0., 0.]], dtype=torch.float64)
    """
    if len(points) != 3:
        raise SymgeomError(
            f"Cannot train a binary chain of {len(points)} points: give three, start, bend and end."
        )
    names = binary_tensors(problem.module)
    start, bend, end = points
    check_generators(len(start[names[0]]), generators, "binary chains")
    first_order = random_order(start, names, generator=generators)
    second_order = random_order(start, names, generator=generators)
    training = BinaryTraining(
        problem=problem,
        plan=plan,
        generators=generators,
        start=start,
        bend={name: tensor.detach().clone() for name, tensor in bend.items()},
        end=end,
        orders=(first_order, second_order),
        velocity={},
    )
    return train_chains(problem, training, plan=plan, progress=progress)


class _Points(NamedTuple):
    """One point of every chain, and the share that the bend has in each of its entries."""

    networks: dict[str, Tensor]
    shares: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class BinaryTraining(BendTraining):
    """The bends of binary chains in training, changed in place.

    Attributes
    ----------
    problem : Problem
        The training landscape.
    plan : ChainPlan
        How to train.
    generators : sequence of torch.Generator
        One per pair.
    start, bend, end : Parameters
        Stacked networks; the bend is latent.
    orders : sequence of mappings of str to Tensor
        The order of flips on both segments, for the evaluation.
    velocity : dict of str to Tensor
        Of the bend, empty at first.
    """

    problem: Problem
    plan: ChainPlan
    generators: Sequence[torch.Generator]
    start: Parameters
    bend: dict[str, Tensor]
    end: Parameters
    orders: Sequence[Mapping[str, Tensor]]
    velocity: dict[str, Tensor]

    @property
    def path(self) -> HammingChain:
        """The chains as they are now, stacked."""
        return HammingChain((self.start, self.bend, self.end), self.orders, stacked=True)

    @property
    def bends(self) -> Sequence[Parameters]:
        """The bends, of stacked pairs."""
        return (self.bend,)

    @torch.no_grad()
    def train_epoch(self, rates: Sequence[float]) -> None:
        """Take one pass over the data, with one learning rate per step."""
        samples = len(self.problem.targets)
        orders = [torch.randperm(samples, generator=source) for source in self.generators]
        order = torch.stack(orders).to(self.problem.inputs.device)
        batches = order.split(self.plan.batch_size, dim=1)
        gradients_of = torch.vmap(self._gradient)
        for rate, batch in zip(rates, batches, strict=True):
            points = self._draw_points()
            for name, slope in gradients_of(points.networks, batch).items():
                velocity = self.velocity.setdefault(name, torch.zeros_like(slope))
                velocity.mul_(self.plan.momentum).addcmul_(slope, points.shares[name])
                self.bend[name].sub_(velocity, alpha=rate)

    def _gradient(self, network: Parameters, samples: Tensor) -> dict[str, Tensor]:
        return self.problem.gradient(network, index=samples)

    def _draw_points(self) -> _Points:
        """Draw a point of every chain."""
        drawn = []
        for generator in self.generators:
            drawn.append(torch.rand((), generator=generator, dtype=torch.float64))
        t = torch.stack(drawn)
        chance_of_bend = 1 - (2 * t - 1).abs()
        thresholds = random_order(self.bend, self.orders[0], generator=self.generators)
        networks = dict(self.bend)
        shares = {}
        for name, latent in self.bend.items():
            if not latent.is_floating_point():
                continue
            share = _over(chance_of_bend, latent)
            on_first_segment = _over(t, latent) < 0.5
            outer = torch.where(on_first_segment, self.start[name], self.end[name])
            if name in thresholds:
                shares[name] = (thresholds[name] < share).to(latent.dtype)
                networks[name] = torch.where(shares[name] == 1, latent, outer)
            else:
                shares[name] = share.to(latent.dtype)
                networks[name] = outer.lerp(latent, shares[name])
        return _Points(networks, shares)


def _over(values: Tensor, stacked: Tensor) -> Tensor:
    """Return one value per pair, shaped to broadcast over the pairs' tensors."""
    return values.to(stacked.device).reshape(-1, *[1] * (stacked.ndim - 1))
