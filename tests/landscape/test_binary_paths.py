"""Paths and chains of binary networks: what flips, when, and that the bend learns from its own
weights only."""

import math
from dataclasses import replace

import pytest
import torch
from cases import batch, binary_module

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack, unstack
from symgeom.landscape.barriers import profile
from symgeom.landscape.binary import (
    HammingChain,
    HammingPath,
    LatentPath,
    binarise,
    hamming_distance,
    optimise_binary_chain,
    random_order,
)
from symgeom.landscape.chain import ChainPlan
from symgeom.landscape.problem import Problem

WIDTHS = (6, 7, 5, 3)
NAMES = ("0.weight", "2.weight", "4.weight")


def problem():
    return Problem(binary_module(*WIDTHS), *batch(40, WIDTHS[0], WIDTHS[-1]))


def ends(pair=0):
    return [parameters(binary_module(*WIDTHS, seed=seed)) for seed in (2 * pair, 2 * pair + 1)]


def geodesic(pair=0):
    start, end = ends(pair)
    return HammingPath(start, end, random_order(start, NAMES, generator=stream("order", pair)))


def values(network):
    return torch.cat([network[name].flatten() for name in NAMES])


def test_a_hamming_path_flips_the_next_weight_of_its_order_at_each_step():
    path, (start, end) = geodesic(), map(values, (binarise(network, NAMES) for network in ends()))
    differs = (start != end).nonzero().flatten().tolist()
    order = sorted(differs, key=values(path.order).tolist().__getitem__)
    for flipped in range(len(order) + 1):
        expected = start.clone()
        expected[order[:flipped]] = end[order[:flipped]]
        assert torch.equal(values(path(flipped / len(order))), expected)


def test_a_hamming_path_is_a_geodesic():
    path, (start, end) = geodesic(), ends()
    whole = hamming_distance(start, end, NAMES)
    for t in (0.0, 0.3, 0.5, 0.9, 1.0):
        first, second = (hamming_distance(path(t), network, NAMES) for network in (start, end))
        assert float(first + second) == pytest.approx(float(whole), abs=1e-15)
        assert abs(float(first) - t * float(whole)) <= 0.5 / len(values(start)) + 1e-15


@pytest.mark.parametrize("kind", ["hamming", "latent", "normalised"])
def test_stacked_pairs_and_times_are_those_of_each_alone(kind):
    def path(pairs):
        if isinstance(pairs, int):
            start, end = ends(pairs)
            generator, stacked = stream("order", pairs), False
        else:
            start, end = (stack(side) for side in zip(*map(ends, pairs), strict=True))
            generator, stacked = [stream("order", pair) for pair in pairs], True
        if kind == "hamming":
            return HammingPath(
                start, end, random_order(start, NAMES, generator=generator), stacked=stacked
            )
        return LatentPath(start, end, NAMES, normalised=kind == "normalised", stacked=stacked)

    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    together = path([0, 1])(times)
    for pair in (0, 1):
        for place, t in enumerate(times.tolist()):
            alone = path(pair)(t)
            assert all(torch.equal(together[name][place, pair], alone[name]) for name in alone)


@pytest.mark.parametrize("normalised", [False, True])
def test_a_latent_path_flips_each_weight_once_where_the_line_crosses_zero(normalised):
    start, end = ends()
    path = LatentPath(start, end, NAMES, normalised=normalised)
    times = torch.linspace(0, 1, 101, dtype=torch.float64)
    points = path(times)
    for name in NAMES:
        a, b = start[name], end[name]
        if normalised:
            a, b = (tensor / tensor.square().sum(1, keepdim=True).sqrt() for tensor in (a, b))
        crossing = torch.where(a * b < 0, a / (a - b), torch.where(a * b > 0, 2.0, math.nan))
        after = times[:, None, None] > crossing
        assert torch.equal(points[name], torch.where(after, -torch.sign(a), torch.sign(a)))


def test_real_tensors_are_interpolated_linearly():
    start, end = ({"w": torch.tensor([side]), "real": torch.tensor([side])} for side in (1.0, -1.0))
    path = HammingPath(start, end, {"w": torch.tensor([0.5])})
    assert [float(path(0.25)[name]) for name in ("w", "real")] == [1.0, 0.5]
    assert [float(path(0.75)[name]) for name in ("w", "real")] == [-1.0, -0.5]


def trained(pairs, plan, dtype=torch.float64):
    points = [stack(side) for side in zip(*map(ends, pairs), strict=True)]
    middle = {name: (points[0][name] + points[1][name]) / 2 for name in points[0]}
    chain = [cast(point, dtype) for point in (points[0], middle, points[1])]
    return optimise_binary_chain(
        problem().cast(dtype),
        chain,
        plan=plan,
        generators=[stream("chain", pair) for pair in pairs],
    )


def test_the_bend_is_trained_by_its_own_weights_only():
    """One full-batch step: the bend moves by the gradient at the drawn point, times whether a
    weight is the bend's."""
    plan, generator = (
        ChainPlan(epochs=1, batch_size=40, learning_rate=0.5, momentum=0.0, points=3),
        stream("chain", 0),
    )
    (start, end), data = ends(), problem()
    middle = {name: (start[name] + end[name]) / 2 for name in start}
    for _ in range(2):
        random_order(start, NAMES, generator=generator)  # of the evaluation
    torch.randperm(40, generator=generator)
    t = float(torch.rand((), generator=generator, dtype=torch.float64))
    chances = random_order(start, NAMES, generator=generator)
    mine = {name: chances[name] < 1 - abs(2 * t - 1) for name in NAMES}
    outer = start if t < 0.5 else end
    leaves = {name: middle[name].clone().requires_grad_() for name in NAMES}
    point = {name: torch.where(mine[name], leaves[name], outer[name]) for name in NAMES}
    gradients = torch.autograd.grad(data.loss(point), list(leaves.values()))
    bend = trained([0], plan).path.points[1]
    assert any(bool(taken.any()) and not bool(taken.all()) for taken in mine.values())
    for name, gradient in zip(leaves, gradients, strict=True):
        torch.testing.assert_close(
            bend[name][0], middle[name] - 0.5 * gradient, rtol=1e-12, atol=1e-15
        )
        assert torch.equal(bend[name][0][~mine[name]], middle[name][~mine[name]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_chain_depends_on_the_others_in_its_stack_by_rounding_only(dtype):
    """Matrix products of some CPUs round by where in memory a network lies."""
    tolerance = 1000 * torch.finfo(dtype).eps
    plan = ChainPlan(epochs=2, batch_size=16, learning_rate=0.5, points=3)
    together = trained([0, 1, 2], plan, dtype)
    alone = trained([2], plan, dtype)
    for name in NAMES:
        bend = together.path.points[1][name][2]
        bend_alone = alone.path.points[1][name][0]
        torch.testing.assert_close(bend, bend_alone, rtol=tolerance, atol=tolerance)
    assert torch.equal(together.largest_error[2], alone.largest_error[0])


def test_training_lowers_the_error_along_the_chain_and_the_record_says_so():
    x, _ = batch(60, WIDTHS[0], 2)
    targets = (x[:, 0] > 0).long()  # which many networks learn, so that chains exist
    network = binary_module(*WIDTHS)
    data = Problem(network, x, targets)
    points = [stack([network]) for network in ends()]
    middle = {name: (points[0][name] + points[1][name]) / 2 for name in points[0]}
    texts = []
    plan = ChainPlan(
        epochs=30, batch_size=30, learning_rate=1.0, evaluate_every=10, points=9, threshold=1.0
    )
    found = optimise_binary_chain(
        data,
        [points[0], middle, points[1]],
        plan=plan,
        generators=[stream("chain")],
        progress=lambda epoch, epochs, text: texts.append((epoch, epochs, text)),
    )
    assert found.epoch.tolist() == [0, 10, 20, 30]
    assert (found.epochs_needed.tolist(), found.steps_needed.tolist()) == ([0.0], [0.0])
    assert (found.finite.tolist(), found.batch_norm) == ([True], None)
    assert texts[-1] == (30, 30, "1 of 1 chains connected")
    few = replace(plan, epochs=20, evaluation_samples=7, threshold=float(found.largest_error[0, 2]))
    chain = [points[0], middle, points[1]]
    again = optimise_binary_chain(data, chain, plan=few, generators=[stream("chain")])
    shown = profile(
        data.subset(torch.arange(7)), again.path, torch.linspace(0, 1, 9, dtype=torch.float64)
    ).error
    assert torch.equal(shown.amax(-1), again.largest_error[:, -1])
    assert again.steps_needed.tolist() == [
        2 * float(again.epochs_needed)
    ]  # 60 samples in batches of 30
    before, after = (
        float(data.error({name: tensor[0] for name, tensor in point.items()}))
        for point in (middle, found.path.points[1])
    )
    assert after < before / 2
    along = profile(data, found.path, torch.linspace(0, 1, plan.points, dtype=torch.float64)).error
    assert torch.equal(along.amax(-1), found.largest_error[:, -1])
    assert float(along[0, plan.points // 2]) == after


def test_a_chain_passes_through_its_points_along_hamming_geodesics():
    start, end = ends()
    middle = parameters(binary_module(*WIDTHS, seed=7))
    orders = [random_order(start, NAMES, generator=stream("order", side)) for side in (0, 1)]
    chain = HammingChain([start, middle, end], orders)
    times = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64)
    expected = [HammingPath(start, middle, orders[0])(t) for t in (0.0, 0.5, 1.0)]
    expected += [HammingPath(middle, end, orders[1])(t) for t in (0.5, 1.0)]
    for found, network in zip(unstack(chain(times)), expected, strict=True):
        assert all(torch.equal(found[name], network[name]) for name in NAMES)


def test_bad_requests_are_named():
    start, end = ends()
    points, plan = [stack([network]) for network in (start, start, end)], ChainPlan(epochs=1)
    with pytest.raises(
        SymgeomError,
        match="Cannot train a binary chain of 2 points: give three, start, bend and end",
    ):
        optimise_binary_chain(problem(), points[:2], plan=plan, generators=[stream("chain")])
    with pytest.raises(
        SymgeomError, match="Cannot train 1 binary chains with 2 generators: give one for each pair"
    ):
        optimise_binary_chain(problem(), points, plan=plan, generators=[stream("chain")] * 2)
    with pytest.raises(
        SymgeomError,
        match="Cannot draw orders for 1 stacked networks with 2 generators: give one for each",
    ):
        random_order(points[0], NAMES, generator=[stream("order")] * 2)
