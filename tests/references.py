"""Slow and obvious references that stand beside the fast code."""

import math
from collections.abc import Callable
from itertools import pairwise, permutations

import numpy as np
import scipy.stats
import torch
import xarray as xr
from torch import Tensor
from torch.func import functional_call

from symgeom.ground.types import ravel, unravel
from symgeom.landscape.problem import Problem
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, put, take


def best_permutation_by_enumeration(
    group: UnitGroup, first: dict[str, Tensor], second: dict[str, Tensor]
) -> float:
    """Largest inner product of two networks over all n! permutations of one group."""
    rest = sum(
        float((first[name] * second[name]).sum())
        for name in first
        if name not in {leg.tensor for leg in group.legs}
    )

    def objective(order: tuple[int, ...]) -> float:
        rows = (
            (take(first[leg.tensor], leg, group.size), take(second[leg.tensor], leg, group.size))
            for leg in group.legs
        )
        return sum(float((a * b[list(order)]).sum()) for a, b in rows)

    return rest + max(objective(order) for order in permutations(range(group.size)))


def sample_gradients_one_by_one(problem: Problem, params: dict[str, Tensor]) -> dict[str, Tensor]:
    """Gradient of every sample's loss by a loop over samples and plain autograd: (sample,
    *shape) for every tensor."""
    rows = []
    for inputs, target in zip(problem.inputs, problem.targets, strict=True):
        theta = {name: tensor.clone().requires_grad_() for name, tensor in params.items()}
        outputs = functional_call(problem.module, theta, (inputs.unsqueeze(0),))
        problem.sample_loss(outputs, target.unsqueeze(0)).sum().backward()
        rows.append({name: tensor.grad for name, tensor in theta.items()})
    return {name: torch.stack([row[name] for row in rows]) for name in params}


def de_casteljau(points: list[Tensor], t: float) -> Tensor:
    """Point of a Bezier curve by repeated linear interpolation."""
    while len(points) > 1:
        points = [(1 - t) * a + t * b for a, b in pairwise(points)]
    return points[0]


def dense_hessian(loss: Callable[[dict[str, Tensor]], Tensor], params: dict[str, Tensor]) -> Tensor:
    """Hessian of a function of one network, column by column, over the tensors in their order."""

    def flat(vector: Tensor) -> Tensor:
        return loss(unravel(vector, params))

    return torch.autograd.functional.hessian(flat, ravel(params))


def relu_network_errors(layers: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray) -> int:
    """Count the samples that a ReLU network (weight, bias, weight, bias, ...) misclassifies,
    one sample at a time."""
    wrong = 0
    for x, target in zip(inputs, targets, strict=True):
        for place in range(0, len(layers), 2):
            x = layers[place] @ (np.maximum(x, 0) if place else x) + layers[place + 1]
        wrong += int(max(range(len(x)), key=lambda label: x[label]) != target)
    return wrong


def local_energy_by_loops(
    params: dict[str, Tensor],
    inputs: Tensor,
    targets: Tensor,
    sigma: float,
    draws: int,
    generator: torch.Generator,
) -> list[float]:
    """Increase of the error of a ReLU network under multiplicative noise, one number per draw,
    in plain numpy."""
    layers, x, y = [tensor.numpy() for tensor in params.values()], inputs.numpy(), targets.numpy()
    before, increases = relu_network_errors(layers, x, y), []
    for _ in range(draws):
        noise = [
            torch.randn(tensor.shape, generator=generator, dtype=torch.float64).numpy()
            for tensor in params.values()
        ]
        moved = [tensor * (1 + sigma * z) for tensor, z in zip(layers, noise, strict=True)]
        increases.append((relu_network_errors(moved, x, y) - before) / len(y))
    return increases


def chain_by_autograd(
    loss: Callable[[dict[str, Tensor], Tensor], Tensor],
    points: list[dict[str, Tensor]],
    samples: int,
    plan: dict[str, float],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Train the bend of one chain with torch's own optimizer and scheduler, by back-propagation
    through the chain."""
    start, middle, end = points
    bend = {name: tensor.clone().requires_grad_() for name, tensor in middle.items()}
    optimizer = torch.optim.SGD(bend.values(), lr=plan["learning_rate"], momentum=plan["momentum"])
    steps = plan["epochs"] * math.ceil(samples / plan["batch_size"])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(plan["epochs"]):
        batches = torch.randperm(samples, generator=generator).split(plan["batch_size"])
        for t, index in zip(
            torch.rand(len(batches), generator=generator, dtype=torch.float64).tolist(),
            batches,
            strict=True,
        ):
            here, there, s = (start, bend, 2 * t) if t < 0.5 else (bend, end, 2 * t - 1)
            optimizer.zero_grad()
            loss({name: (1 - s) * here[name] + s * there[name] for name in bend}, index).backward()
            optimizer.step()
            scheduler.step()
    return {name: tensor.detach() for name, tensor in bend.items()}


def act_leg_by_leg(
    spec: SymmetrySpec, element: GroupElement, params: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Apply a group element by taking every leg out as a matrix and putting it back, on a new
    copy of its tensor each time."""
    result = dict(params)
    for group in [
        *(g for g in spec.groups if g.permute),
        *(g for g in spec.groups if not g.permute),
    ]:
        for leg in group.legs if group.name in element.permutations else ():
            tensor, scale = result[leg.tensor], element.scales[group.name]
            rows, scale = (
                take(tensor, leg, group.size)[element.permutations[group.name]],
                scale.to(tensor.dtype),
            )
            if scale.ndim == 2:
                rows = (scale if leg.power > 0 else torch.linalg.inv(scale).T) @ rows
            else:
                factor = (scale**leg.power).unsqueeze(1)
                rows = factor * (rows + leg.shift) - leg.shift if leg.shift else factor * rows
            result[leg.tensor] = put(tensor, leg, rows)
    return result


def pivoted_cholesky(matrix: np.ndarray, rank: int) -> np.ndarray:
    """Rows of the factor of a positive semidefinite matrix: of what is left, always the largest
    diagonal entry first."""
    left, rows = matrix.copy(), []
    for _ in range(rank):
        pivot = max(range(len(left)), key=lambda place: left[place, place])
        rows.append(left[pivot] / math.sqrt(left[pivot, pivot]))
        left = left - np.outer(rows[-1], rows[-1])
    return np.array(rows)


def curve_by_autograd(
    loss: Callable[[dict[str, Tensor], Tensor], Tensor],
    points: list[dict[str, Tensor]],
    samples: int,
    plan: dict[str, float],
    generator: torch.Generator,
) -> list[dict[str, Tensor]]:
    """Train the inner points of a Bezier curve as :func:`chain_by_autograd` does, through
    repeated linear interpolation."""
    start, *inner, end = points
    inner = [
        {name: tensor.clone().requires_grad_() for name, tensor in point.items()} for point in inner
    ]
    trained = [tensor for point in inner for tensor in point.values()]
    optimizer = torch.optim.SGD(trained, lr=plan["learning_rate"], momentum=plan["momentum"])
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, plan["epochs"] * math.ceil(samples / plan["batch_size"])
    )
    for _ in range(plan["epochs"]):
        batches = torch.randperm(samples, generator=generator).split(plan["batch_size"])
        for t, index in zip(
            torch.rand(len(batches), generator=generator, dtype=torch.float64).tolist(),
            batches,
            strict=True,
        ):
            optimizer.zero_grad()
            loss(
                {
                    name: de_casteljau([point[name] for point in (start, *inner, end)], t)
                    for name in start
                },
                index,
            ).backward()
            optimizer.step()
            scheduler.step()
    return [{name: tensor.detach() for name, tensor in point.items()} for point in inner]


def one_sample(values: xr.DataArray, usable: xr.DataArray) -> tuple[float, float, float]:
    """Return the mean over arms, and its interval by hand: every arm counts the same."""
    arms = [values.sel(arm=arm).values[usable.sel(arm=arm).values] for arm in values["arm"].values]
    arms = [arm[np.isfinite(arm)] for arm in arms]
    ways = [arms, *([arm for arm in arms if arm is not out] for out in arms)]
    lows, highs = [], []
    for way in ways:
        mean = np.mean([arm.mean() for arm in way])
        parts = [arm.var(ddof=1) / len(arm) / len(way) ** 2 for arm in way]
        terms = [part**2 / (len(arm) - 1) for part, arm in zip(parts, way, strict=True)]
        freedom = sum(parts) ** 2 / sum(terms)
        half = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts))
        lows.append(mean - half)
        highs.append(mean + half)
    return float(np.mean([arm.mean() for arm in arms])), min(lows), max(highs)
