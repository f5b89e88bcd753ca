import math
from unittest import mock

import pytest
import torch
from cases import batch, lenet, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import cast, parameters, stack, unstack
from symgeom.landscape.barriers import (
    NETWORKS_HELD,
    NEW_POINTS,
    barrier,
    profile,
    refined_profile,
    refined_size,
)
from symgeom.landscape.barriers.shared import SharedLayer
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.path import BezierPath, GeodesicPath, LinearPath, PolygonalPath
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
PROBLEM = Problem(mlp(*WIDTHS), *batch(101, 5, 3), chunk=64)
T = torch.linspace(0, 1, NETWORKS_HELD + 3, dtype=torch.float64)


def line(first=0, second=1, dtype=torch.float64):
    return LinearPath(*(cast(network(*WIDTHS, seed=seed), dtype) for seed in (first, second)))


def test_profile_is_the_landscape_point_by_point():
    measured = profile(PROBLEM, line(), T)
    assert torch.equal(measured.t, T)
    for t, loss, error in zip(T.tolist(), measured.loss, measured.error, strict=True):
        assert loss == PROBLEM.loss(line()(t))
        assert error == PROBLEM.error(line()(t))


def test_profile_of_a_classifier_that_flips_at_a_known_point():
    # Outputs (1 - 4 t, 0) on the first sample and (1 - 4 t, 1 / 2) on the second: they flip at t =
    # 1 / 4 and 1 / 8.
    inputs, targets = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 0])
    ends = ({"weight": torch.tensor([[x, 0.0], [0.0, 0.5]])} for x in (1.0, -3.0))
    t = torch.tensor([0.0, 0.1, 0.15, 0.2, 0.3, 1.0])
    measured = profile(
        Problem(torch.nn.Linear(2, 2, bias=False), inputs, targets), LinearPath(*ends), t
    )
    assert measured.error.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert math.isclose(
        measured.loss[0],
        (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-0.5))) / 2,
        rel_tol=1e-6,
    )


def canonical(seed, **options):
    return canonicalise(mlp_spec(*WIDTHS), network(*WIDTHS, seed=seed), **options).parameters


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_profiles_of_stacked_pairs_are_those_of_the_pairs_but_for_rounding(dtype):
    """Matrix products of some CPUs round by where in memory a network lies."""
    rounding = 100 * torch.finfo(dtype).eps
    ends = [[cast(canonical(seed), dtype) for seed in seeds] for seeds in ((0, 1, 2), (3, 4, 5))]
    problem = PROBLEM.cast(dtype)
    together = profile(problem, GeodesicPath(mlp_spec(*WIDTHS), *map(stack, ends), stacked=True), T)
    assert together.error.shape == together.loss.shape == (3, len(T))
    for pair, (start, end) in enumerate(zip(*ends, strict=True)):
        alone = profile(problem, GeodesicPath(mlp_spec(*WIDTHS), start, end), T)
        assert torch.allclose(together.loss[pair], alone.loss, rtol=rounding)
        assert torch.equal(together.error[pair], alone.error)


def test_networks_evaluated_together_or_one_by_one():
    one_by_one, together = profile(PROBLEM, line(), T), profile(PROBLEM, line(), T, at_once=4)
    assert torch.equal(one_by_one.error, together.error)
    assert torch.allclose(one_by_one.loss, together.loss, rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_diverged_end_has_no_error_and_no_barrier(at_once):
    diverged = network(*WIDTHS, seed=1)
    diverged["2.weight"][0, 0] = torch.nan
    path = LinearPath(
        *(stack([network(*WIDTHS), end]) for end in (network(*WIDTHS, seed=2), diverged))
    )
    measured = profile(PROBLEM, path, T, at_once=at_once)
    assert measured.error.isnan().all(1).tolist() == [False, True]
    assert measured.error.isnan().any(1).tolist() == [False, True]
    for values in (measured.error, measured.loss):
        assert barrier(T, values).isnan().tolist() == [False, True]


def normalised(seed=0):
    return randomised(
        nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)), seed
    )


@pytest.mark.parametrize("pairs", [0, 2])
def test_profiles_with_statistics_measured_at_every_point(pairs):
    """Each network of the path is given its statistics by hand; the ends carry some that are
    far off."""
    ends = [parameters(normalised(seed)) for seed in (1, 2)]
    path = LinearPath(*(stack([end] * pairs) if pairs else end for end in ends))
    options = {"chunk": 64, "training_inputs": batch(70, 5, 3, seed=1)[0]}
    anew = Problem(normalised(), *batch(101, 5, 3), batch_norm="recompute", **options)
    carried = Problem(normalised(), *batch(101, 5, 3), batch_norm="carried", **options)
    measured, together = profile(anew, path, T), profile(anew, path, T, at_once=4)
    networks = [
        recompute_statistics(anew.module, net, anew.training_inputs, chunk=64)
        for net in unstack(LinearPath(*ends)(T))
    ]
    loss, error = torch.stack(
        [torch.stack(carried.loss_and_error(network)) for network in networks], dim=1
    )
    assert torch.equal(measured.loss, loss.expand(pairs, -1) if pairs else loss)
    assert torch.equal(measured.error, error.expand(pairs, -1) if pairs else error)
    torch.testing.assert_close(together.loss, measured.loss, rtol=1e-12, atol=0)
    assert (measured.batch_norm, profile(PROBLEM, line(), T).batch_norm) == ("recompute", None)
    as_carried = profile(carried, path, T)
    assert as_carried.batch_norm == "carried"
    assert not torch.allclose(as_carried.loss, measured.loss, rtol=0.01)


def test_definitions_of_the_barrier():
    t = torch.tensor([0.0, 0.25, 1.0])
    values = torch.tensor([[0.1, 0.4, 0.3], [0.2, 0.1, 0.0], [0.0, 0.0, 0.0]])
    assert torch.allclose(barrier(t, values), torch.tensor([0.4 - 0.15, 0.0, 0.0]))
    assert torch.equal(barrier(t, values, definition="maximum"), torch.tensor([0.4, 0.2, 0.0]))


@pytest.mark.parametrize("definition", ["above_line", "maximum"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_is_never_dropped(definition, place):
    values = torch.zeros(2, 3)
    values[1, place] = torch.nan
    assert barrier(
        torch.tensor([0.0, 0.5, 1.0]), values, definition=definition
    ).isnan().tolist() == [False, True]


def test_a_grid_of_its_own_for_every_path():
    t = torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.25, 1.0]])
    values = torch.tensor([[0.0, 0.5, 0.8], [0.0, 0.5, 0.8]])
    assert torch.allclose(barrier(t, values), torch.tensor([0.1, 0.3]))
    with pytest.raises(
        SymgeomError, match=r"on a grid of shape \(2, 3\) .* with values of shape \(3,\)"
    ):
        barrier(t, values[0])
    with pytest.raises(SymgeomError, match="increases from 0 to 1"):
        barrier(t.flip(-1), values)


IMAGES = Problem(lenet().double(), batch(37, 64, 3)[0].unflatten(1, (1, 8, 8)), batch(37, 64, 3)[1])


def with_images(seed=0, channels=2):
    """A perceptron that reads images: its first layer is behind a flattening."""
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(9 * channels, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)
    )
    return randomised(network, seed)


class Sum(nn.Module):
    """Reads the inputs twice with one layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.b(torch.relu(self.a(inputs)) + torch.relu(self.a(-inputs)))


class Tied(nn.Module):
    """Uses the weight of the layer that reads the inputs once more, through another layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.b.weight = self.a.weight

    def forward(self, inputs):
        return self.head(torch.relu(self.b(torch.relu(self.a(inputs)))))


MODULES = {
    "mlp": (lambda seed: mlp(*WIDTHS, seed=seed), (5,)),
    "without biases": (lambda seed: mlp(*WIDTHS, seed=seed, bias=False), (5,)),
    "images": (with_images, (2, 3, 3)),
    "convolutions": (lambda seed: randomised(lenet(), seed), (1, 8, 8)),
    "a layer used twice": (lambda seed: randomised(Sum(), seed), (5,)),
    "a weight used twice": (lambda seed: randomised(Tied(), seed), (5,)),
    "normalised inputs": (
        lambda seed: randomised(nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 3)), seed),
        (5,),
    ),
    "one layer": (lambda seed: randomised(nn.Linear(5, 3), seed), (5,)),
}


@pytest.mark.parametrize("case", MODULES)
def test_errors_alone_are_those_beside_the_loss(case):
    factory, shape = MODULES[case]
    inputs, targets = batch(101, math.prod(shape), 3)
    problem = Problem(factory(0), inputs.unflatten(1, shape), targets, chunk=32)
    assert (SharedLayer.of(problem) is not None) == (
        case in ("mlp", "without biases", "images", "one layer")
    )
    networks = [parameters(factory(seed)) for seed in (1, 2, 3)]
    curves = [PolygonalPath(networks), BezierPath(networks), LinearPath(*networks[:2])]
    for path in [*curves, lambda t: curves[0](t)]:
        alone, both = profile(problem, path, T, values="error"), profile(problem, path, T)
        assert torch.equal(alone.error, both.error)
        assert alone.error.unique().numel() > 2
        assert alone.loss.isnan().all()
        assert not both.loss.isnan().any()


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_errors_alone_along_geodesics_of_stacked_pairs(bias_in_norm):
    """Also where the first layer's outputs are held for some samples at a time only."""
    ends = [
        stack([canonical(seed, bias_in_norm=bias_in_norm) for seed in seeds])
        for seeds in ((0, 1, 2), (3, 4, 5))
    ]
    path = GeodesicPath(mlp_spec(*WIDTHS), *ends, bias_in_norm=bias_in_norm, stacked=True)
    alone, both = profile(PROBLEM, path, T, values="error"), profile(PROBLEM, path, T)
    assert torch.equal(alone.error, both.error)
    with mock.patch("symgeom.landscape.barriers.shared.HELD_BYTES", 1):
        assert torch.equal(profile(PROBLEM, path, T, values="error").error, both.error)
    for pair in range(3):
        assert torch.equal(
            profile(PROBLEM, path.pair(pair), T, values="error").error, both.error[pair]
        )


def test_rows_that_lie_on_several_spheres_are_evaluated_one_by_one():
    """A grouping of the inputs: the entries of a row of the first layer are on spheres of their
    own."""
    spec = SymmetrySpec((UnitGroup("inputs", 5, (Leg("0.weight", 1),)),))
    ends = [canonicalise(spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1)]
    path = GeodesicPath(spec, *ends)
    assert path.factors("0.weight", T) is None
    assert torch.equal(
        profile(PROBLEM, path, T, values="error").error, profile(PROBLEM, path, T).error
    )


def test_a_diverged_end_has_no_error_where_the_first_layer_is_shared():
    diverged = network(*WIDTHS, seed=1)
    for name in ("0.weight", "2.weight"):
        path = LinearPath(network(*WIDTHS), diverged | {name: diverged[name] * math.nan})
        assert profile(PROBLEM, path, T, values="error").error.isnan().all()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_laid_out_for_speed_and_stay_the_same(channels):
    inputs = batch(20, 64 * channels, 3)[0].unflatten(1, (channels, 8, 8))
    network = nn.Sequential(nn.Conv2d(channels, 3, 8), nn.Flatten()).double()
    problem = Problem(network, inputs[:, :, :, :], torch.zeros(20, dtype=torch.int64))
    assert torch.equal(laid_out(problem).inputs, inputs)
    assert laid_out(problem).inputs.stride() == (64 * channels, 1, 8 * channels, channels)
    assert laid_out(PROBLEM) is PROBLEM
    found = profile(
        IMAGES, LinearPath(*(parameters(randomised(lenet(), seed)) for seed in (1, 2))), T
    )
    for t, loss in zip(T.tolist(), found.loss, strict=True):
        network = LinearPath(*(parameters(randomised(lenet(), seed)) for seed in (1, 2)))(t)
        assert math.isclose(loss, IMAGES.loss(network), rel_tol=1e-12)


class Peak(nn.Module):
    """Wrong in a narrow window around a place; the loss is a wide hill there."""

    def __init__(self, place=0.437, width=0.02):
        super().__init__()
        self.t = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.place, self.width = place, width

    def forward(self, inputs):
        logit = 10 * ((self.t - self.place).abs() - self.width)
        return torch.stack([torch.zeros_like(logit), logit]).expand(len(inputs), 2)


HILL = Problem(Peak(), torch.zeros(3, 1, dtype=torch.float64), torch.ones(3, dtype=torch.int64))
RAMP = LinearPath(*({"t": torch.tensor(t, dtype=torch.float64)} for t in (0.0, 1.0)))


def test_a_refined_profile_finds_a_peak_that_the_grid_misses():
    coarse = profile(HILL, RAMP, torch.linspace(0, 1, 11, dtype=torch.float64))
    assert barrier(coarse.t, coarse.error) == 0
    fine = refined_profile(HILL, RAMP, points=11, refinements=4)
    assert barrier(fine.t, fine.error) == 1
    nearest = (fine.t - HILL.module.place).abs().min()
    assert nearest <= 0.1 / 2**5
    assert (fine.t.diff() > 0).all()
    assert len(fine.t) == 11 + 4 * NEW_POINTS
    assert set(coarse.t.tolist()) <= set(fine.t.tolist())
    assert torch.equal(fine.loss, profile(HILL, RAMP, fine.t).loss)
    assert torch.equal(fine.error, profile(HILL, RAMP, fine.t).error)


@pytest.mark.parametrize("place", [0.0, 1.0, 0.5, math.nan])
def test_a_refined_profile_has_its_number_of_points_wherever_the_peak_is(place):
    hill = Problem(Peak(place), HILL.inputs, HILL.targets)
    fine = refined_profile(hill, RAMP, points=5, refinements=3)
    assert len(fine.t) == 17
    assert (fine.t.diff() > 0).all()
    assert fine.error.isnan().any() == math.isnan(place)
    if place == 0.5:
        around = fine.t[(fine.t - 0.5).abs() < 0.1]
        assert {0.5 - 2**-5, 0.5, 0.5 + 2**-5} <= set(around.tolist())


@pytest.mark.parametrize("points", [2, 3, 4, 9])
def test_a_coarse_grid_is_halved_as_a_whole(points):
    fine = refined_profile(HILL, RAMP, points=points, refinements=2)
    once = refined_profile(HILL, RAMP, points=points, refinements=1)
    assert [len(once.t), len(fine.t)] == [refined_size(points, 1), refined_size(points, 2)]
    if points < 6:
        halved = torch.linspace(0, 1, 2 * points - 1, dtype=torch.float64)
        assert torch.allclose(once.t, halved, rtol=0, atol=1e-15)


def test_grids_that_cannot_be_refined():
    with pytest.raises(
        SymgeomError, match="Cannot refine a grid of 1 points 3 times: begin with at least 2 points"
    ):
        refined_profile(HILL, RAMP, points=1)
    with pytest.raises(SymgeomError, match="the profiles of 2 stacked pairs together"):
        refined_profile(HILL, LinearPath(*(stack([end] * 2) for end in (RAMP.start, RAMP.end))))
    with pytest.raises(SymgeomError, match="Unknown choice of values 'losses'"):
        profile(HILL, RAMP, T, values="losses")


def test_a_loss_is_refined_where_it_peaks():
    both = refined_profile(HILL, RAMP, points=5, refinements=2)
    alone = refined_profile(HILL, RAMP, points=5, refinements=2, values="loss")
    assert alone.error.isnan().all()
    assert alone.loss.max() >= both.loss.max()


@pytest.mark.parametrize(
    "t", [[0.0, 0.5], [0.0, 0.5, 0.9], [0.1, 0.5, 1.0], [0.0, 0.0, 1.0], [0.0, 0.6, 0.4, 1.0]]
)
def test_grids_that_are_none(t):
    with pytest.raises(
        SymgeomError, match="give one value for each point of a grid that increases from 0 to 1"
    ):
        barrier(torch.tensor(t), torch.zeros(3 if len(t) == 2 else len(t)))


def test_an_unknown_definition():
    with pytest.raises(SymgeomError, match="Unknown definition of the barrier 'mean'"):
        barrier(torch.tensor([0.0, 1.0]), torch.zeros(2), definition="mean")
