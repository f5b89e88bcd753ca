"""Training on from points of the orbit of a minimum."""

import pytest
import torch

from symgeom.landscape.problem import Problem
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.digits import read
from symgeom.study.experiments import training_on
from symgeom.symmetry.discovery import discover


@pytest.fixture(scope="module")
def problem() -> Problem:
    data = read(Choice())
    return Problem(training_on.network(), data.train_inputs[:64], data.train_targets[:64])


@pytest.mark.parametrize("point", training_on.POINTS)
def test_moves_change_no_output(problem, point):
    spec = discover(problem.module, problem.inputs[:2]).exact()
    params = training_on.start(problem, 0)
    moved = training_on.moved_to(point, spec, problem, params)
    torch.testing.assert_close(problem.outputs(moved), problem.outputs(params))
    trace = training_on.trace(problem, moved)
    length = sum(x.square().sum() for x in moved.values())
    flattest = training_on.moved_to("smallest trace", spec, problem, params)
    shortest = training_on.moved_to("equal lengths", spec, problem, params)
    assert training_on.trace(problem, flattest) <= trace * (1 + 1e-12)
    assert sum(x.square().sum() for x in shortest.values()) <= length * (1 + 1e-12)


def test_all_points_go_on_with_the_same_mini_batches(problem):
    """From one network twice, training is the same; the loss is that of its records."""
    params = training_on.start(problem, 0)
    twice = [training_on.trained_on(problem, [params], epochs=2, per_epoch=1) for _ in range(2)]
    assert (twice[0]["trace"] == twice[1]["trace"]).all()
    assert twice[0]["loss"].shape == (1, 3)
    assert float(problem.loss(params)) == pytest.approx(twice[0]["loss"][0, 0])
    assert twice[0]["loss"][0, 2] < twice[0]["loss"][0, 0]
