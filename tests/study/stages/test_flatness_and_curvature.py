"""The stages that measure the landscape around minima, without any workflow."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
import xarray as xr
from cases import batch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.landscape.binary import flip_energy
from symgeom.landscape.flatness.curvature import Effort, torus_curvature
from symgeom.landscape.flatness.local_energies import local_energy
from symgeom.landscape.flatness.measures.curvature_section import CURVATURE
from symgeom.landscape.flatness.measures.record import Array, Measure
from symgeom.landscape.flatness.measures.section import Section
from symgeom.landscape.flatness.noise import Noise
from symgeom.landscape.flatness.parts import layers
from symgeom.landscape.flatness.worst_case import sharpness
from symgeom.quotient.torus import Torus
from symgeom.store import read_store, write_store
from symgeom.study.cases import Case
from symgeom.study.measuring import take_measures
from symgeom.study.stages import curvature, flatness
from symgeom.study.stored_networks import Minima
from symgeom.symmetry.discovery import discover

ARMS = ["sgd", "wild"]
SEEDS = [0, 1]
FLATNESS_OPTIONS = {
    "amplitudes": [0.1, 0.2, 0.3],
    "draws": 2,
    "noises": ["torus", "additive"],
    "escape_rise": 0.05,
    "layers": True,
    "samples": None,
    "precision": "float64",
}
CURVATURE_OPTIONS = {
    "eigenvalues": 2,
    "eigenvalue_tolerance": 1e-3,
    "probes": 2,
    "density_steps": 3,
    "layers": True,
    "radius": 0.05,
    "adaptive_radius": 0.5,
    "ascent_steps": 1,
    "samples": None,
}
MLP = {"name": "mlp", "options": {"widths": [5]}}
SIGNS = {"name": "binary_mlp", "options": {"widths": [5, 5]}}
SIGNS_OF_IMAGES = {
    "name": "binary_lenet",
    "options": {"channels": [3, 5], "kernels": [3, 3], "hidden": 5},
}
RESNET = {"name": "resnet20", "options": {"depth": 8, "width": 0.25, "batch_norm": True}}


def case_of(
    folder, network: Mapping, shape: tuple[int, ...] = (4,), batch_norm: str = "fold"
) -> Case:
    """Return a case of made-up data, read from a store as a stage's script reads it."""
    arrays = {}
    for split, count in (("train", 30), ("test", 10)):
        inputs, targets = batch(count, int(np.prod(shape)), 3)
        images = inputs.float().reshape(count, *shape).numpy()
        dims = (f"{split}_sample", *(f"axis{axis}" for axis in range(len(shape))))
        told = {"units": "1", "long_name": split}
        arrays[f"{split}_inputs"] = (dims, images, told)
        arrays[f"{split}_targets"] = (dims[0], targets.numpy(), told)
    path = folder / "data.zarr.zip"
    write_store(path, xr.Dataset(arrays, attrs={"classes": 3}), config_digest="0", seeds=[])
    return Case.read("made up", str(path), {**network, "batch_norm": batch_norm, "device": "cpu"})


def minima_of(case: Case, arms=ARMS, seeds=SEEDS) -> Minima:
    """Return untrained networks in place of minima; one of the last arm diverged."""
    networks: dict[tuple[str, int], dict[str, Tensor]] = {}
    for arm in arms:
        for seed in seeds:
            if (arm, seed) != ("wild", 1):
                networks[arm, seed] = case.start(arm, seed)
    return Minima(arms, seeds, networks)


def torus_of(case: Case) -> Torus:
    example = torch.from_numpy(case.data["train_inputs"].values[:2])
    return Torus(discover(case.measured.float(), example))


@pytest.fixture(scope="module")
def mlp(tmp_path_factory):
    case = case_of(tmp_path_factory.mktemp("mlp"), MLP)
    return case, torus_of(case), minima_of(case)


@pytest.fixture(scope="module")
def flat(mlp):
    return flatness.measure(*mlp, FLATNESS_OPTIONS)


@pytest.fixture(scope="module")
def curved(mlp):
    return curvature.measure(*mlp, CURVATURE_OPTIONS)


def exact(case: Case, minima: Minima, arm: str, seed: int):
    """Return the landscape and a network as they are measured."""
    problem = case.problems("float64")["train"]
    return problem, case.prepared(minima.networks[arm, seed], "float64")


def test_local_energies_are_those_of_the_library(mlp, flat):
    case, torus, minima = mlp
    problem, params = exact(case, minima, "sgd", 1)
    plain = {"amplitudes": FLATNESS_OPTIONS["amplitudes"], "draws": 2}
    words = ("made up", "sgd", 1)
    relative = local_energy(problem, params, **plain, generator=stream("local energy", *words))
    on_torus = local_energy(
        problem,
        params,
        **plain,
        noise=Noise("torus", torus.spec),
        generator=stream("torus energy", *words),
    )
    row = flat.sel(arm="sgd", seed=1)
    assert np.array_equal(row["local_energy"], relative.error_increase)
    assert np.array_equal(row["local_energy_loss"], relative.loss_increase)
    assert np.array_equal(row["torus_energy"], on_torus.error_increase)
    assert np.array_equal(row["torus_energy_standard_error"], on_torus.standard_error)


def test_layers_are_measured_one_at_a_time_at_the_middle_amplitude(mlp, flat):
    case, _, minima = mlp
    problem, params = exact(case, minima, "wild", 0)
    parts = layers(problem, params)
    assert flat["layer"].values.tolist() == list(parts)
    for layer, tensors in parts.items():
        energy = local_energy(
            problem,
            params,
            amplitudes=[0.2],
            draws=2,
            noise=Noise(tensors=tuple(tensors)),
            generator=stream("layer energy", "made up", "wild", 0, layer),
        )
        value = flat["layer_energy"].sel(arm="wild", seed=0, layer=layer)
        assert value.item() == energy.error_increase.item()


def test_curvatures_are_those_of_the_library(mlp, curved):
    case, torus, minima = mlp
    problem, params = exact(case, minima, "sgd", 0)
    row = curved.sel(arm="sgd", seed=0)
    on_torus = torus_curvature(
        torus,
        problem,
        params,
        effort=Effort(1, 1e-3, 2),
        generator=stream("torus curvature", "made up", "sgd", 0),
    )
    assert row["torus_trace"] == on_torus.trace.trace
    assert row["torus_eigenvalue"] == on_torus.eigenvalues.values[0]
    worst = sharpness(problem, params, radius=0.5, adaptive=True, steps=1)
    assert row["adaptive_sharpness"] == worst.increase[-1]


def test_every_array_is_labelled_as_its_record_says(flat, curved):
    for dataset, section in ((flat, flatness.FLATNESS), (curved, CURVATURE)):
        arrays = section.arrays()
        assert list(dataset) == list(arrays)
        for name, array in arrays.items():
            assert dataset[name].dims == ("arm", "seed", *array.dims)
            assert dataset[name].attrs == {"units": array.units, "long_name": array.meaning}


def test_a_network_that_diverged_is_not_a_number_and_all_others_are(flat, curved):
    for dataset in (flat, curved):
        for array in dataset.data_vars.values():
            missing = array.isnull().sel(arm="wild", seed=1)
            assert missing.all()
            assert array.sel(arm="sgd").notnull().all()


def test_no_number_depends_on_which_minima_share_a_job(mlp, flat, curved):
    case, torus, minima = mlp
    alone = Minima(["sgd"], [1], {("sgd", 1): minima.networks["sgd", 1]})
    for stage, together, options in (
        (flatness, flat, FLATNESS_OPTIONS),
        (curvature, curved, CURVATURE_OPTIONS),
    ):
        part = stage.measure(case, torus, alone, options)
        xr.testing.assert_identical(part, together.sel(arm=["sgd"], seed=[1]))


def test_how_it_was_measured_is_stored(flat, curved):
    assert flat.attrs == {
        "draws": 2,
        "escape_rise": 0.05,
        "noise": "multiplicative",
        "precision": "float64",
        "samples": None,
        "left_out": [],
        "task": "classes",
    }
    assert flat["amplitude"].values.tolist() == FLATNESS_OPTIONS["amplitudes"]
    assert flat["quantile"].values.tolist() == [0.0, 0.01, 0.1, 0.5]
    options = {name: str(value) for name, value in CURVATURE_OPTIONS.items()}
    assert curved.attrs == options | {"left_out": [], "task": "classes"}


def test_what_is_not_asked_for_is_neither_measured_nor_missed(mlp):
    few = FLATNESS_OPTIONS | {"noises": [], "escape_rise": 0, "layers": False}
    dataset = flatness.measure(*mlp, few)
    assert list(dataset) == [
        "local_energy",
        "local_energy_standard_error",
        "local_energy_loss",
        "margin",
        "spectral_margin",
    ]
    assert "layer" not in dataset.coords
    few = CURVATURE_OPTIONS | {"probes": 0, "density_steps": 0}
    dataset = curvature.measure(*mlp, few)
    assert list(dataset) == [
        "sharpness",
        "adaptive_sharpness",
        "eigenvalue",
        "eigenvalue_residual",
    ]
    assert dataset.attrs["left_out"] == []


@pytest.mark.parametrize(("network", "shape"), [(SIGNS, (4,)), (SIGNS_OF_IMAGES, (1, 8, 8))])
def test_of_signs_flips_are_measured_and_no_curvature(tmp_path, network, shape):
    case = case_of(tmp_path, network, shape)
    torus = torus_of(case)
    minima = minima_of(case, ["sgd"], [0])
    dataset = flatness.measure(case, torus, minima, FLATNESS_OPTIONS)
    assert dataset.attrs["noise"] == "flips"
    assert "torus_energy" not in dataset
    assert "layer" not in dataset.coords
    problem, params = exact(case, minima, "sgd", 0)
    energy = flip_energy(
        problem,
        params,
        probabilities=FLATNESS_OPTIONS["amplitudes"],
        draws=2,
        generator=stream("local energy", "made up", "sgd", 0),
    )
    assert np.array_equal(dataset["local_energy"][0, 0], energy.error_increase)
    dataset = curvature.measure(case, torus, minima, CURVATURE_OPTIONS)
    assert list(dataset) == []
    assert dataset.attrs["left_out"] == [measure.name for measure in CURVATURE.measures]


def test_a_loss_with_statistics_of_batches_has_no_second_derivatives(tmp_path):
    case = case_of(tmp_path, RESNET, (1, 8, 8), batch_norm="recompute")
    torus = torus_of(case)
    minima = minima_of(case, ["sgd"], [0])
    dataset = curvature.measure(case, torus, minima, CURVATURE_OPTIONS)
    assert list(dataset) == ["sharpness", "adaptive_sharpness"]
    second = [measure.name for measure in CURVATURE.measures if measure.second_derivatives]
    assert dataset.attrs["left_out"] == second


def test_a_part_in_which_everything_diverged_has_all_measures_and_no_number(mlp, tmp_path):
    case, torus, _ = mlp
    none = Minima(["wild"], [1], {})
    dataset = flatness.measure(case, torus, none, FLATNESS_OPTIONS)
    write_store(tmp_path / "none.zarr.zip", dataset, config_digest="0", seeds=[1])
    stored = read_store(tmp_path / "none.zarr.zip")
    assert {"local_energy", "margin", "layer_energy"} < set(stored)
    assert all(array.isnull().all() for array in stored.values())
    assert stored["amplitude"].values.tolist() == FLATNESS_OPTIONS["amplitudes"]


def test_a_new_measure_is_stored_as_its_record_says(mlp):
    length = Measure(
        "length",
        title="length of the weights",
        arrays=(Array("length", "weight", "length of all weights"),),
        compute=lambda context, random: {
            "length": torch.cat([tensor.flatten() for tensor in context.params.values()]).norm()
        },
    )
    section = Section("curvature", (length,), shared=CURVATURE.shared, meaning="one")
    measured = take_measures(section, *mlp, CURVATURE_OPTIONS, precision="float64")
    assert measured.variables["length"].attrs["long_name"] == "length of all weights"
    assert np.isfinite(measured.variables["length"].values).sum() == 3
    assert section.schema()["required"] == ["samples"]
