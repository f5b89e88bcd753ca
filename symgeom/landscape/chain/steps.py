"""Steps of training along curves.

Bends and velocities change in place, which halves the memory traffic.

On a CPU large and convolutional networks are trained one after the other: a step then costs little
more than a step of plain training, where ``torch.vmap`` makes convolutions slower and one MLP
784-256-256-10 1.4 times as slow. Small networks are trained together: twice as fast per pair for 16
pairs of an MLP 64-128-128-10.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from symgeom.ground.types import Parameters
from symgeom.landscape.chain.plan import ChainPlan
from symgeom.landscape.chain.spheres import Sphere, spheres_of
from symgeom.landscape.chain.training import BendTraining
from symgeom.landscape.path import Curve, one_pair
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.borrow import Borrower
from symgeom.landscape.problem.losses import at_least_single
from symgeom.quotient.torus import Torus

Gradient = Callable[[Tensor], dict[str, Tensor]]
"""From the samples of mini-batches, shape ``(pair, sample)``, to gradients."""

SMALL = 100_000
"""Trainable numbers up to which networks without convolutions are trained together on a CPU."""


def one_by_one(module: nn.Module, device: torch.device) -> bool:
    """Whether networks are trained one after the other.

    Parameters
    ----------
    module : nn.Module
        The architecture.
    device : torch.device
        Where networks are trained.

    Returns
    -------
    bool
        A property of the network, not of how many there are.

    Examples
    --------
    >>> one_by_one(nn.Linear(2, 2), torch.device("cpu"))
    False
    """
    if device.type != "cpu":
        return False
    numbers = sum(parameter.numel() for parameter in module.parameters())
    return numbers > SMALL or any(isinstance(layer, _ConvNd) for layer in module.modules())


@dataclass(frozen=True, eq=False)
class CurveTraining(BendTraining):
    """The inner points of the curves of some pairs, and what their training needs.

    Attributes
    ----------
    problem : Problem
        The training landscape.
    plan : ChainPlan
        How to train.
    generators : sequence of torch.Generator
        One per pair.
    curve : PolygonalPath or BezierPath
        Of stacked pairs; its inner points are trained in place.
    velocities : list of dict
        One per inner point.
    spheres : list of list of Sphere
        For each pair, what has to be put back on the torus.
    alone : bool
        Whether pairs are trained one after the other.
    """

    problem: Problem
    plan: ChainPlan
    generators: Sequence[torch.Generator]
    curve: Curve
    velocities: list[dict[str, Tensor]]
    spheres: list[list[Sphere]]
    alone: bool

    @staticmethod
    def begin(
        problem: Problem,
        curve: Curve,
        *,
        plan: ChainPlan,
        generators: Sequence[torch.Generator],
        torus: Torus | None,
    ) -> "CurveTraining":
        """Begin to train a copy of the inner points of a curve."""
        start, *inner, end = curve.points
        bends = []
        for point in inner:
            bends.append({name: tensor.detach().clone() for name, tensor in point.items()})
        trainable = problem.trainable
        velocities = []
        for bend in bends:
            velocities.append({name: torch.zeros_like(bend[name]) for name in trainable})
        spheres = []
        for pair in range(len(generators)):
            spheres.append(_spheres_of_pair(torus, bends, pair))
        alone = one_by_one(problem.module, problem.inputs.device)
        trained = curve.through((start, *bends, end))
        return CurveTraining(problem, plan, generators, trained, velocities, spheres, alone)

    @property
    def path(self) -> Curve:
        """The curves as they are now, stacked."""
        return self.curve

    @property
    def bends(self) -> Sequence[Parameters]:
        """The inner points, each of stacked pairs."""
        return self.curve.points[1:-1]

    @torch.no_grad()
    def train_epoch(self, rates: Sequence[float]) -> None:
        """Take one pass over the data, with one learning rate per step."""
        device = self.problem.inputs.device
        samples = len(self.problem.targets)
        orders = []
        for generator in self.generators:
            orders.append(torch.randperm(samples, generator=generator).to(device))
        times = []
        for generator in self.generators:
            drawn = torch.rand(len(rates), generator=generator, dtype=torch.float64)
            times.append(drawn.to(device))
        if not self.alone:
            everyone = slice(None)
            self._train(everyone, rates, torch.stack(orders), torch.stack(times, dim=1))
            return
        for pair, (order, times_of_pair) in enumerate(zip(orders, times, strict=True)):
            only = slice(pair, pair + 1)
            self._train(only, rates, order.unsqueeze(0), times_of_pair.unsqueeze(1))

    def _train(self, pairs: slice, rates: Sequence[float], orders: Tensor, times: Tensor) -> None:
        """Train some pairs; orders have shape ``(pair, sample)`` and times ``(step, pair)``."""
        points = _of_pairs(self.curve.points, pairs)
        velocities = _of_pairs(self.velocities, pairs)
        # The buffers of the networks on the curve stay those of the first bend.
        network = {name: tensor.clone() for name, tensor in points[1].items()}
        gradient_of = _gradient_alone if self.alone else _gradient_together
        gradient_on = gradient_of(self.problem, network)
        batches = orders.split(self.plan.batch_size, dim=1)
        weights_of_steps = self.curve.weights(times).unbind(1)
        for rate, batch, weights in zip(rates, batches, weights_of_steps, strict=True):
            _combine_into(network, points, weights, alone=self.alone)
            gradient = gradient_on(batch)
            for bend, velocity in enumerate(velocities, start=1):
                self._accelerate(velocity, gradient, weights[bend])
                _move(points[bend], velocity, rate)
            for spheres in self.spheres[pairs]:
                for sphere in spheres:
                    sphere.put_back()

    def _accelerate(self, velocity: Parameters, gradient: Parameters, weights: Tensor) -> None:
        """Change the velocity of a bend, in place; weights have shape ``(pair,)``."""
        velocities = [velocity[name] for name in gradient]
        gradients = list(gradient.values())
        torch._foreach_mul_(velocities, self.plan.momentum)
        if self.alone:
            torch._foreach_add_(velocities, gradients, alpha=float(weights))
        else:
            factors = [_over(weights, tensor) for tensor in velocities]
            torch._foreach_addcmul_(velocities, gradients, factors)


def _of_pairs(points: Sequence[Parameters], pairs: slice) -> list[dict[str, Tensor]]:
    """Return views of the stacked points of some pairs."""
    views = []
    for point in points:
        views.append({name: tensor[pairs] for name, tensor in point.items()})
    return views


def _spheres_of_pair(torus: Torus | None, bends: Sequence[Parameters], pair: int) -> list[Sphere]:
    """Return the spheres of all bends of one pair; none without a torus."""
    spheres: list[Sphere] = []
    if torus is not None:
        for bend in one_pair(bends, pair):
            spheres += spheres_of(torus, bend)
    return spheres


def _move(point: Parameters, velocity: Parameters, rate: float) -> None:
    """Move a bend, in place."""
    tensors = [point[name] for name in velocity]
    torch._foreach_add_(tensors, list(velocity.values()), alpha=-rate)


def _gradient_together(problem: Problem, networks: Parameters) -> Gradient:
    """Return the gradient of stacked networks, each on a mini-batch of its own."""

    def gradient(network: Parameters, samples: Tensor) -> dict[str, Tensor]:
        return problem.gradient(network, index=samples)

    gradients = torch.vmap(gradient)
    return lambda batches: gradients(networks, batches)


def _gradient_alone(problem: Problem, networks: Parameters) -> Gradient:
    """Return the gradient of the only one of stacked networks."""
    network = {name: tensor[0] for name, tensor in networks.items()}
    if problem.batch_norm == "recompute":
        return lambda batches: _stacked(problem.gradient(network, index=batches[0]))
    borrower = Borrower(problem.module, problem.precision)  # torch.func takes a fifth longer
    borrower.lend(network)
    weights = dict(borrower.module.named_parameters())
    leaves = {name: weights[name] for name in problem.trainable}

    def gradient(batches: Tensor) -> dict[str, Tensor]:
        samples = batches[0]
        with torch.enable_grad():
            outputs = at_least_single(borrower.module(problem.inputs[samples]))
            loss = problem.sample_loss(outputs, problem.targets[samples]).mean()
        slopes = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        return _stacked(dict(zip(leaves, slopes, strict=True)))

    return gradient


def _stacked(network: Parameters) -> dict[str, Tensor]:
    """Return one network as a stack of one."""
    return {name: tensor.unsqueeze(0) for name, tensor in network.items()}


def _combine_into(
    network: dict[str, Tensor], points: Sequence[Parameters], weights: Tensor, *, alone: bool
) -> None:
    """Write the networks on the curve, in place; weights have shape ``(point, pair)``.

    All floating-point tensors are combined, carried statistics among them.
    """
    first, second, *others = _points_that_count(weights, alone=alone)
    for name, tensor in network.items():
        if not tensor.is_floating_point():
            continue
        if alone and not others:  # the two ends of a segment: one pass over memory
            share = float(weights[second])
            torch.lerp(points[first][name], points[second][name], share, out=tensor)
            continue
        torch.mul(points[first][name], _over(weights[first], tensor), out=tensor)
        for point in (second, *others):
            tensor.addcmul_(points[point][name], _over(weights[point], tensor))


def _points_that_count(weights: Tensor, *, alone: bool) -> list[int]:
    """Return two or more points to combine: for one pair those whose weight is not zero."""
    points = list(range(len(weights)))
    if not alone:
        return points
    counting = [point for point in points if weights[point].any()]
    if len(counting) == 1:
        counting.append(counting[0] - 1)
    return counting


def _over(values: Tensor, stacked: Tensor) -> Tensor:
    """Return one value per pair, shaped to broadcast over the pairs' tensors."""
    return values.to(stacked.dtype).reshape(-1, *[1] * (stacked.ndim - 1))
