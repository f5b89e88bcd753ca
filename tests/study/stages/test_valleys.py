"""Walks along the valley: one function at several charges."""

import numpy as np
import pytest
import torch
import xarray as xr
from references import dense_hessian
from tiny_study import SEEDS, TinyStudy

from symgeom.ground.checks import SymgeomError
from symgeom.study.stages import valleys
from symgeom.study.stages.valleys import MEASURES
from symgeom.study.stored_networks import Minima

OPTIONS = {
    "imbalances": [-1, 0, 2],
    "times": [0.1, 1],
    "flow_tolerance": 1e-4,
    "evaluations": 400,
    "eigenvalue_tolerance": 1e-6,
    "samples": None,
}


@pytest.fixture(scope="module")
def walked(tiny: TinyStudy) -> xr.Dataset:
    return valleys.measure(tiny.case, tiny.spec, tiny.minima, trained=["sgd"], options=OPTIONS)


def incoming_and_outgoing(network) -> tuple[torch.Tensor, torch.Tensor]:
    weights = {name: tensor.double() for name, tensor in network.items()}
    incoming = weights["0.weight"].square().sum(1) + weights["0.bias"].square()
    return incoming, weights["2.weight"].square().sum(0)


def test_charges_are_those_of_the_start_and_of_the_minimum(tiny: TinyStudy, walked):
    for seed in SEEDS:
        networks = {
            "start": tiny.case.start("sgd", seed),
            "end": tiny.minima.networks["sgd", seed],
        }
        for moment, network in networks.items():
            row = walked.sel(arm="sgd", seed=seed, moment=moment)
            incoming, outgoing = incoming_and_outgoing(network)
            np.testing.assert_allclose(row["charge_hidden1"], incoming - outgoing, rtol=1e-12)
            np.testing.assert_allclose(row["size_hidden1"], incoming + outgoing, rtol=1e-12)


def test_all_networks_of_a_walk_compute_the_same(walked):
    assert walked["change"].max() < 1e-10


def test_the_balanced_network_is_the_shortest(walked):
    length = walked["squared_length"].sel(arm="sgd")
    assert (length.sel(imbalance=0) < length.sel(imbalance=-1)).all()
    assert (length.sel(imbalance=0) < length.sel(imbalance=2)).all()


def test_the_eigenvalue_of_the_network_itself_is_that_of_the_dense_hessian(tiny, walked):
    problem = tiny.case.problems("float64")["train"]
    network = dict(tiny.minima.networks["sgd", 0])
    hessian = dense_hessian(problem.loss, network)
    largest = torch.linalg.eigvalsh(hessian)[-1].item()
    stored = walked["own_eigenvalue"].sel(arm="sgd", seed=0, moment="end").item()
    assert stored == pytest.approx(largest, rel=1e-4)


def test_gradient_flow_lowers_the_loss_and_keeps_the_charges(walked):
    start = walked.sel(arm="sgd", moment="start")
    assert (start["flow_loss"].diff("time") < 0).all()
    assert start["flow_drift"].max() < 1e-3


def test_gradient_flow_begins_at_the_start_alone(walked):
    assert walked["flow_loss"].sel(moment="end").isnull().all()


def test_where_nobody_saw_the_training_the_start_is_unknown(walked):
    adam = walked.sel(arm="adam")
    assert adam["charge_hidden1"].sel(moment="start").isnull().all()
    assert adam["charge_hidden1"].sel(moment="end").notnull().all()
    assert adam["own_eigenvalue"].sel(moment="start").isnull().all()


def test_networks_that_diverged_are_not_a_number(walked):
    for array in walked.data_vars.values():
        assert array.sel(arm="wild").isnull().all()


def test_a_network_that_cannot_be_brought_there_has_charges_alone(
    tiny: TinyStudy, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*arguments: object) -> None:
        raise SymgeomError("no scales lead there")

    monkeypatch.setattr(valleys, "walk_fibre", refuse)
    alone = Minima(["sgd"], [0], {("sgd", 0): tiny.minima.networks["sgd", 0]})
    dataset = valleys.measure(tiny.case, tiny.spec, alone, trained=[], options=OPTIONS)
    assert not set(MEASURES) & set(dataset)
    assert dataset["charge_hidden1"].sel(moment="end").notnull().all()


def test_binary_networks_have_no_valley(signs: TinyStudy):
    dataset = valleys.measure(
        signs.case, signs.spec, signs.minima, trained=["sgd"], options=OPTIONS
    )
    assert list(dataset) == []
    assert dataset["time"].values.tolist() == OPTIONS["times"]


def test_valleys_say_what_they_are(walked):
    for name, (dims, units, meaning) in MEASURES.items():
        assert walked[name].dims == ("arm", "seed", "moment", *dims)
        assert walked[name].attrs == {"units": units, "long_name": meaning}
        assert walked[name].dtype == np.float64
    assert walked["size_hidden2"].dims == ("arm", "seed", "moment", "hidden2")
    assert walked["charge_hidden2"].attrs["units"] == "weight^2"
