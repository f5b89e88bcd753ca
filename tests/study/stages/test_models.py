"""The stages of the models: solutions of the perceptron, the ellipse, descents of two layers."""

from itertools import combinations

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import REAL

from symgeom.ground.randomness import stream
from symgeom.models.ellipse import measure_ellipse
from symgeom.models.perceptron import Perceptron, solve
from symgeom.models.two_layer.experiments import EXPERIMENTS
from symgeom.study.stages import descents, ellipses, solutions

PERCEPTRON = REAL["perceptron"] | {"dimension": 40, "margins": {"easy": -0.5, "hopeless": 5.0}}


@pytest.fixture(scope="module")
def solved() -> xr.Dataset:
    return solutions.measure(PERCEPTRON)


def weights_by_hand(draw: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the patterns of a draw, and its solutions of the easy margin."""
    model = Perceptron.gaussian(
        40, alpha=2.0, kappa=-0.5, generator=stream("perceptron", "patterns", draw)
    )
    easy = solve(model, margin=-0.5, generator=stream("perceptron", "easy", draw), starts=3)
    return model.patterns, easy.weights


def test_margins_are_those_of_the_patterns(solved):
    patterns, weights = weights_by_hand()
    unit = weights / weights.norm(dim=1, keepdim=True)
    smallest = (unit @ patterns.T).min(1).values
    easy = solved["margin"][(solved["solution_kind"] == "easy").values][:3]
    scale = easy.values / smallest.numpy()
    np.testing.assert_allclose(scale, scale[0], rtol=1e-12)
    assert (easy >= -0.5).all()


def test_angles_are_those_between_the_solutions(solved):
    _, weights = weights_by_hand()
    unit = weights / weights.norm(dim=1, keepdim=True)
    for number, (first, second) in enumerate(combinations(range(3), 2)):
        row = list(zip(solved["first"].values, solved["second"].values, strict=True))
        index = row.index((first, second))
        expected = torch.arccos(unit[first] @ unit[second]).item()
        assert solved["angle"][index].item() == pytest.approx(expected)
        assert number < 3


def test_ends_of_great_circles_violate_no_constraint(solved):
    easy = solved.isel(pair=(solved["kind"] == "easy-easy").values)
    assert (easy["error"].isel(t=0) == 0).all()
    assert (easy["error"].isel(t=-1) == 0).all()
    assert (easy["barrier"] >= easy["error"].max("t") - 1e-12).all()


def test_what_is_not_solved_has_no_barrier(solved):
    assert not solved["solved"][(solved["solution_kind"] == "hopeless").values].any()
    unsolved = solved.isel(pair=(solved["kind"] != "easy-easy").values)
    assert unsolved["error"].isnull().all()
    assert unsolved["barrier"].isnull().all()
    assert unsolved["angle"].notnull().all()


def test_solutions_say_what_they_are(solved):
    assert solved["error"].dims == ("pair", "t")
    assert solved["angle"].attrs["units"] == "rad"
    assert sorted(set(solved["kind"].values)) == ["easy-easy", "easy-hopeless", "hopeless-hopeless"]
    assert solved.sizes == {"pair": 30, "solution": 12, "t": 41}
    assert solved.attrs == {"dimension": 40, "density": 2.0, "threshold": -0.5, "draws": 2}


def test_every_draw_has_constraints_solutions_and_pairs_of_its_own(solved):
    patterns = [weights_by_hand(draw)[0] for draw in range(2)]
    assert not torch.equal(*patterns)
    assert solved["draw"].values.tolist() == [0] * 15 + [1] * 15
    draw_of_solution = solved["solution_draw"].values
    for end in ("first", "second"):
        np.testing.assert_array_equal(draw_of_solution[solved[end].values], solved["draw"])
    one = solutions.measure(PERCEPTRON | {"draws": 1})
    xr.testing.assert_equal(one["angle"], solved["angle"].isel(pair=slice(15)))


@pytest.mark.filterwarnings("ignore:overflow")
def test_descents_hold_every_experiment():
    options = {"steps": 4, "radial_steps": 4, "sharp_steps": 4, "draws": 2}
    dataset = descents.measure(options)
    names = set()
    for option, experiment in EXPERIMENTS.items():
        arrays, axes = experiment(options[option])
        for name, (dims, values, units, meaning) in arrays.items():
            np.testing.assert_array_equal(dataset[name], values)
            assert dataset[name].dims == tuple([dims] if isinstance(dims, str) else dims)
            assert dataset[name].attrs == {"units": units, "long_name": meaning}
        names |= {*arrays, *axes}
    assert set(dataset.variables) == names


def test_the_ellipse_is_stored_with_its_options():
    options = {"steepness": 3.0, "learning_rate": 0.02, "steps": 5}
    dataset = ellipses.measure(options)
    arrays, axes = measure_ellipse(3.0, 0.02, 5)
    assert set(dataset.variables) == {*arrays, *axes}
    for name, (_, values, units, meaning) in {**arrays, **axes}.items():
        np.testing.assert_array_equal(dataset[name], values)
        assert dataset[name].attrs == {"units": units, "long_name": meaning}
    assert dataset.attrs == {"steepness": "3.0", "learning_rate": "0.02", "steps": "5"}
