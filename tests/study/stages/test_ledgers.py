"""Ledgers of trained arms, and what is claimed of arms whose training nobody saw."""

import numpy as np
import pytest
import torch
from tiny_study import SEEDS, TinyStudy

from symgeom.dynamics.ledger import TERMS
from symgeom.ground.types import stack
from symgeom.learning.optimizers import build
from symgeom.store import dataset_to_parameters
from symgeom.study.stages.ledgers import NO_LEDGER, changes_of, charges_alone, label_ledger


def charge_of_first_layer(weights) -> np.ndarray:
    """Return incoming minus outgoing squared weights of the first hidden layer."""
    incoming = np.square(weights["0.weight"]).sum(1) + np.square(weights["0.bias"])
    return incoming - np.square(weights["2.weight"]).sum(0)


@pytest.mark.parametrize("arm", ["sgd", "adam"])
def test_charges_are_those_of_the_start_and_of_the_minimum(tiny: TinyStudy, arm: str):
    for seed in SEEDS:
        charges = tiny.ledgers_of[arm]["charge_hidden1"].sel(arm=arm, seed=seed)
        start = {name: np.float64(tensor) for name, tensor in tiny.case.start(arm, seed).items()}
        end = dataset_to_parameters(tiny.minimum(arm, seed))
        np.testing.assert_allclose(charges[0], charge_of_first_layer(start), rtol=1e-12)
        np.testing.assert_allclose(charges[-1], charge_of_first_layer(end), rtol=1e-12)


@pytest.mark.parametrize("arm", ["sgd", "adam"])
def test_terms_and_defect_add_up_to_the_change(tiny: TinyStudy, arm: str):
    ledgers = tiny.ledgers_of[arm]
    for group in ("hidden1", "hidden2"):
        charge = ledgers[f"charge_{group}"]
        explained = ledgers[f"term_{group}"].sum("term") + ledgers[f"defect_{group}"]
        np.testing.assert_allclose(charge - charge[:, :, 0], explained, atol=1e-12)
    assert (ledgers["closure"] < 1e-10).all()


def test_the_optimizer_of_sgd_changes_no_charge_and_that_of_adam_does(tiny: TinyStudy):
    assert (tiny.ledgers_of["sgd"]["first_order"] == 0).all()
    assert tiny.ledgers_of["sgd"]["equivariant"].item()
    assert (tiny.ledgers_of["adam"]["first_order"] > 0.5).all()
    assert not tiny.ledgers_of["adam"]["equivariant"].item()


def test_of_networks_that_diverged_the_start_is_known(tiny: TinyStudy):
    charges = tiny.ledgers_of["wild"]["charge_hidden1"]
    assert np.isfinite(charges.isel(step=0)).all()
    assert not np.isfinite(charges.isel(step=-1)).any()


def test_of_an_arm_without_method_nothing_is_claimed(tiny: TinyStudy):
    networks = stack([tiny.minima.networks["sgd", seed] for seed in SEEDS])
    record = charges_alone(tiny.spec, networks)
    ledgers = label_ledger(record, None, arm="guest", seeds=SEEDS, attrs={"method": "checkpoints"})
    assert sorted(ledgers) == [
        "charge_hidden1",
        "charge_hidden2",
        "closure",
        "equivariant",
        "first_order",
    ]
    last = tiny.ledgers_of["sgd"]["charge_hidden1"].isel(step=-1)
    np.testing.assert_allclose(ledgers["charge_hidden1"].isel(step=0), last, rtol=1e-12)
    assert ledgers["closure"].isnull().all()
    assert ledgers["first_order"].isnull().all()
    assert not ledgers["equivariant"].any()


def test_a_method_without_ledger_claims_no_closure():
    method = build("sgd", {"learning_rate": 0.1})
    ledgers = label_ledger(NO_LEDGER, method, arm="sgd", seeds=[0], attrs={})
    assert ledgers["closure"].isnull().all()
    assert ledgers["equivariant"].all()
    assert ledgers["term"].values.tolist() == list(TERMS)


def test_changes_are_added_up_from_snapshot_to_snapshot():
    """A seed that has ended carries on what it was booked; another one goes on."""
    terms = np.full((1, 2, 3, 1, 1), np.nan)
    terms[0, 0, :, 0, 0] = [0.0, 2.0, -1.0]
    terms[0, 1, :2, 0, 0] = [0.0, 1.0]
    np.testing.assert_array_equal(changes_of(terms)[0, :, 0], [5.0, 1.0])


def test_arrays_say_what_they_are(tiny: TinyStudy):
    ledgers = tiny.ledgers_of["adam"]
    assert ledgers["term_hidden2"].dims == ("arm", "seed", "step", "term", "hidden2")
    assert ledgers["charge_hidden2"].attrs["units"] == "weight^2"
    assert ledgers["charge_hidden2"].dtype == np.float64
    assert ledgers["step"].values[0] == 0
    assert torch.tensor(ledgers["step"].values).diff().min() > 0
