"""Minima on the torus: the same functions, with nothing left to rescale."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_study import SEEDS, TinyStudy

from symgeom.ground.checks import SymgeomError
from symgeom.store import dataset_to_parameters
from symgeom.study.cases import Case
from symgeom.study.stages import canonical
from symgeom.study.stored_networks import Minima

KEYS = [(arm, seed) for arm in ("sgd", "adam") for seed in SEEDS]


def stored(study: TinyStudy, key: tuple[str, int]) -> dict[str, torch.Tensor]:
    """Return a canonical network as it is stored."""
    arm, seed = key
    arrays = dataset_to_parameters(study.canonical.sel(arm=arm, seed=seed))
    return {name: torch.tensor(array) for name, array in arrays.items()}


@pytest.mark.parametrize("key", KEYS)
def test_canonical_networks_compute_the_same_but_for_the_length_of_the_head(tiny, key):
    problem = tiny.case.problems("float64")["test"]
    arm, seed = key
    length = tiny.canonical["head_length"].sel(arm=arm, seed=seed).item()
    outputs = problem.outputs(tiny.minima.networks[key])
    on_torus = problem.outputs(stored(tiny, key))
    torch.testing.assert_close(on_torus * length, outputs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("key", KEYS)
def test_units_and_head_have_length_one(tiny, key):
    network = stored(tiny, key)
    for layer in (0, 2):
        squared = network[f"{layer}.weight"].square().sum(1) + network[f"{layer}.bias"].square()
        torch.testing.assert_close(squared, torch.ones_like(squared))
    head = network["4.weight"].square().sum() + network["4.bias"].square().sum()
    assert head.item() == pytest.approx(1)


@pytest.mark.parametrize("key", [("sgd", 0), ("adam", 1)])
def test_binary_networks_compute_the_same_and_have_signs(signs, key):
    problem = signs.case.problems("float64")["test"]
    arm, seed = key
    as_trained = signs.case.prepared(signs.minima.networks[key], "float64")
    outputs = problem.outputs(as_trained)
    torch.testing.assert_close(problem.outputs(stored(signs, key)), outputs)
    row = signs.canonical.sel(arm=arm, seed=seed)
    for group in ("hidden1", "hidden2"):
        assert set(np.unique(row[f"sign_{group}"])) <= {-1.0, 1.0}
    for tensor in stored(signs, key).values():
        assert set(tensor.unique().tolist()) == {-1.0, 1.0}


def test_certificates_are_rounding(tiny: TinyStudy):
    assert (tiny.canonical["certificate"].sel(arm=["sgd", "adam"]) < 1e-10).all()
    assert (tiny.canonical["certificate"].sel(arm=["sgd", "adam"]) >= 0).all()


def test_networks_that_diverged_are_not_a_number(tiny: TinyStudy):
    wild = tiny.canonical.sel(arm="wild")
    for name in ("certificate", "head_length", "parameter.0.weight", "parameter.4.bias"):
        assert wild[name].isnull().all()
        assert tiny.canonical[name].sel(arm=["sgd", "adam"]).notnull().all()


def test_arrays_say_what_they_are(tiny: TinyStudy, signs: TinyStudy):
    weights = tiny.canonical["parameter.2.weight"]
    assert weights.dims == ("arm", "seed", "hidden2", "hidden1")
    assert weights.dtype == np.float64
    assert tiny.canonical["dead_units"].dims == ("arm", "seed", "group")
    assert tiny.canonical["dead_units"].dtype == np.int64
    assert tiny.canonical["group"].values.tolist() == ["hidden1", "hidden2", "head"]
    assert signs.canonical["sign_hidden2"].dims == ("arm", "seed", "hidden2")
    assert tiny.canonical.attrs["dead_units"] == "error"
    assert not [name for name in tiny.canonical if name.startswith("sign_")]


@pytest.fixture(scope="module")
def withered(tiny: TinyStudy) -> Minima:
    """Return a network of which one unit has no incoming weights."""
    network = {name: tensor.clone() for name, tensor in tiny.minima.networks["sgd", 0].items()}
    network["0.weight"][3] = 0
    network["0.bias"][3] = 0
    return Minima(["made"], [7], {("made", 7): network})


def test_a_dead_unit_is_named_with_its_network_and_the_keys(tiny: TinyStudy, withered: Minima):
    message = r"Minimum made/7: .*\[3\].*hidden1.*symmetry\.dead_units"
    with pytest.raises(SymgeomError, match=message):
        canonical.measure(tiny.case, tiny.spec, withered, options=tiny.options["symmetry"])


def test_a_dead_unit_can_be_dropped_and_is_counted(tiny: TinyStudy, withered: Minima):
    options = tiny.options["symmetry"] | {"dead_units": "drop"}
    dataset = canonical.measure(tiny.case, tiny.spec, withered, options=options)
    assert dataset["dead_units"].sel(arm="made", seed=7).values.tolist() == [1, 0, 0]


def test_constant_inputs_move_into_the_biases(tiny: TinyStudy):
    """Pixels that are black in every sample are constant; the function stays."""
    options = tiny.options["symmetry"] | {"constant_inputs": "absorb"}
    alone = Minima(["sgd"], [0], {("sgd", 0): tiny.minima.networks["sgd", 0]})
    dataset = canonical.measure(tiny.case, tiny.spec, alone, options=options)
    data = tiny.case.data
    inputs = np.concatenate([data["train_inputs"].values, data["test_inputs"].values])
    constant = (inputs == inputs[0]).all(0)
    assert dataset["absorbed_inputs"].item() == constant.sum() > 0
    assert (dataset["parameter.0.weight"].values[0, 0][:, constant] == 0).all()


def test_what_is_no_symmetry_is_not_certified(tiny: TinyStudy):
    """Units of tanh cannot be rescaled."""
    options = {**tiny.case.options, "options": {"widths": [8, 6], "activation": "tanh"}}
    smooth = Case.build("smooth", tiny.case.data, options)
    alone = replace(tiny.minima, networks={("sgd", 0): tiny.minima.networks["sgd", 0]})
    with pytest.raises(SymgeomError, match="group 'hidden1' is not a symmetry"):
        canonical.measure(smooth, tiny.spec, alone, options=tiny.options["symmetry"])
