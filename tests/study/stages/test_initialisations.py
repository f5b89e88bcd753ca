"""Charges of random starts, drawn and in closed form."""

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import TinyStudy

from symgeom.learning.networks.initialisation import INITIALISATIONS
from symgeom.study.stages import initialisations

DRAWS = 300


@pytest.fixture(scope="module")
def drawn(tiny: TinyStudy) -> xr.Dataset:
    return initialisations.measure(tiny.case, tiny.spec, draws=DRAWS)


def test_moments_of_the_draws_come_near_the_closed_forms(drawn):
    for group in ("hidden1", "hidden2"):
        charges = drawn[f"charge_{group}"]
        deviation = np.sqrt(drawn[f"variance_{group}"])
        error = abs(charges.mean("draw") - drawn[f"mean_{group}"])
        assert (error <= 5 * deviation / DRAWS**0.5 + 1e-6).all()
        random = deviation > 1e-9
        ratio = (charges.std("draw") / deviation.where(random)).mean(group)
        np.testing.assert_allclose(ratio.dropna("initialisation"), 1, atol=0.1)


def test_drawing_leaves_the_case_as_it_is_and_gives_the_same_again(tiny: TinyStudy, drawn):
    before = {name: tensor.clone() for name, tensor in tiny.case.trained.named_parameters()}
    few = initialisations.measure(tiny.case, tiny.spec, draws=2)
    for name, tensor in tiny.case.trained.named_parameters():
        assert torch.equal(tensor, before[name])
    first = drawn["charge_hidden1"].isel(draw=slice(2))
    np.testing.assert_array_equal(few["charge_hidden1"], first)


def test_binary_networks_have_no_charges(signs: TinyStudy):
    dataset = initialisations.measure(signs.case, signs.spec, draws=2)
    assert list(dataset) == []
    assert dataset["initialisation"].values.tolist() == list(INITIALISATIONS)


def test_initialisations_say_what_they_are(drawn):
    assert drawn["charge_hidden1"].dims == ("initialisation", "draw", "hidden1")
    assert drawn["mean_hidden1"].dims == ("initialisation", "hidden1")
    assert drawn["charge_hidden1"].attrs["units"] == "weight^2"
    assert drawn["variance_hidden1"].attrs["units"] == "weight^4"
    for array in drawn.data_vars.values():
        assert array.dtype == np.float64
        assert array.notnull().all()
