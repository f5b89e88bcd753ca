"""Chains between aligned minima."""

import numpy as np
import pytest
import xarray as xr
from tiny_study import TinyStudy

from symgeom.landscape.path import curve_along
from symgeom.study.gauges import connected_ends, first_path
from symgeom.study.stages import chains
from symgeom.study.stages.chains import COLUMNS


def options_of(study: TinyStudy, **changes: object) -> dict:
    return study.options["chains"] | {"precision": "float64", **changes}


def connect(study: TinyStudy, options: dict, at_once: int = 2) -> xr.Dataset:
    return chains.measure(
        study.case, study.gauges, pairs=study.pairs, options=options, at_once=at_once
    )


@pytest.fixture(scope="module")
def real(tiny: TinyStudy) -> xr.Dataset:
    return connect(tiny, options_of(tiny))


@pytest.fixture(scope="module")
def binary(signs: TinyStudy) -> xr.Dataset:
    return connect(signs, options_of(signs))


@pytest.mark.parametrize("weights", ["real", "binary"])
def test_chains_begin_and_end_at_the_minima(weights: str, tiny, signs, real, binary):
    study, dataset = (tiny, real) if weights == "real" else (signs, binary)
    for row, pair in enumerate(study.pairs):
        if "wild" in pair:
            continue
        for t, (arm, seed) in ((0.0, pair[:2]), (1.0, pair[2:])):
            for split in ("train", "test"):
                error = dataset["error"].isel(pair=row).sel(t=t, split=split).item()
                stored = study.minimum(arm, seed)[f"{split}_error"].item()
                assert error == pytest.approx(stored, abs=1e-12)


def test_the_largest_error_is_that_of_the_points_at_which_chains_are_judged(real):
    trained = real.isel(pair=np.flatnonzero(real["bend_error"].notnull()))
    judged = trained["judged_error"]
    assert judged.sizes["judged_point"] == 5 + 4
    np.testing.assert_array_equal(trained["bend_error"], judged.max("judged_point"))
    for row in range(trained.sizes["pair"]):
        t = trained["judged_t"].values[row]
        assert (np.diff(t) > 0).all()
        assert trained["peak"].values[row] == t[judged.values[row].argmax()]
        equidistant = np.isin(t, trained["t"].values)
        errors = trained["error"].sel(split="train").values[row]
        np.testing.assert_allclose(judged.values[row, equidistant], errors, atol=1e-12)


def test_the_error_before_training_is_that_of_the_first_points(tiny: TinyStudy, real):
    """By hand: a chain whose bend lies in the middle of the geodesic."""
    pair = ("sgd", 0, "adam", 1)
    ends = connected_ends(tiny.case, tiny.gauges, [pair])[pair]
    path = first_path(tiny.case, tiny.torus, ends)
    first, bend, last = curve_along(path, kind="polygonal", bends=1).points
    problem = tiny.case.problems("float64")["train"]
    errors = []
    for a, b in ((first, bend), (bend, last)):
        for share in (0.0, 0.5, 1.0):
            between = {name: (1 - share) * a[name] + share * b[name] for name in a}
            errors.append(problem.error(between).item())
    row = list(tiny.pairs).index(pair)
    assert real["straight_error"][row].item() == pytest.approx(max(errors), abs=1e-12)


def test_chains_are_longer_than_the_way_between_their_ends(real):
    trained = real.dropna("pair", subset=["length_ratio"])
    assert trained.sizes["pair"] == 6
    assert (trained["length_ratio"] >= 1).all()
    assert (trained["torus_length_ratio"] >= 1 - 1e-12).all()
    assert (trained["bend_angle"] > 0).all()
    assert (trained["diverged"] == 0).all()


def test_a_threshold_that_holds_at_once_needs_no_steps(tiny: TinyStudy):
    dataset = connect(tiny, options_of(tiny, threshold=1.0))
    needed = dataset["steps_needed"].dropna("pair")
    assert (needed == 0).all()
    assert (dataset["epochs_needed"].dropna("pair") == 0).all()


def test_a_threshold_that_is_never_reached_needs_infinitely_many(tiny: TinyStudy):
    dataset = connect(tiny, options_of(tiny, threshold=0.0))
    assert np.isinf(dataset["epochs_needed"].dropna("pair")).all()


def test_how_many_are_trained_at_once_changes_no_chain(tiny: TinyStudy, real):
    alone = connect(tiny, options_of(tiny), at_once=1)
    for name in alone:
        np.testing.assert_allclose(alone[name], real[name], rtol=1e-9, atol=1e-9)


def test_on_the_torus_points_stay_there(tiny: TinyStudy):
    dataset = connect(tiny, options_of(tiny, constraint="torus"))
    assert dataset["bend_error"].notnull().sum() == 6
    assert dataset.attrs["constraint"] == "torus"


def test_bezier_curves_are_chains_too(tiny: TinyStudy):
    dataset = connect(tiny, options_of(tiny, kind="bezier"))
    assert dataset["bend_error"].notnull().sum() == 6


def test_pairs_with_a_network_that_diverged_have_no_chain(tiny: TinyStudy, real):
    wild = (real["first_arm"] == "wild") | (real["second_arm"] == "wild")
    for name in (*COLUMNS, "loss", "error"):
        assert real[name][wild.values].isnull().all()
        assert real[name][~wild.values].notnull().all()


def test_chains_say_what_they_are(real, binary):
    for dataset in (real, binary):
        assert dataset["loss"].dims == ("pair", "split", "t")
        assert dataset["bend_angle"].attrs["units"] == "rad"
        assert np.ptp(np.diff(dataset["t"])) < 1e-12
        for name in COLUMNS:
            assert dataset[name].dims == ("pair",)
            assert dataset[name].dtype == np.float64
