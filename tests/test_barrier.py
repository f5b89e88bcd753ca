import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.barrier import NETWORKS_HELD, barrier, profile
from symgeom.batchnorm import recompute_statistics
from symgeom.checks import SymgeomError
from symgeom.path import GeodesicPath, LinearPath
from symgeom.problem import Problem
from symgeom.types import cast, parameters, stack, unstack

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
    # Outputs (1 - 4 t, 0) on the first sample and (1 - 4 t, 1 / 2) on the second: they flip at t = 1 / 4 and 1 / 8.
    inputs, targets = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 0])
    ends = ({"weight": torch.tensor([[x, 0.0], [0.0, 0.5]])} for x in (1.0, -3.0))
    t = torch.tensor([0.0, 0.1, 0.15, 0.2, 0.3, 1.0])
    measured = profile(Problem(torch.nn.Linear(2, 2, bias=False), inputs, targets), LinearPath(*ends), t)
    assert measured.error.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert math.isclose(measured.loss[0], (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-0.5))) / 2, rel_tol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_profiles_of_stacked_pairs_are_those_of_the_pairs_bit_for_bit(dtype):
    ends = [[cast(network(*WIDTHS, seed=seed), dtype) for seed in seeds] for seeds in ((0, 1, 2), (3, 4, 5))]
    problem = PROBLEM.cast(dtype)
    together = profile(problem, GeodesicPath(mlp_spec(*WIDTHS), *map(stack, ends), stacked=True), T)
    assert together.error.shape == together.loss.shape == (3, len(T))
    for pair, (start, end) in enumerate(zip(*ends, strict=True)):
        alone = profile(problem, GeodesicPath(mlp_spec(*WIDTHS), start, end), T)
        assert torch.equal(together.loss[pair], alone.loss)
        assert torch.equal(together.error[pair], alone.error)


def test_networks_evaluated_together_or_one_by_one():
    one_by_one, together = profile(PROBLEM, line(), T), profile(PROBLEM, line(), T, at_once=4)
    assert torch.equal(one_by_one.error, together.error)
    assert torch.allclose(one_by_one.loss, together.loss, rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_diverged_end_has_no_error_and_no_barrier(at_once):
    diverged = network(*WIDTHS, seed=1)
    diverged["2.weight"][0, 0] = torch.nan
    path = LinearPath(*(stack([network(*WIDTHS), end]) for end in (network(*WIDTHS, seed=2), diverged)))
    measured = profile(PROBLEM, path, T, at_once=at_once)
    assert measured.error.isnan().all(1).tolist() == [False, True]
    assert measured.error.isnan().any(1).tolist() == [False, True]
    for values in (measured.error, measured.loss):
        assert barrier(T, values).isnan().tolist() == [False, True]


def normalised(seed=0):
    return randomised(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)), seed)


@pytest.mark.parametrize("pairs", [0, 2])
def test_profiles_with_statistics_measured_at_every_point(pairs):
    """Each network of the path is given its statistics by hand; the ends carry some that are far off."""
    ends = [parameters(normalised(seed)) for seed in (1, 2)]
    path = LinearPath(*(stack([end] * pairs) if pairs else end for end in ends))
    options = {"chunk": 64, "training_inputs": batch(70, 5, 3, seed=1)[0]}
    anew = Problem(normalised(), *batch(101, 5, 3), batch_norm="recompute", **options)
    carried = Problem(normalised(), *batch(101, 5, 3), batch_norm="carried", **options)
    measured, together = profile(anew, path, T), profile(anew, path, T, at_once=4)
    networks = [recompute_statistics(anew.module, net, anew.training_inputs, chunk=64) for net in unstack(LinearPath(*ends)(T))]
    loss, error = torch.stack([torch.stack(carried.loss_and_error(network)) for network in networks], dim=1)
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
    assert barrier(torch.tensor([0.0, 0.5, 1.0]), values, definition=definition).isnan().tolist() == [False, True]


@pytest.mark.parametrize("t", [[0.0, 0.5], [0.0, 0.5, 0.9], [0.1, 0.5, 1.0], [0.0, 0.0, 1.0], [0.0, 0.6, 0.4, 1.0]])
def test_grids_that_are_none(t):
    with pytest.raises(SymgeomError, match="give one value for each point of a grid that increases from 0 to 1"):
        barrier(torch.tensor(t), torch.zeros(3 if len(t) == 2 else len(t)))


def test_an_unknown_definition():
    with pytest.raises(SymgeomError, match="Unknown definition of the barrier 'mean'"):
        barrier(torch.tensor([0.0, 1.0]), torch.zeros(2), definition="mean")
