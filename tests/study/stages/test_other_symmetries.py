"""Networks without rescalings: odd activations allow signs only, no activation allows matrices."""

import numpy as np
import pytest
from tiny_study import ARMS, SEEDS, TinyStudy, real_study

from symgeom.study.stages import distances, equilibria, initialisations, neighbours, valleys
from symgeom.study.stages.equilibria import Noise

TRAINED = ["sgd", "adam"]


@pytest.fixture(scope="module")
def tanh(tmp_path_factory) -> TinyStudy:
    """A study of odd networks whose units are matched by activations."""
    return real_study(tmp_path_factory.mktemp("tanh"), "tanh", method="activations")


@pytest.fixture(scope="module")
def linear(tmp_path_factory) -> TinyStudy:
    """A study of linear networks."""
    return real_study(tmp_path_factory.mktemp("linear"), "identity")


@pytest.fixture(params=["tanh", "identity"])
def study(request, tanh: TinyStudy, linear: TinyStudy) -> TinyStudy:
    return tanh if request.param == "tanh" else linear


def test_odd_networks_are_aligned_by_signs(tanh: TinyStudy):
    scales = tanh.alignments["scale_hidden1"].dropna("pair")
    assert set(np.unique(scales)) == {-1.0, 1.0}
    assert tanh.alignments.attrs["method"] == "activations"
    assert set(np.unique(tanh.canonical["sign_hidden1"].sel(arm=TRAINED))) <= {-1.0, 1.0}


def test_linear_networks_are_aligned_by_rotations(linear: TinyStudy):
    scales = linear.alignments["scale_hidden1"].dropna("pair")
    assert scales.dims == ("pair", "hidden1", "hidden1_mixed")
    rotations = scales.values
    products = rotations @ rotations.swapaxes(1, 2)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(8), products.shape), atol=1e-12)


def test_odd_networks_have_no_charges(tanh: TinyStudy):
    for arm in TRAINED:
        ledgers = tanh.ledgers_of[arm]
        assert not [name for name in ledgers if name.startswith("charge_")]
        assert ledgers["closure"].isnull().all()
    walked = valleys.measure(
        tanh.case,
        tanh.spec,
        tanh.minima,
        trained=TRAINED,
        options=tanh.options["valleys"],
    )
    assert list(walked) == []


def test_of_matrices_of_charges_the_diagonal_is_kept(linear: TinyStudy):
    for arm in TRAINED:
        ledgers = linear.ledgers_of[arm]
        assert ledgers["charge_hidden1"].dims == ("arm", "seed", "step", "hidden1")
        assert ledgers["closure"].max() < 1e-10
    start = linear.case.start("sgd", 1)
    weights = {name: tensor.double() for name, tensor in start.items()}
    incoming = weights["0.weight"].square().sum(1) + weights["0.bias"].square()
    diagonal = incoming - weights["2.weight"].square().sum(0)
    charges = linear.ledgers_of["sgd"]["charge_hidden1"].sel(arm="sgd", seed=1, step=0)
    np.testing.assert_allclose(charges, diagonal, rtol=1e-12)


def test_matrices_have_no_moments_in_closed_form(linear: TinyStudy):
    drawn = initialisations.measure(linear.case, linear.spec, draws=2)
    assert list(drawn) == []


def test_without_rescalings_there_is_no_noise_equilibrium(study: TinyStudy):
    noises = {"sgd": Noise(ARMS["sgd"], 50, limit=4)}
    dataset = equilibria.measure(
        study.case, study.spec, study.minima, noises=noises, epochs={}, samples=None
    )
    assert list(dataset) == ["displacement", "decay_ratio"]
    assert dataset["displacement"].isnull().all()


def test_alignment_brings_networks_nearer(study: TinyStudy):
    near = distances.measure(
        *(study.case, study.torus, study.gauges.canonical, study.aligned()),
        with_controls=study.pairs[:1],
        options=study.options["alignment"],
    )
    assert near["control_distance"].notnull().all(("control", "stage")).sum() == 1
    near = near["distance"].dropna("pair")
    assert near.sizes["pair"] == 6
    assert (near.sel(stage="aligned") < near.sel(stage="normalised")).all()


def test_an_ensemble_that_a_network_does_not_have_is_left_out_by_name(tanh):
    options = {**tanh.options["neighbours"], "kinds": ["linear_orbit", "geodesic"], "attacks": []}
    options["chains"] = tanh.options["chains"]
    ensembles = neighbours.measure(
        tanh.case, tanh.gauges, arm="sgd", seeds=SEEDS, with_ensembles=True, options=options
    )
    assert ensembles["error"].sel(kind="linear_orbit").isnull().all()
    assert ensembles["error"].sel(kind="geodesic").notnull().all()
    obstacle = ensembles.attrs["left_out"][0]
    assert obstacle.startswith("linear_orbit of sgd/0: Cannot make a linear orbit")
