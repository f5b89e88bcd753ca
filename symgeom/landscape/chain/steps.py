"""Steps of training along curves; bends and velocities change in place, which halves the memory traffic.

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
from symgeom.landscape.path.curves import Curve
from symgeom.landscape.path.weights import one_pair
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.borrow import Borrower
from symgeom.landscape.problem.losses import at_least_single
from symgeom.quotient.torus import Torus, sphere_legs
from symgeom.symmetry.spec.slices import view

Gradient = Callable[[Tensor], dict[str, Tensor]]
"""From the samples of mini-batches, shape ``(pair, sample)``, to gradients."""

SMALL = 100_000
"""Trainable numbers up to which networks without convolutions are trained together on a CPU."""


def one_by_one(module: nn.Module, device: torch.device) -> bool:
    """Whether networks are trained one after the other: a property of the network, not of how many there are."""
    numbers = sum(parameter.numel() for parameter in module.parameters())
    convolutional = any(isinstance(layer, _ConvNd) for layer in module.modules())
    return device.type == "cpu" and (convolutional or numbers > SMALL)


@dataclass(frozen=True, eq=False)
class Bends:
    """The inner points of the curves of some pairs, and what their training needs.

    Attributes
    ----------
    problem : Problem
        The training landscape.
    path : PolygonalPath or BezierPath
        Of stacked pairs; its inner points are trained in place.
    velocity : list of dict
        One per inner point.
    spheres : list of list of Sphere
        For each pair, what has to be put back on the torus.
    momentum : float
        Momentum of SGD.
    alone : bool
        Whether pairs are trained one after the other.
    """

    problem: Problem
    path: Curve
    velocity: list[dict[str, Tensor]]
    spheres: "list[list[Sphere]]"
    momentum: float
    alone: bool

    @staticmethod
    def of(problem: Problem, path: Curve, torus: Torus | None, *, momentum: float) -> "Bends":
        """Begin to train the inner points of a path."""
        inner, names = path.points[1:-1], [name for name, _ in problem.module.named_parameters()]
        velocity = [{name: torch.zeros_like(point[name]) for name in names} for point in inner]
        pairs = range(len(next(iter(inner[0].values()))))
        spheres = [
            [s for point in one_pair(inner, pair) for s in spheres_of(torus, point)]
            if torus
            else []
            for pair in pairs
        ]
        return Bends(
            problem,
            path,
            velocity,
            spheres,
            momentum,
            one_by_one(problem.module, problem.inputs.device),
        )

    @torch.no_grad()
    def train_epoch(
        self, rates: Sequence[float], batch_size: int, generators: Sequence[torch.Generator]
    ) -> None:
        """Take one pass over the data, with one learning rate per step."""
        device, samples = self.problem.inputs.device, len(self.problem.targets)
        orders = [
            torch.randperm(samples, generator=generator).to(device) for generator in generators
        ]
        times = [
            torch.rand(len(rates), generator=generator, dtype=torch.float64).to(device)
            for generator in generators
        ]
        if self.alone:
            for pair, (order, t) in enumerate(zip(orders, times, strict=True)):
                self._train(
                    slice(pair, pair + 1),
                    rates,
                    order.unsqueeze(0).split(batch_size, dim=1),
                    t.unsqueeze(1),
                )
        else:
            self._train(
                slice(None),
                rates,
                torch.stack(orders).split(batch_size, dim=1),
                torch.stack(times, dim=1),
            )

    def _train(
        self, pairs: slice, rates: Sequence[float], batches: Sequence[Tensor], times: Tensor
    ) -> None:
        """Train some pairs; batches have shape ``(pair, sample)`` and times ``(step, pair)``."""
        points, velocity = (
            [{n: x[pairs] for n, x in point.items()} for point in side]
            for side in (self.path.points, self.velocity)
        )
        network = {
            name: tensor.clone() for name, tensor in points[1].items()
        }  # buffers stay those of the first bend
        gradient_at = (
            _gradient_alone(self.problem, network)
            if self.alone
            else _gradient_together(self.problem, network)
        )
        for rate, index, weights in zip(
            rates, batches, self.path.weights(times).unbind(1), strict=True
        ):  # (point, pair)
            _combine_into(network, points, weights, alone=self.alone)
            gradient = gradient_at(index)
            for weight, point, speed in zip(weights[1:-1], points[1:-1], velocity, strict=True):
                speeds = [speed[name] for name in gradient]
                torch._foreach_mul_(speeds, self.momentum)
                if self.alone:
                    torch._foreach_add_(speeds, list(gradient.values()), alpha=float(weight))
                else:
                    torch._foreach_addcmul_(
                        speeds, list(gradient.values()), [_over(weight, x) for x in speeds]
                    )
                torch._foreach_add_([point[name] for name in gradient], speeds, alpha=-rate)
            for spheres in self.spheres[pairs]:
                for sphere in spheres:
                    sphere.put_back()


@dataclass(frozen=True, eq=False)
class Sphere:
    """The units of one group in one network, as views on its tensors, and the lengths that their vectors shall have.

    Attributes
    ----------
    views : list of (Tensor, int)
        Entries of the units, and the axis along which the units lie.
    length : Tensor, shape (unit,)
        What to go back to.
    """

    views: list[tuple[Tensor, int]]
    length: Tensor

    def put_back(self) -> None:
        """Give all vectors their length, in place; one that is zero, or not finite, stays."""
        now = lengths(self.views)
        factor = torch.where(now > 0, self.length / now, 1.0)
        for entries, axis in self.views:
            entries.mul_(factor.reshape(-1, *[1] * (entries.ndim - axis - 1)))


def spheres_of(torus: Torus, network: Parameters) -> list[Sphere]:
    """Return the spheres of a network, with the lengths that its vectors have now.

    Parameters
    ----------
    torus : Torus
        The spheres of the architecture.
    network : Parameters
        One network; views are taken of its tensors.

    Returns
    -------
    list of Sphere
        One for each group that has incoming weights.
    """
    found = []
    for group, legs in sphere_legs(torus.spec, network, bias_in_norm=torus.bias_in_norm).items():
        views = [
            (view(network[leg.tensor], leg, torus.spec[group].size), leg.axis + 1) for leg in legs
        ]
        found.append(Sphere(views, lengths(views)))
    return found


def lengths(views: Sequence[tuple[Tensor, int]]) -> Tensor:
    """Return the length of every unit's vector, whose entries are in several tensors."""
    norms = [
        torch.linalg.vector_norm(x, dim=[axis for axis in range(x.ndim) if axis != along])
        for x, along in views
    ]
    return torch.linalg.vector_norm(torch.stack(norms), dim=0)


def _gradient_together(problem: Problem, networks: Parameters) -> Gradient:
    """Return how to differentiate stacked networks, whose tensors change in place, each on a mini-batch of its own."""
    return lambda index: torch.vmap(
        lambda network, samples: problem.gradient(network, index=samples)
    )(networks, index)


def _gradient_alone(problem: Problem, networks: Parameters) -> Gradient:
    """Return how to differentiate the only one of stacked networks."""
    network = {name: tensor[0] for name, tensor in networks.items()}
    if problem.batch_norm == "recompute":
        return lambda index: {
            name: x.unsqueeze(0) for name, x in problem.gradient(network, index=index[0]).items()
        }
    borrower = Borrower(problem.module, problem.inputs.dtype)  # torch.func takes a fifth longer
    borrower.lend(network)
    leaves = {name: weight.requires_grad_() for name, weight in borrower.module.named_parameters()}

    def gradient(index: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            outputs = at_least_single(borrower.module(problem.inputs[index[0]]))
            loss = problem.sample_loss(outputs, problem.targets[index[0]]).mean()
        found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        return {name: tensor.unsqueeze(0) for name, tensor in zip(leaves, found, strict=True)}

    return gradient


def _combine_into(
    network: dict[str, Tensor], points: Sequence[Parameters], weights: Tensor, *, alone: bool
) -> None:
    """Write the networks on the curve, in place: all floating-point tensors, carried statistics among them."""
    places = range(len(points))
    counting = [place for place in places if weights[place].any()] if alone else places
    first, second, *others = counting if len(counting) > 1 else (counting[0], counting[0] - 1)
    for name, tensor in network.items():
        if not tensor.is_floating_point():
            continue
        if alone and not others:  # the two ends of a segment: one pass over memory
            torch.lerp(
                points[first][name], points[second][name], float(weights[second]), out=tensor
            )
            continue
        torch.mul(points[first][name], _over(weights[first], tensor), out=tensor)
        for place in (second, *others):
            tensor.addcmul_(points[place][name], _over(weights[place], tensor))


def _over(values: Tensor, stacked: Tensor) -> Tensor:
    """One value per pair, shaped to broadcast over the pairs' tensors."""
    return values.to(stacked.dtype).reshape(-1, *[1] * (stacked.ndim - 1))
