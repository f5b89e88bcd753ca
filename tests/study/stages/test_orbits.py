"""Points of the orbit of every minimum, against networks that were moved there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from cases import mlp
from tiny_study import TinyStudy, real_study
from torch import nn
from torch.autograd.functional import hessian
from torch.func import jacrev

from symgeom.dynamics.fibre import move_to_point
from symgeom.dynamics.fibre.points import POINTS as NAMED
from symgeom.dynamics.noise import gradient_variance
from symgeom.ground.types import cast, parameters, ravel, unravel
from symgeom.landscape.problem import Problem
from symgeom.study.cases import Case
from symgeom.study.stages import data, orbits
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.discovery import discover

OPTIONS = {"samples": 40, "eigenvalue_tolerance": 1e-4}

LEAST = (
    ("squared_length", "balanced"),
    ("gradient_variance", "noise"),
    ("trace", "flattest"),
)
"""What is least at every point that has a name."""


@pytest.fixture(scope="module")
def measured(tiny: TinyStudy) -> xr.Dataset:
    return orbits.measure(tiny.case, tiny.spec, tiny.minima, OPTIONS)


def spectrum(problem: Problem, params: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return all eigenvalues of the Hessian, from second derivatives that are written out."""

    def loss(vector: torch.Tensor) -> torch.Tensor:
        return problem.loss(unravel(vector, params))

    return torch.linalg.eigvalsh(jacrev(jacrev(loss))(ravel(params)))


@pytest.mark.parametrize(("arm", "seed"), [("sgd", 1), ("adam", 0)])
def test_what_is_carried_along_the_orbit_is_that_of_the_moved_network(tiny, measured, arm, seed):
    problem = tiny.case.problems("float64", samples=40)["train"]
    start = cast(tiny.minima.networks[arm, seed], torch.float64)
    networks = {point: move_to_point(tiny.spec, problem, start, point)[0] for point in NAMED}
    for point, network in ({"trained": start} | networks).items():
        row = measured.sel(arm=arm, seed=seed, point=point)
        values = spectrum(problem, network)
        assert row["trace"].item() == pytest.approx(float(values.sum()), rel=1e-9)
        assert row["eigenvalue"].item() == pytest.approx(float(values[-1]), rel=1e-6)
        variance = gradient_variance(problem, network).values()
        total = float(sum(tensor.sum() for tensor in variance))
        assert row["gradient_variance"].item() == pytest.approx(total, rel=1e-9)
        length = float(ravel(network).square().sum())
        assert row["squared_length"].item() == pytest.approx(length, rel=1e-12)


class Amplified(nn.Module):
    """A network whose first weights are no layer's: one factor for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.linspace(0.5, 2, 64))
        self.layers = mlp(64, 5, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layers(self.factors * inputs)


def test_weights_of_no_layer_are_carried_in_their_place(tiny: TinyStudy):
    module = Amplified().double()
    case = replace(tiny.case, trained=module, measured=module)
    problem = case.problems("float64", samples=40)["train"]
    params = cast(parameters(module), torch.float64)
    spec = discover(module, problem.inputs[:2])
    row = orbits.measure(case, spec, Minima(["own"], [0], {("own", 0): params}), OPTIONS)
    for point in NAMED:
        values = spectrum(problem, move_to_point(spec, problem, params, point)[0])
        found = row.sel(arm="own", seed=0, point=point)
        assert found["trace"].item() == pytest.approx(float(values.sum()), rel=1e-9)
        assert found["eigenvalue"].item() == pytest.approx(float(values[-1]), rel=1e-6)


def test_every_named_point_has_the_least_of_its_sum(measured):
    found = measured.sel(arm=["sgd", "adam"])
    for name, point in LEAST:
        assert (found[name].argmin("point") == orbits.POINTS.index(point)).all()
    assert (found["change"] < 1e-13).all()
    assert (found["change"].sel(point="trained") == 0).all()


def test_controls_are_as_far_away_as_the_noise_equilibrium(measured):
    distance = measured["distance"].sel(arm=["sgd", "adam"])
    assert (distance.sel(point="trained") == 0).all()
    for point in orbits.CONTROLS:
        np.testing.assert_allclose(distance.sel(point=point), distance.sel(point="noise"))
    trace = measured["trace"].sel(arm=["sgd", "adam"])
    assert (trace.sel(point="random") > trace.sel(point="noise")).all()
    assert (trace.sel(point="shuffled") > trace.sel(point="noise")).all()


def test_orbits_say_what_they_are(measured):
    assert list(measured) == list(orbits.MEASURES)
    assert measured["trace"].dims == ("arm", "seed", "point")
    assert measured["trace"].attrs["long_name"] == "trace of the Hessian of the training loss"
    assert measured.attrs == {
        "samples": "40",
        "eigenvalue_tolerance": "0.0001",
        "matrix": "Hessian",
        "left_out": [],
    }
    assert measured["trace"].sel(arm="wild").isnull().all()


def test_networks_without_positive_scales_have_no_points(signs: TinyStudy, tmp_path):
    tanh = real_study(tmp_path, "tanh")
    obstacles = {
        "weights are signs, which no scale moves": signs,
        "no unit has a scale or a matrix that trains": tanh,
    }
    for obstacle, study in obstacles.items():
        dataset = orbits.measure(study.case, study.spec, study.minima, OPTIONS)
        assert list(dataset) == []
        assert dataset.attrs["left_out"] == [f"points of orbits ({obstacle})"]
        assert dataset["point"].values.tolist() == list(orbits.POINTS)


def test_a_unit_that_no_scale_balances_stays(tiny: TinyStudy):
    network = {name: tensor.clone() for name, tensor in tiny.minima.networks["sgd", 0].items()}
    network["0.bias"][3] = -1e3
    dead = Minima(["sgd"], [0], {("sgd", 0): network})
    dataset = orbits.measure(tiny.case, tiny.spec, dead, OPTIONS)
    for array in dataset.data_vars.values():
        assert array.notnull().all()


def test_matrices_within_heads_move_with_the_scales():
    recipe = {"name": "digits", "options": {"subset": 40, "images": True}}
    widths = {"width": 4, "depth": 1, "heads": 2, "hidden": 3, "patch": 4}
    options = {"name": "transformer", "options": widths, "batch_norm": "fold", "device": "cpu"}
    case = Case.build("heads", data.measure(recipe, root=""), options)
    problem = case.problems("float64", samples=40)["train"]
    spec = discover(case.measured, problem.inputs[:2].float())
    start = case.start("sgd", 0)
    dataset = orbits.measure(case, spec, Minima(["sgd"], [0], {("sgd", 0): start}), OPTIONS)
    assert dataset.attrs["matrix"] == "Gauss-Newton matrix"
    row = dataset.sel(arm="sgd", seed=0)
    assert (row["change"] < 1e-12).all()
    for name, point in LEAST:
        assert row[name].argmin("point") == orbits.POINTS.index(point)
    for control in orbits.CONTROLS:
        distances = row["distance"].sel(point=[control, "noise"]).values
        assert distances[0] == pytest.approx(distances[1])
    params = cast(start, torch.float64)
    matrices = discover(case.measured, problem.inputs[:2].float(), within_heads=True)
    moved, _ = move_to_point(matrices, problem, params, "noise")
    variance = gradient_variance(problem, moved).values()
    total = float(sum(tensor.sum() for tensor in variance))
    assert row["gradient_variance"].sel(point="noise").item() == pytest.approx(total, rel=1e-9)

    # Not by jacrev: torch's second derivatives of layer norms are wrong under vmap.
    matrix = hessian(lambda vector: problem.loss(unravel(vector, moved)), ravel(moved))
    largest = torch.linalg.eigvalsh(matrix)[-1]
    assert row["eigenvalue"].sel(point="noise").item() == pytest.approx(float(largest), rel=1e-6)
