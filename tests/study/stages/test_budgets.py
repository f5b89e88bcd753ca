"""An arm at the budget of another one: as many gradients of single samples, seed by seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tiny_study import SEEDS, TinyStudy

from symgeom.study.stages.budgets import Budget
from symgeom.study.stages.training import Arm, Outcome, measure

REPLICATED = {"method": "rsgd", "learning_rate": 0.1, "replicas": 3}
COSINE = {"method": "sgd", "learning_rate": 0.1, "schedule": "cosine"}


def trained(tiny: TinyStudy, folder: Path, arm: Arm) -> Outcome:
    path = folder / f"{arm.name}{len(arm.seeds)}.checkpoint"
    return measure(tiny.case, tiny.trained_spec, arm, checkpoint=path, digest="0")


@pytest.fixture(scope="module")
def flat(tiny: TinyStudy, tmp_path_factory) -> xr.Dataset:
    """Minima of replicas, of which the seeds stop at different epochs."""
    options = tiny.options["training"] | {"stop_error": 1.0, "stop_loss": 2.2}
    arm = Arm("flat", SEEDS, REPLICATED, options)
    minima = trained(tiny, tmp_path_factory.mktemp("flat"), arm).minima
    assert len(set(minima["epochs"].values[0])) == 2
    return minima


@pytest.mark.parametrize(
    ("recipe", "per_epoch"), [(COSINE, 150), ({"method": "sam"}, 300), (REPLICATED, 450)]
)
def test_every_seed_spends_what_its_other_seed_has_spent(
    tiny: TinyStudy, flat: xr.Dataset, tmp_path, recipe, per_epoch
):
    budget = Budget.of(flat, SEEDS)
    options = tiny.options["training"] | {"stop_error": 1.0, "stop_loss": 100.0}
    minima = trained(tiny, tmp_path, Arm("control", SEEDS, recipe, options, budget)).minima
    asked = flat["sample_gradients"].values
    whole_epochs = np.ceil(asked / per_epoch)  # a seed ends with an epoch
    np.testing.assert_array_equal(minima["epochs"], whole_epochs)
    np.testing.assert_array_equal(minima["sample_gradients"], whole_epochs * per_epoch)
    assert minima.sizes["epoch"] - 1 == np.ceil(15 * 450 / per_epoch)
    assert minima["status"].values.tolist() == [["reached"] * 2]
    assert minima.attrs["budget_of"] == "flat"


def test_a_budget_is_that_of_the_seed_whatever_seeds_share_a_job(
    tiny: TinyStudy, flat: xr.Dataset, tmp_path
):
    """Of schedules, too: their length is that of the other arm's, not of its longest seed."""
    options = tiny.options["training"]
    both = Arm("control", SEEDS, COSINE, options, Budget.of(flat, SEEDS))
    alone = replace(both, seeds=[1], budget=Budget.of(flat.sel(seed=[1]), [1]))
    all_minima = trained(tiny, tmp_path, both).minima
    xr.testing.assert_identical(trained(tiny, tmp_path, alone).minima, all_minima.sel(seed=[1]))


def test_short_of_the_stop_rule_a_seed_says_that_its_budget_is_spent(
    tiny: TinyStudy, flat: xr.Dataset, tmp_path
):
    options = tiny.options["training"] | {"stop_loss": 1e-9}
    arm = Arm("control", SEEDS, COSINE, options, Budget.of(flat, SEEDS))
    minima = trained(tiny, tmp_path, arm).minima
    assert minima["status"].values.tolist() == [["budget spent"] * 2]
    assert not minima["usable"].any()


@pytest.mark.parametrize(("depth", "status"), [(2.2, "reached"), (1e-9, "budget spent")])
def test_where_a_case_is_compared_at_a_common_depth_that_is_what_counts(
    tiny: TinyStudy, flat: xr.Dataset, tmp_path, depth, status
):
    options = tiny.options["training"] | {"stop_error": 0.0, "stop_loss": 100.0}
    at_depth = flat.assign_attrs(depth=depth)
    arm = Arm("control", SEEDS, COSINE, options, Budget.of(at_depth, SEEDS))
    minima = trained(tiny, tmp_path, arm).minima
    assert minima["status"].values.tolist() == [[status] * 2]
    assert minima.attrs["depth"] == depth


def test_without_a_common_depth_a_budget_leads_to_no_minimum(
    tiny: TinyStudy, flat: xr.Dataset, tmp_path
):
    budget = Budget.of(flat.assign_attrs(depth=np.nan), SEEDS)
    arm = Arm("control", SEEDS, COSINE, tiny.options["training"], budget)
    assert not trained(tiny, tmp_path, arm).minima["usable"].any()


def test_a_seed_without_a_budget_is_no_minimum(tiny: TinyStudy, flat: xr.Dataset, tmp_path):
    one_lost = flat.assign(status=(("arm", "seed"), [["diverged", "reached"]]))
    arm = Arm("control", SEEDS, COSINE, tiny.options["training"], Budget.of(one_lost, SEEDS))
    outcome = trained(tiny, tmp_path, arm)
    minima = outcome.minima.sel(arm="control")
    assert minima["status"].values[0] == "no budget"
    assert minima["epochs"].values[0] == 1
    assert not minima["usable"].values[0]
    assert float(outcome.ledgers["closure"].max()) < 1e-12
    assert minima["sample_gradients"].values[1] == flat["sample_gradients"].values[0, 1]


def test_an_arm_all_of_which_diverged_at_once_lends_nothing(tiny: TinyStudy):
    lost = tiny.minima_of["wild"].assign(epochs=(("arm", "seed"), [[0, 0]]))
    budget = Budget.of(lost, SEEDS)
    assert budget == Budget("wild", (0, 0), most=0)
    assert budget.epochs(per_epoch=150) == 1


def test_a_budget_is_read_from_the_store_without_the_weights(tiny: TinyStudy):
    read = Budget.read(tiny.store("minima", "adam"), SEEDS)
    assert read == Budget.of(tiny.minima_of["adam"], SEEDS)
    assert read == Budget("adam", (15 * 150, 15 * 150), most=15 * 150)
