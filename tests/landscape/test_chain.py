import math
from dataclasses import asdict, replace
from unittest import mock

import pytest
import torch
from cases import batch, lenet, mlp, mlp_spec, network, randomised
from references import chain_by_autograd, curve_by_autograd
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack
from symgeom.landscape.barriers import refined_profile
from symgeom.landscape.chain import ChainPlan, chain_shape, optimise_path
from symgeom.landscape.chain.steps import one_by_one
from symgeom.landscape.path import BezierPath, GeodesicPath, LinearPath, PolygonalPath, curve_along
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, sphere_coordinates

WIDTHS = (5, 7, 6, 3)
PLAN = ChainPlan(
    epochs=3, batch_size=32, learning_rate=0.1, evaluate_every=2, points=5, refinements=0
)


def problem(dtype=torch.float64):
    return Problem(mlp(*WIDTHS), *batch(75, 5, 3)).cast(dtype)


def pair(seed, dtype=torch.float64):
    start, end = (cast(network(*WIDTHS, seed=2 * seed + side), dtype) for side in (0, 1))
    return [start, LinearPath(start, end)(0.5), end]


def trained(seeds, dtype, plan=PLAN):
    chain = PolygonalPath(
        [stack(points) for points in zip(*(pair(seed, dtype) for seed in seeds), strict=True)]
    )
    return optimise_path(
        problem(dtype), chain, plan=plan, generators=[stream("chain", seed) for seed in seeds]
    )


def loss(params, index):
    data = problem()
    outputs = torch.func.functional_call(data.module, params, (data.inputs[index],))
    return nn.functional.cross_entropy(outputs, data.targets[index])


@pytest.fixture(params=["together", "one by one"])
def small(request):
    """Train the pairs on stacked parameters, or one after the other, as large networks are."""
    with mock.patch(
        "symgeom.landscape.chain.steps.SMALL", 0 if request.param == "one by one" else 10**6
    ):
        yield


@pytest.mark.usefixtures("small")
def test_the_bend_is_that_of_backpropagation_through_the_chain():
    chains = trained([0, 1], torch.float64)
    for place in (0, 1):
        expected = chain_by_autograd(loss, pair(place), 75, asdict(PLAN), stream("chain", place))
        for name, tensor in chains.path.points[1].items():
            moved = (expected[name] - pair(place)[1][name]).abs().max()
            assert moved > 1e-3
            assert (tensor[place] - expected[name]).abs().max() < 1e-10 * moved


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("bends", [1, 2, 3])
def test_the_points_of_a_bezier_curve_are_those_of_backpropagation(bends):
    lines = [LinearPath(*pair(place)[::2]) for place in (0, 1)]
    points = [curve_along(line, kind="bezier", bends=bends).points for line in lines]
    chain = BezierPath([stack(point) for point in zip(*points, strict=True)])
    trained = optimise_path(
        problem(), chain, plan=PLAN, generators=[stream("chain", place) for place in (0, 1)]
    )
    assert isinstance(trained.path, BezierPath)
    for place in (0, 1):
        expected = curve_by_autograd(loss, points[place], 75, asdict(PLAN), stream("chain", place))
        for found, wanted, begun in zip(
            trained.path.points[1:-1], expected, points[place][1:-1], strict=True
        ):
            moved = (wanted["0.weight"] - begun["0.weight"]).abs().max()
            assert moved > 1e-3
            assert (found["0.weight"][place] - wanted["0.weight"]).abs().max() < 1e-10 * moved


@pytest.mark.usefixtures("small")
def test_several_bends_of_a_polygonal_chain():
    """Only the ends of the segment that ``t`` lies on are moved by a step: with one step, by
    the weights of ``t`` at most."""
    line = LinearPath(*(stack([point]) for point in pair(0)[::2]))
    chain = curve_along(line, bends=3)
    plan = replace(PLAN, epochs=1, batch_size=75, momentum=0.0)
    found, order = (
        optimise_path(problem(), chain, plan=plan, generators=[stream("step")]).path,
        stream("step"),
    )
    torch.randperm(75, generator=order)
    t = torch.rand(1, generator=order, dtype=torch.float64)
    gradient = problem().gradient({name: tensor[0] for name, tensor in chain(float(t)).items()})
    for place in range(5):
        weight = max(0.0, 1 - abs(4 * float(t) - place)) if place in (1, 2, 3) else 0.0
        expected = chain.points[place]["0.weight"][0] - 0.1 * weight * gradient["0.weight"]
        assert torch.allclose(found.points[place]["0.weight"][0], expected, rtol=0, atol=1e-14)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["polygonal", "bezier"])
def test_bends_stay_on_the_torus(kind):
    """Between canonical networks all units keep length 1; a head of another length keeps its
    own; a dropped unit stays zero."""
    spec, ends = mlp_spec(*WIDTHS), []
    for seed in (0, 1):
        end = network(*WIDTHS, seed=seed)
        for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)):
            end[name].select(axis, 2).zero_()
        end = canonicalise(spec, end, dead_units="drop").parameters
        ends.append(end | {name: 3 * end[name] for name in ("4.weight", "4.bias")})
    line = GeodesicPath(spec, *(stack([end]) for end in ends), stacked=True)
    chain = curve_along(line, kind=kind, bends=2)
    options = {"plan": PLAN, "generators": [stream("torus")]}
    free, held = (
        optimise_path(problem(), chain, torus=torus, **options) for torus in (None, Torus(spec))
    )
    for place in (1, 2):
        bend, before, loose = (
            {n: x[0] for n, x in path.points[place].items()}
            for path in (held.path, chain, free.path)
        )
        for name, rows in sphere_coordinates(spec, bend).items():
            wanted = torch.full((len(rows),), 3.0 if name == "head" else 1.0, dtype=torch.float64)
            if name == "hidden1":
                wanted[2] = 0
            assert torch.allclose(rows.norm(dim=1), wanted, rtol=1e-14)
            assert (rows - sphere_coordinates(spec, before)[name]).abs().max() > 1e-3
            assert not torch.allclose(
                sphere_coordinates(spec, loose)[name].norm(dim=1), wanted, rtol=1e-4
            )
    assert held.finite.all()


def test_convolutions_are_trained_one_after_the_other_with_the_same_result():
    module = randomised(lenet())
    points = [
        stack([parameters(randomised(lenet(), seed)) for seed in (place, place + 3)])
        for place in range(3)
    ]
    data = Problem(module, batch(20, 64, 3)[0].unflatten(1, (1, 8, 8)), batch(20, 64, 3)[1])
    plan, found = replace(PLAN, epochs=1, batch_size=10, learning_rate=0.01), []
    for alone in (True, False):
        with mock.patch("symgeom.landscape.chain.steps.one_by_one", lambda *_, alone=alone: alone):
            generators = [stream("convolutions", place) for place in (0, 1)]
            found.append(
                optimise_path(
                    data, PolygonalPath(points), plan=plan, generators=generators
                ).path.points[1]
            )
    assert one_by_one(module, torch.device("cpu"))
    assert not one_by_one(mlp(*WIDTHS), torch.device("cpu"))
    assert not one_by_one(module, torch.device("cuda"))
    assert not torch.equal(found[0]["0.weight"], points[1]["0.weight"])
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pair_does_not_depend_on_the_others_that_are_trained_before_and_after_it(dtype):
    with mock.patch("symgeom.landscape.chain.steps.SMALL", 0):
        everyone = trained([0, 1, 2, 3, 4], dtype)
        for seeds in ([2], [4, 2, 0]):
            fewer = trained(seeds, dtype)
            for place, seed in enumerate(seeds):
                for point, of_all in zip(fewer.path.points, everyone.path.points, strict=True):
                    assert all(
                        torch.equal(point[name][place], of_all[name][seed]) for name in point
                    )
                assert torch.equal(fewer.largest_error[place], everyone.largest_error[seed])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pair_depends_on_the_others_in_its_stack_by_rounding_only(dtype):
    """Matrix products of some CPUs round by where in memory a network lies."""
    tolerance = 1000 * torch.finfo(dtype).eps
    everyone = trained([0, 1, 2, 3, 4], dtype)
    for seeds in ([2], [4, 2, 0]):
        fewer = trained(seeds, dtype)
        for place, seed in enumerate(seeds):
            for point, of_all in zip(fewer.path.points, everyone.path.points, strict=True):
                for name, tensor in point.items():
                    torch.testing.assert_close(
                        tensor[place], of_all[name][seed], rtol=tolerance, atol=tolerance
                    )
            assert torch.equal(fewer.largest_error[place], everyone.largest_error[seed])


def test_the_record_is_the_error_along_the_chain():
    chains = trained([0, 1], torch.float64)
    assert chains.epoch.tolist() == [0, 2, 3]
    few = trained([0, 1], torch.float64, replace(PLAN, evaluation_samples=10))
    assert torch.equal(few.path.points[1]["0.weight"], chains.path.points[1]["0.weight"])
    first = problem().subset(torch.arange(10))
    assert few.largest_error[0, -1] == max(
        float(first.error(chains.path.pair(0)(t))) for t in (0, 0.25, 0.5, 0.75, 1)
    )
    for place in (0, 1):
        points = [
            {name: tensor[place] for name, tensor in point.items()} for point in chains.path.points
        ]
        largest = max(
            float(problem().error(PolygonalPath(points)(t))) for t in (0, 0.25, 0.5, 0.75, 1)
        )
        assert chains.largest_error[place, -1] == largest
        # Connected from the first evaluation on whose largest error is hardly above that of the
        # worse end.
        limit = max(float(problem().error(point)) for point in points[::2]) + PLAN.threshold
        within = [
            epoch
            for epoch, error in zip(
                chains.epoch.tolist(), chains.largest_error[place].tolist(), strict=True
            )
            if error <= limit
        ]
        assert chains.epochs_needed[place] == min(within, default=math.inf)
    assert chains.finite.all()


def test_chains_are_judged_where_they_peak():
    """Beside the equidistant points, at those that the profile of each chain by itself has."""
    plan = replace(PLAN, refinements=2)
    chains = trained([0, 1], torch.float64, plan)
    coarse = trained([0, 1], torch.float64)
    assert chains.t.shape == chains.error.shape == (2, 13)
    assert torch.equal(coarse.t, torch.linspace(0, 1, 5, dtype=torch.float64).expand(2, 5))
    assert torch.equal(coarse.error.amax(1), coarse.largest_error[:, -1])
    for place in (0, 1):
        alone = refined_profile(problem(), chains.path.pair(place), points=5, refinements=2)
        assert torch.equal(chains.t[place], alone.t)
        assert torch.equal(chains.error[place], alone.error)
        assert chains.largest_error[place, -1] == alone.error.max()
    assert (chains.largest_error >= coarse.largest_error).all()
    assert torch.equal(chains.path.points[1]["0.weight"], coarse.path.points[1]["0.weight"])


class Gap(nn.Module):
    """Right along the line of its weight but between 0.55 and 0.6."""

    def __init__(self):
        super().__init__()
        self.point = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, inputs):
        right = (self.point - 0.575).abs() - 0.025
        return torch.stack([torch.zeros_like(right), right]).expand(len(inputs), 2)


def test_a_narrow_rise_is_no_connection():
    """The grid of nine points steps over it; the loss, which rises around it, leads there."""
    gap = Problem(Gap(), torch.zeros(2, 1, dtype=torch.float64), torch.ones(2, dtype=torch.int64))
    points = [{"point": torch.tensor([place], dtype=torch.float64)} for place in (0.0, 0.5, 1.0)]
    needed = {}
    for refinements in (0, 2):
        plan = ChainPlan(epochs=1, learning_rate=0.0, points=9, refinements=refinements)
        chains = optimise_path(gap, PolygonalPath(points), plan=plan, generators=[stream("gap")])
        needed[refinements] = chains.epochs_needed.item()
    assert needed == {0: 0, 2: math.inf}


class Ring(nn.Module):
    """Right near the unit circle of the plane of its two weights, wrong in the middle and far
    away, whatever the input."""

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
    chains = optimise_path(
        ring, chain, plan=plan, generators=generators, progress=lambda *call: calls.append(call)
    )
    # The hill: straight on, all samples are wrong. The chain over (0, h) is right for 1 < h <
    # sqrt(3/2).
    assert chains.largest_error[0, 0] == 1
    assert chains.largest_error[0, -1] == 0
    assert 1 < chains.path.points[1]["point"][0, 1] < math.sqrt(1.5)
    first = chains.largest_error[0].tolist().index(0)
    assert chains.epochs_needed.tolist() == [10 * first, 0, math.inf]
    assert chains.steps_needed.tolist() == [4 * 10 * first, 0, math.inf]
    assert first > 0
    # A pair that diverged keeps its place.
    assert chains.finite.tolist() == [True, True, False]
    assert chains.largest_error.isnan().all(1).tolist() == [False, False, True]
    assert [call[:2] for call in calls] == [(epoch, 60) for epoch in range(1, 61)]
    assert calls[-1][2] == "2 of 3 chains connected"
    assert bends[0].tolist() == [0.0, 0.1]


def test_buffers_of_the_bend_are_not_trained():
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).double()
    points = [
        {name: tensor + place for name, tensor in parameters(module).items()} for place in (0, 1, 3)
    ]
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


def test_shape_of_a_chain_with_several_bends():
    shape = chain_shape(*corner([0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 2.0]))
    assert math.isclose(shape.length_ratio, (2 + math.sqrt(2)) / math.sqrt(8), rel_tol=1e-7)
    assert math.isclose(shape.angle, math.pi / 2, rel_tol=1e-7)


def test_mistakes():
    start, middle, end = (stack([point]) for point in pair(0))
    with pytest.raises(SymgeomError, match="chain of 2 points: give three or more"):
        optimise_path(problem(), PolygonalPath([start, end]), plan=PLAN, generators=[stream("a")])
    with pytest.raises(SymgeomError, match="1 chains with 2 generators: give one for each pair"):
        optimise_path(
            problem(),
            PolygonalPath([start, middle, end]),
            plan=PLAN,
            generators=[stream("a"), stream("b")],
        )
    with pytest.raises(SymgeomError, match="with learning_rate = -0.1: it must be at least 0"):
        ChainPlan(learning_rate=-0.1)
    with pytest.raises(SymgeomError, match="with evaluation_samples = 0: it must be at least 1"):
        ChainPlan(evaluation_samples=0)
    with pytest.raises(SymgeomError, match="with points = 2: it must be at least 3"):
        ChainPlan(points=2)
    with pytest.raises(SymgeomError, match="with refinements = -1: it must be at least 0"):
        ChainPlan(refinements=-1)


def test_learning_rates_of_an_epoch():
    plan = ChainPlan(epochs=2, batch_size=30, learning_rate=0.4)
    assert plan.steps(60) == 2
    assert plan.steps(61) == 3
    rates = plan.learning_rates(0, 2) + plan.learning_rates(1, 2)
    half = math.sqrt(0.5)
    assert rates == pytest.approx([0.4, 0.2 * (1 + half), 0.2, 0.2 * (1 - half)], rel=1e-12)
