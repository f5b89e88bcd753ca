"""Ensembles of the minima of an arm: made of training data, scored on test data."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import SEEDS, TinyStudy

from symgeom.ground.randomness import stream
from symgeom.neighbours.ensembles import KINDS, EnsembleMaterial, ensemble_members
from symgeom.neighbours.robustness import ATTACKS, CORRUPTIONS
from symgeom.study import bench
from symgeom.study.bench import MEANINGS, SCORES
from symgeom.study.cases import Case
from symgeom.study.pairs import ring_runs
from symgeom.study.planning.configuration import schema
from symgeom.study.planning.ensembles import VERTICES, pairs_of_ensembles
from symgeom.study.stages import neighbours

OPTIONS = {
    "kinds": ["linear_orbit", "geodesic", "independent"],
    "members": 2,
    "scale": 0.5,
    "further_scales": [0.1],
    "samples": None,
    "attacks": ["fgsm", "pgd"],
    "attacked": 100,
    "restarts": 1,
    "steps": 2,
    "budget": 0.1,
    "further_budgets": [0.02],
    "corruptions": ["gaussian_noise", "gaussian_blur", "contrast"],
    "severities": [1, 5],
    "precision": "float64",
}


def measured(study: TinyStudy, **changes: object) -> xr.Dataset:
    options: Mapping = {**OPTIONS, "chains": study.options["chains"], **changes}
    return neighbours.measure(
        study.case, study.gauges, arm="sgd", seeds=SEEDS, with_ensembles=True, options=options
    )


@pytest.fixture(scope="module")
def ensembles(tiny: TinyStudy) -> xr.Dataset:
    return measured(tiny)


def test_the_single_minimum_has_the_error_and_loss_of_training(tiny, ensembles):
    single = ensembles.sel(arm="sgd", kind="single")
    for seed in SEEDS:
        minimum = tiny.minimum("sgd", seed)
        for scale in (0.1, 0.5):
            of_seed = single.sel(seed=seed, scale=scale)
            assert float(of_seed["error"]) == pytest.approx(float(minimum["test_error"]))
            assert float(of_seed["loss"]) == pytest.approx(float(minimum["test_loss"]))
            assert float(of_seed["disagreement"]) == 0
            assert float(of_seed["member_error"]) == float(of_seed["error"])


def test_members_with_the_same_function_have_the_scores_of_the_minimum(ensembles):
    single, orbit = (ensembles.sel(kind=kind) for kind in ("single", "linear_orbit"))
    for name in SCORES:
        np.testing.assert_allclose(orbit[name], single[name], atol=1e-12)
    fgsm = {"attack": "fgsm"}
    np.testing.assert_allclose(
        orbit["robust_error"].sel(fgsm), single["robust_error"].sel(fgsm), atol=1e-12
    )
    assert (orbit["distance"].sel(scale=0.5) > orbit["distance"].sel(scale=0.1)).all()
    assert (orbit["distance"].sel(scale=0.1) > 0.01).all()


def test_the_error_of_an_ensemble_is_that_of_the_mean_of_its_members(tiny, ensembles):
    problem = tiny.case.problems("float64")["test"]
    first, second = tiny.gauges.raw["sgd", 0], tiny.gauges.raw["sgd", 1]
    outputs = [problem.outputs(network) for network in (first, second)]
    mean = sum(output.softmax(1) for output in outputs) / 2
    wrong = (mean.argmax(1) != problem.targets).double().mean()
    loss = -mean[torch.arange(len(mean)), problem.targets].log().mean()
    independent = ensembles.sel(arm="sgd", kind="independent", seed=0, scale=0.5)
    assert float(independent["error"]) == pytest.approx(float(wrong))
    assert float(independent["loss"]) == pytest.approx(float(loss))
    decisions = [output.argmax(1) for output in outputs]
    differ = (decisions[0] != decisions[1]).double().mean()
    assert float(independent["disagreement"]) == pytest.approx(float(differ))


def test_two_points_of_a_geodesic_are_its_ends(tiny, ensembles):
    pair = ("sgd", 0, "sgd", 1)
    problem = tiny.case.problems("float64")["test"]
    outputs = [problem.outputs(network) for network in tiny.gauges.ends(pair)["both"]]
    mean = sum(output.softmax(1) for output in outputs) / 2
    wrong = (mean.argmax(1) != problem.targets).double().mean()
    geodesic = ensembles.sel(arm="sgd", kind="geodesic", scale=0.5)
    np.testing.assert_allclose(geodesic["error"], float(wrong))
    assert ensembles["minima"].values.tolist() == [1, 1, 2, 2]
    assert geodesic["distance"].isnull().all()


def test_ensembles_are_made_of_training_data_with_streams_of_their_own(tiny, ensembles):
    material = EnsembleMaterial(
        tiny.torus,
        tiny.case.problems("float64")["train"],
        [tiny.gauges.raw["sgd", 1]],
        count=2,
        scale=0.1,
    )
    generator = stream("ensemble", "tiny", "sgd", 1)
    members = ensemble_members("linear_orbit", material, generator=generator)
    expected = bench.distance(tiny.gauges.raw["sgd", 1], members)
    orbit = ensembles["distance"].sel(arm="sgd", seed=1, kind="linear_orbit", scale=0.1)
    assert float(orbit) == pytest.approx(float(expected))


def test_attacks_are_aimed_transferred_and_either(ensembles):
    robust = ensembles["robust_error"]
    aimed, transferred, either = (robust.sel(aim=aim) for aim in bench.AIMS)
    assert (either >= np.maximum(aimed, transferred)).all()
    assert (either <= aimed + transferred).all()
    clean = ensembles["attacked_error"]
    assert (aimed >= clean - 1e-12).all()
    assert (aimed.sel(budget=0.1) >= aimed.sel(budget=0.02)).mean() > 0.8
    single = robust.sel(kind="single", attack="fgsm")
    assert (single == single.isel(aim=0)).all()
    assert robust["budget"].values.tolist() == [0.02, 0.1]
    assert float(robust.mean()) > float(clean.mean())


def test_corrupted_samples_are_the_same_of_all_kinds(tiny, ensembles):
    corrupted = ensembles["corrupted_error"]
    assert corrupted["corruption"].values.tolist() == ["gaussian_noise", "contrast"]
    single, orbit = (corrupted.sel(kind=kind) for kind in ("single", "linear_orbit"))
    np.testing.assert_allclose(single, orbit, atol=1e-12)
    problem = tiny.case.problems("float64", samples=OPTIONS["attacked"])["test"]
    mean = problem.inputs.mean(1, keepdim=True)
    pale = mean + 0.15 * (problem.inputs - mean)
    outputs = replace(problem, inputs=pale).outputs(tiny.gauges.raw["sgd", 1])
    wrong = (outputs.argmax(1) != problem.targets).double().mean()
    found = single.sel(arm="sgd", seed=1, corruption="contrast", severity=5)
    assert float(found) == pytest.approx(float(wrong))


def test_of_other_arms_the_single_minima_are_measured(tiny):
    options = {**OPTIONS, "chains": tiny.options["chains"], "attacks": [], "corruptions": []}
    alone = neighbours.measure(
        tiny.case, tiny.gauges, arm="adam", seeds=SEEDS, with_ensembles=False, options=options
    )
    assert not {"robust_error", "corrupted_error"} & set(alone)
    assert alone["error"].sel(kind="single").notnull().all()
    assert alone["error"].sel(kind="independent").isnull().all()
    assert alone.attrs["attack"] == ""


def test_networks_that_training_lost_have_no_ensembles(tiny, signs):
    options = {**OPTIONS, "chains": tiny.options["chains"]}
    lost = neighbours.measure(
        tiny.case, tiny.gauges, arm="wild", seeds=SEEDS, with_ensembles=True, options=options
    )
    binary = neighbours.measure(
        signs.case, signs.gauges, arm="sgd", seeds=SEEDS, with_ensembles=True, options=options
    )
    for dataset in (lost, binary):
        for name in MEANINGS:
            assert dataset[name].isnull().all()


def test_ensembles_say_what_they_are(ensembles):
    assert set(ensembles.data_vars) == {*MEANINGS, "minima"}
    assert (ensembles.attrs["scale"], ensembles.attrs["budget"]) == (0.5, 0.1)
    assert (ensembles.attrs["attack"], ensembles.attrs["members"]) == ("pgd", 2)
    assert ensembles["kind_title"].values[0] == "the minimum alone"
    for variable in ensembles.variables.values():
        assert variable.attrs.get("long_name") or variable.dims in (("arm",), ("seed",))


def test_the_range_is_that_of_the_levels_or_of_the_data(tiny, signs):
    levels = bench.range_of(tiny.case)
    assert (levels.low[0], levels.high[0]) == pytest.approx((0, 1), abs=1e-6)
    observed = bench.range_of(signs.case)
    inputs = [signs.case.data[f"{split}_inputs"].values for split in ("train", "test")]
    assert observed.low == (min(array.min() for array in inputs),)
    assert observed.high == (max(array.max() for array in inputs),)


def test_scaled_images_lie_in_their_range():
    """They are stored in single precision, and attacked in double precision."""
    mean, deviation = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
    levels = torch.arange(256).float().expand(1, 3, 2, 256) / 255
    scaled = (levels - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
    data = xr.Dataset(attrs={"divisor": 255, "mean": mean, "deviation": deviation})
    case = Case("images", data, {}, torch.nn.Identity(), torch.nn.Identity(), None)
    low, high = bench.range_of(case).ends(scaled.double())
    assert (low.squeeze() <= scaled.double().amin((0, 2, 3))).all()
    assert (high.squeeze() >= scaled.double().amax((0, 2, 3))).all()


def test_kinds_of_the_configuration_are_those_that_there_are():
    section = schema()["properties"]["neighbours"]["properties"]
    of_minima = [name for name, kind in KINDS.items() if not kind.of_training]
    assert section["kinds"]["items"]["enum"] == of_minima
    assert section["attacks"]["items"]["enum"] == list(ATTACKS)
    assert section["corruptions"]["items"]["enum"] == list(CORRUPTIONS)
    for name, kind in KINDS.items():
        assert VERTICES.get(name, 1) == (kind.networks if kind.aligned else 1)


def test_pairs_of_ensembles_close_the_ring():
    config = {
        "seeds": [4, 1, 7],
        "claims": {"roles": {"reference": "sgd"}},
        "neighbours": {"roles": ["reference"], "kinds": ["geodesic"], "members": 2},
    }
    pairs = pairs_of_ensembles(config, "sgd")
    assert pairs == [("sgd", 4, "sgd", 1), ("sgd", 4, "sgd", 7), ("sgd", 1, "sgd", 7)]
    assert pairs_of_ensembles(config, "adam") == []
    assert ring_runs([0, 1], 3) == {}
