import math
from dataclasses import asdict

import pytest
import torch
from cases import batch, mlp, network
from references import chain_by_autograd
from torch import nn

from symgeom.chain import ChainPlan, chain_shape, optimise_path
from symgeom.checks import SymgeomError
from symgeom.path import LinearPath, PolygonalPath
from symgeom.problem import Problem
from symgeom.randomness import stream
from symgeom.types import cast, parameters, stack

WIDTHS = (5, 7, 6, 3)
PLAN = ChainPlan(epochs=3, batch_size=32, learning_rate=0.1, evaluate_every=2, points=5)


def problem(dtype=torch.float64):
    return Problem(mlp(*WIDTHS), *batch(75, 5, 3)).cast(dtype)


def pair(seed, dtype=torch.float64):
    start, end = (cast(network(*WIDTHS, seed=2 * seed + side), dtype) for side in (0, 1))
    return [start, LinearPath(start, end)(0.5), end]


def trained(seeds, dtype, plan=PLAN):
    chain = PolygonalPath([stack(points) for points in zip(*(pair(seed, dtype) for seed in seeds), strict=True)])
    return optimise_path(problem(dtype), chain, plan=plan, generators=[stream("chain", seed) for seed in seeds])


def test_the_bend_is_that_of_backpropagation_through_the_chain():
    data = problem()

    def loss(params, index):
        outputs = torch.func.functional_call(data.module, params, (data.inputs[index],))
        return nn.functional.cross_entropy(outputs, data.targets[index])

    chains = trained([0, 1], torch.float64)
    for place in (0, 1):
        expected = chain_by_autograd(loss, pair(place), 75, asdict(PLAN), stream("chain", place))
        for name, tensor in chains.path.points[1].items():
            moved = (expected[name] - pair(place)[1][name]).abs().max()
            assert moved > 1e-3
            assert (tensor[place] - expected[name]).abs().max() < 1e-10 * moved


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pair_does_not_depend_on_the_others_in_the_stack(dtype):
    together = trained([0, 1, 2, 3, 4], dtype)
    for seeds in ([2], [4, 2, 0]):
        fewer = trained(seeds, dtype)
        for place, seed in enumerate(seeds):
            for one, all_ in zip(fewer.path.points, together.path.points, strict=True):
                assert all(torch.equal(one[name][place], all_[name][seed]) for name in one)
            assert torch.equal(fewer.largest_error[place], together.largest_error[seed])


def test_the_record_is_the_error_along_the_chain():
    chains = trained([0, 1], torch.float64)
    assert chains.epoch.tolist() == [0, 2, 3]
    for place in (0, 1):
        points = [{name: tensor[place] for name, tensor in point.items()} for point in chains.path.points]
        largest = max(float(problem().error(PolygonalPath(points)(t))) for t in (0, 0.25, 0.5, 0.75, 1))
        assert chains.largest_error[place, -1] == largest
    assert chains.finite.all()


class Ring(nn.Module):
    """Right near the unit circle of the plane of its two weights, wrong in the middle and far away, whatever the input."""

    def __init__(self):
        super().__init__()
        self.point = nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def forward(self, inputs):
        right = 0.5 - (self.point.square().sum() - 1).abs()
        return torch.stack([torch.zeros_like(right), 4 * right]).expand(len(inputs), 2)


def test_a_bend_finds_its_way_around_a_hill_and_says_how_long_it_took():
    ends = torch.tensor([[-1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    bends = torch.tensor([[0.0, 0.1], [-1.0, 0.0], [math.nan, 0.0]], dtype=torch.float64)
    starts = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    ring = Problem(Ring(), torch.zeros(8, 1, dtype=torch.float64), torch.ones(8, dtype=torch.int64))
    plan = ChainPlan(epochs=60, batch_size=2, learning_rate=0.05, evaluate_every=10, points=21)
    chain, calls = PolygonalPath([{"point": tensor} for tensor in (starts, bends, ends)]), []
    generators = [stream("ring", place) for place in range(3)]
    chains = optimise_path(ring, chain, plan=plan, generators=generators, progress=lambda *call: calls.append(call))
    # The hill: straight on, all samples are wrong. The chain over (0, h) is right for 1 < h < sqrt(3/2).
    assert chains.largest_error[0, 0] == 1
    assert chains.largest_error[0, -1] == 0
    assert 1 < chains.path.points[1]["point"][0, 1] < math.sqrt(1.5)
    first = chains.largest_error[0].tolist().index(0)
    assert chains.epochs_needed.tolist() == [10 * first, 0, math.inf]
    assert first > 0
    # A pair that diverged keeps its place.
    assert chains.finite.tolist() == [True, True, False]
    assert chains.largest_error.isnan().all(1).tolist() == [False, False, True]
    assert [call[:2] for call in calls] == [(epoch, 60) for epoch in range(1, 61)]
    assert calls[-1][2] == "2 of 3 chains connected"
    assert bends[0].tolist() == [0.0, 0.1]


def test_buffers_of_the_bend_are_not_trained():
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).double()
    points = [{name: tensor + place for name, tensor in parameters(module).items()} for place in (0, 1, 3)]
    data = Problem(module, *batch(20, 5, 3), batch_norm="carried")
    chain = PolygonalPath([stack([point]) for point in points])
    bend = optimise_path(data, chain, plan=PLAN, generators=[stream("buffers")]).path.points[1]
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(bend[name][0], points[1][name])
    assert not torch.equal(bend["1.weight"][0], points[1]["1.weight"])


def corner(*points):
    return [{"w": torch.tensor(point[:1]), "v": torch.tensor(point[1:])} for point in points]


@pytest.mark.parametrize(
    ("points", "ratio", "angle"),
    [
        (([0.0, 0.0], [1.0, 1.0], [2.0, 2.0]), 1, 0),
        (([0.0, 0.0], [3.0, 0.0], [3.0, 4.0]), 7 / 5, math.pi / 2),
        (([0.0, 0.0], [2.0, 0.0], [1.0, 0.0]), 3, math.pi),
        (([0.0, 0.0], [0.0, 1.0], [0.0, 0.0]), math.inf, math.pi),
    ],
)
def test_shape_of_a_chain(points, ratio, angle):
    shape = chain_shape(*corner(*points))
    assert math.isclose(shape.length_ratio, ratio, rel_tol=1e-14)
    assert math.isclose(shape.angle, angle, abs_tol=1e-14)
    stacked = torch.vmap(chain_shape)(*(stack([point, point]) for point in corner(*points)))
    assert stacked.angle.tolist() == [float(shape.angle)] * 2


def test_mistakes():
    start, middle, end = (stack([point]) for point in pair(0))
    with pytest.raises(SymgeomError, match="chain of 2 points: give three"):
        optimise_path(problem(), PolygonalPath([start, end]), plan=PLAN, generators=[stream("a")])
    with pytest.raises(SymgeomError, match="1 chains with 2 generators: give one for each pair"):
        optimise_path(problem(), PolygonalPath([start, middle, end]), plan=PLAN, generators=[stream("a"), stream("b")])
    with pytest.raises(SymgeomError, match="with learning_rate = -0.1: it must be at least 0"):
        ChainPlan(learning_rate=-0.1)
    with pytest.raises(SymgeomError, match="with points = 2: it must be at least 3"):
        ChainPlan(points=2)
