"""Training an arm: what is stored is what its weights give."""

import numpy as np
import pytest
import torch
import xarray as xr
from tiny_study import ARMS, SEEDS, TinyStudy, train_arm
from torch.nn import functional

from symgeom.store import dataset_to_parameters
from symgeom.study.cases import Case
from symgeom.study.stages import symmetry
from symgeom.study.stages.training import Arm, measure


def forward(weights: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Evaluate the perceptron by hand."""
    hidden = inputs
    for layer in (0, 2):
        affine = hidden @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        hidden = affine.clamp(min=0)
    return hidden @ weights["4.weight"].T + weights["4.bias"]


def samples(study: TinyStudy, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.from_numpy(study.case.data[f"{split}_inputs"].values)
    return inputs, torch.from_numpy(study.case.data[f"{split}_targets"].values)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("arm", ["sgd", "adam"])
def test_losses_and_errors_are_those_of_the_weights(tiny: TinyStudy, arm: str, split: str):
    inputs, targets = samples(tiny, split)
    for seed in SEEDS:
        row = tiny.minimum(arm, seed)
        arrays = dataset_to_parameters(row)
        outputs = forward({name: torch.tensor(array) for name, array in arrays.items()}, inputs)
        loss = functional.cross_entropy(outputs, targets).item()
        wrong = (outputs.argmax(1) != targets).double().mean().item()
        assert row[f"{split}_loss"].item() == pytest.approx(loss, rel=1e-12)
        assert row[f"{split}_error"].item() == pytest.approx(wrong, rel=1e-12)


def test_one_epoch_of_whole_batches_is_gradient_descent(tiny: TinyStudy, tmp_path):
    """With all samples in a batch their order does not matter: one step by hand."""
    inputs, targets = samples(tiny, "train")
    recipe = {"method": "sgd", "learning_rate": 0.2}
    once = tiny.options["training"] | {"epochs": 1, "batch_size": len(targets)}
    outcome = train_arm(tiny.case, tiny.trained_spec, "plain", recipe, once, tmp_path)
    start = tiny.case.start("plain", 1)
    weights = {name: tensor.double().requires_grad_() for name, tensor in start.items()}
    loss = functional.cross_entropy(forward(weights, inputs), targets)
    gradients = torch.autograd.grad(loss, list(weights.values()))
    stored = dataset_to_parameters(outcome.minima.sel(arm="plain", seed=1))
    for (name, tensor), gradient in zip(weights.items(), gradients, strict=True):
        stepped = tensor - 0.2 * gradient
        np.testing.assert_allclose(stored[name], stepped.detach(), rtol=1e-10, atol=1e-14)
    assert outcome.minima["gradient_evaluations"].values.tolist() == [[1, 1]]
    assert outcome.minima["sample_gradients"].values.tolist() == [[150, 150]]
    assert outcome.minima["history_loss"].sel(epoch=0, seed=1).item() == pytest.approx(loss.item())


def test_how_seeds_ended_is_stored(tiny: TinyStudy):
    assert tiny.minima_of["sgd"]["status"].values.tolist() == [["epoch limit"] * 2]
    assert not tiny.minima_of["sgd"]["usable"].any()
    assert tiny.minima_of["sgd"]["epochs"].values.tolist() == [[15, 15]]
    wild = tiny.minima_of["wild"]
    assert wild["status"].values.tolist() == [["diverged"] * 2]
    assert not wild["usable"].any()
    assert wild["train_loss"].isnull().all()


def test_a_seed_that_meets_the_stop_rule_is_usable(tiny: TinyStudy, tmp_path):
    easy = tiny.options["training"] | {"stop_error": 1.0, "stop_loss": 100.0}
    outcome = train_arm(tiny.case, tiny.trained_spec, "sgd", ARMS["sgd"], easy, tmp_path)
    assert outcome.minima["status"].values.tolist() == [["reached"] * 2]
    assert outcome.minima["usable"].all()


@pytest.mark.parametrize(("asked", "ended"), [(0.0, "epoch limit"), (0.95, "reached")])
def test_how_a_first_stage_on_random_labels_ended_is_stored(
    tiny: TinyStudy, tmp_path, asked: float, ended: str
):
    recipe = {"method": "adv", "pretraining_epochs": 3, "pretraining_error": asked}
    once = tiny.options["training"] | {"epochs": 1}
    minima = train_arm(tiny.case, tiny.trained_spec, "adv", recipe, once, tmp_path).minima
    assert minima["pretraining_status"].values.tolist() == [[ended] * 2]
    assert (minima["pretraining_epochs"] <= 3).all()
    error = minima["pretraining_error"].values
    assert ((error <= asked) == (ended == "reached")).all()
    assert (error > 0.5).all()  # nobody memorises in three epochs
    assert not [name for name in tiny.minima_of["sgd"] if "pretraining" in str(name)]


def test_histories_end_with_the_minimum(tiny: TinyStudy):
    for arm in ("sgd", "adam"):
        minima = tiny.minima_of[arm]
        last = minima.isel(epoch=-1)
        np.testing.assert_allclose(last["history_loss"], minima["train_loss"], rtol=1e-12)
        np.testing.assert_allclose(last["history_error"], minima["train_error"], rtol=1e-12)


def test_a_seed_that_trains_alone_gives_the_same_numbers(tiny: TinyStudy, tmp_path):
    arm = Arm("sgd", [1], ARMS["sgd"], tiny.options["training"])
    checkpoint = tmp_path / "alone"
    alone = measure(tiny.case, tiny.trained_spec, arm, checkpoint=checkpoint, digest="0")
    xr.testing.assert_identical(alone.minima, tiny.minima_of["sgd"].sel(seed=[1]))
    xr.testing.assert_identical(alone.ledgers, tiny.ledgers_of["sgd"].sel(seed=[1]))


def test_training_goes_on_from_its_checkpoint(tiny: TinyStudy, tmp_path):
    """A finished training left its last checkpoint, from which a second call goes on."""
    options = tiny.options["training"]
    first = train_arm(tiny.case, tiny.trained_spec, "sgd", ARMS["sgd"], options, tmp_path)
    again = train_arm(tiny.case, tiny.trained_spec, "sgd", ARMS["sgd"], options, tmp_path)
    assert first.resumed_from == 0
    assert again.resumed_from > 0
    xr.testing.assert_identical(again.minima, first.minima)
    xr.testing.assert_identical(again.ledgers, first.ledgers)


def test_a_shared_order_is_another_one_than_that_of_each_seed(tiny: TinyStudy, tmp_path):
    losses = {}
    for order in ("independent", "shared"):
        folder = tmp_path / order
        folder.mkdir()
        once = tiny.options["training"] | {"epochs": 1, "order": order}
        outcome = train_arm(tiny.case, tiny.trained_spec, "sgd", ARMS["sgd"], once, folder)
        losses[order] = outcome.minima["train_loss"].values
    assert not np.isclose(losses["independent"], losses["shared"], rtol=1e-9).any()


def test_weights_and_columns_say_what_they_are(tiny: TinyStudy):
    minima = tiny.minima_of["sgd"]
    assert minima["parameter.0.weight"].dims[:3] == ("arm", "seed", "hidden1")
    assert minima["parameter.0.weight"].dtype == np.float64
    assert minima["history_loss"].dims == ("arm", "seed", "epoch")
    assert minima["history_loss"].attrs["units"] == "nat"
    assert minima["train_error"].attrs["units"] == "1"
    assert minima.attrs["method"] == "sgd"
    assert minima.attrs["batch_size"] == 50


def test_binary_networks_keep_latent_weights(signs: TinyStudy):
    weights = signs.minima_of["sgd"]["parameter.0.weight"]
    assert weights.dtype == np.float32
    assert len(np.unique(np.abs(weights))) > 2


def test_without_snapshots_there_is_no_ledger(signs: TinyStudy):
    ledgers = signs.ledgers_of["sgd"]
    assert ledgers.sizes["step"] == 0
    assert not [name for name in ledgers if name.startswith("charge")]
    assert ledgers["closure"].isnull().all()


@pytest.mark.parametrize("recipe", [{"method": "sgd"}, {"method": "rsgd", "replicas": 2}])
def test_a_network_of_ones_own_is_trained_as_it_says(tiny: TinyStudy, tmp_path, recipe):
    """With dropout while it trains, and a frozen layer, of which the ledger books no charge."""
    case = Case.build("own", tiny.case.data, {**tiny.case.options, "name": "cases:half_frozen"})
    _, spec = symmetry.measure(case)
    options = tiny.options["training"]
    outcome = train_arm(case, spec, "own", recipe, options, tmp_path)
    for seed in SEEDS:
        start = case.start("own", seed)
        weights = dataset_to_parameters(outcome.minima.sel(arm="own", seed=seed))
        for name in ("1.weight", "1.bias"):
            np.testing.assert_array_equal(weights[name], start[name].double())
    assert outcome.ledgers.attrs["frozen_groups"] == "hidden1"
    assert "charge_hidden2" in outcome.ledgers
    assert "charge_hidden1" not in outcome.ledgers
    assert not outcome.ledgers["equivariant"].any()
    assert float(outcome.ledgers["closure"].max()) < 1e-12
    (tmp_path / "own.checkpoint").unlink()
    alone = Arm("own", [1], recipe, options)
    again = measure(case, spec, alone, checkpoint=tmp_path / "alone", digest="0")
    xr.testing.assert_identical(again.minima, outcome.minima.sel(seed=[1]))
