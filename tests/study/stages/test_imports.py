"""Minima that were trained elsewhere."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_study import SEEDS, TinyStudy

from symgeom.ground.checks import SymgeomError
from symgeom.store import dataset_to_parameters
from symgeom.study.stages import imports


@pytest.fixture(scope="module")
def files(tiny: TinyStudy, tmp_path_factory) -> list[str]:
    """Return the weights of an arm that was trained here, in files of both kinds."""
    folder = tmp_path_factory.mktemp("weights")
    paths = [str(folder / "0.pt"), str(folder / "1.safetensors")]
    networks = [dict(tiny.minima.networks["adam", seed]) for seed in SEEDS]
    torch.save(networks[0], paths[0])
    save_file(networks[1], paths[1])
    return paths


@pytest.fixture(scope="module")
def imported(tiny: TinyStudy, files: list[str]):
    return imports.measure(
        tiny.case,
        tiny.spec,
        arm="guest",
        files=dict(zip(SEEDS, files, strict=True)),
        choice=None,
        precision="float64",
    )


def test_imported_weights_have_the_losses_that_training_stored(tiny: TinyStudy, imported):
    minima, _ = imported
    trained = tiny.minima_of["adam"]
    for name in ("train_loss", "test_loss", "train_error", "test_error"):
        np.testing.assert_allclose(minima[name], trained[name], rtol=1e-12)
    for seed in SEEDS:
        stored = dataset_to_parameters(minima.sel(arm="guest", seed=seed))
        for name, array in dataset_to_parameters(tiny.minimum("adam", seed)).items():
            np.testing.assert_array_equal(stored[name], array)


def test_imported_minima_are_used_whatever_their_loss(imported):
    minima, _ = imported
    assert minima["status"].values.tolist() == [["imported", "imported"]]
    assert minima["usable"].all()
    assert (minima["epochs"] == 0).all()
    assert minima["history_loss"].isnull().all()


def test_where_they_come_from_is_stored(imported, files: list[str]):
    minima, ledgers = imported
    with open(files[0], "rb") as file:
        checksum = hashlib.sha256(file.read()).hexdigest()
    for dataset in (minima, ledgers):
        assert dataset.attrs["method"] == "checkpoints"
        assert dataset.attrs["files"] == ["0.pt", "1.safetensors"]
        assert dataset.attrs["checksums"][0] == checksum


def test_charges_are_those_of_the_weights_and_nothing_else_is_claimed(tiny: TinyStudy, imported):
    _, ledgers = imported
    last = tiny.ledgers_of["adam"].isel(step=-1)
    for group in ("hidden1", "hidden2"):
        charge = ledgers[f"charge_{group}"].isel(step=0)
        np.testing.assert_allclose(charge, last[f"charge_{group}"], rtol=1e-12)
    assert ledgers["closure"].isnull().all()


def test_infinite_weights_are_no_minimum(tiny: TinyStudy, tmp_path):
    network = {name: tensor.clone() for name, tensor in tiny.minima.networks["adam", 0].items()}
    network["4.weight"] *= 1e308
    torch.save(network, tmp_path / "far.pt")
    minima, _ = imports.measure(
        tiny.case,
        tiny.spec,
        arm="far",
        files={0: str(tmp_path / "far.pt")},
        choice=None,
        precision="float64",
    )
    assert minima["status"].values.tolist() == [["diverged"]]
    assert not minima["usable"].any()


def test_weights_beyond_the_precision_are_named(tiny: TinyStudy, tmp_path):
    """They would be infinite, and the network would pass for one that diverged."""
    network = {name: tensor.clone() for name, tensor in tiny.minima.networks["adam", 0].items()}
    network["4.weight"][0, :3] = 1e39
    path = str(tmp_path / "large.pt")
    torch.save(network, path)
    with pytest.raises(SymgeomError, match=r"large.pt' in float32: tensor '4.weight' holds 3 val"):
        imports.measure(
            tiny.case, tiny.spec, arm="guest", files={0: path}, choice=None, precision="float32"
        )


def test_a_file_that_does_not_fit_is_named(tiny: TinyStudy, tmp_path):
    network = dict(tiny.minima.networks["adam", 0])
    del network["4.weight"]
    path = str(tmp_path / "broken.pt")
    torch.save(network, path)
    with pytest.raises(SymgeomError, match=r"broken\.pt.*4\.weight"):
        imports.measure(
            tiny.case, tiny.spec, arm="guest", files={0: path}, choice=None, precision="float64"
        )


def test_what_was_said_of_a_file_is_stored(tiny: TinyStudy, tmp_path):
    network = dict(tiny.minima.networks["adam", 0])
    other = {name: 2 * tensor for name, tensor in network.items()}
    path = str(tmp_path / "a.pt")
    torch.save({"model": network, "ema": other}, path)
    options = {"arm": "guest", "files": {0: path}, "precision": "float64"}
    with pytest.raises(SymgeomError, match=r"a.pt' are meant: .* 'model', 'ema'. Choose one"):
        imports.measure(tiny.case, tiny.spec, choice=None, **options)
    minima, _ = imports.measure(tiny.case, tiny.spec, choice="ema", **options)
    assert minima["file_notes"].item() == "Read the weights under 'ema'. Ignored ['model']."
    np.testing.assert_array_equal(minima["parameter.0.weight"].squeeze(), other["0.weight"])


def test_a_folder_of_shards_is_one_network(tiny: TinyStudy, tmp_path):
    network = dict(tiny.minima.networks["adam", 0])
    contents = {"one.safetensors": {}, "two.safetensors": {}}
    shards = {}
    for name, tensor in network.items():
        shards[name] = "one.safetensors" if name.startswith("0") else "two.safetensors"
        contents[shards[name]][name] = tensor
    folder = tmp_path / "net"
    folder.mkdir()
    for file, tensors in contents.items():
        save_file(tensors, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    minima, _ = imports.measure(
        tiny.case,
        tiny.spec,
        arm="guest",
        files={0: str(index)},
        choice=None,
        precision="float64",
    )
    parts = [index, *(folder / file for file in contents)]
    content = b"".join(part.read_bytes() for part in parts)
    assert minima.attrs["files"] == ["net"]
    assert minima.attrs["checksums"] == [hashlib.sha256(content).hexdigest()]
    assert minima["file_notes"].item() == ""
