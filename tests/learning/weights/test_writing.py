"""Weights that are written come back, in the form of the file that they were read from."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from symgeom import SymgeomError, parameters, read_checkpoint, read_weights, write_weights


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Return whether two state dicts are the same: names, precisions and entries."""
    if sorted(first) != sorted(second):
        return False
    for name, tensor in first.items():
        if tensor.dtype != second[name].dtype or not torch.equal(tensor, second[name]):
            return False
    return True


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".ckpt", ".bin"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str):
    params = parameters(network())
    path = tmp_path / "folder" / f"a{suffix}"
    write_weights(path, params)
    assert same(read_weights(path, network()), params)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_names_precisions_and_metadata_of_safetensors_stay(tmp_path: Path):
    state = {f"module.{name}": tensor for name, tensor in network().bfloat16().state_dict().items()}
    save_file(state, tmp_path / "a.safetensors", metadata={"author": "me", "format": "pt"})
    read = read_checkpoint(tmp_path / "a.safetensors", network())
    write_weights(tmp_path / "b.safetensors", read.params, read)
    assert same(load_file(tmp_path / "b.safetensors"), state)
    with safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata() == {"author": "me", "format": "pt"}


def test_an_aligned_checkpoint_loads_where_the_first_did(tmp_path: Path):
    """Under the same key, also into what wraps the network and has a counter."""
    averaged = AveragedModel(network())
    torch.save({"epoch": 3, "model": averaged.state_dict()}, tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt", network())
    moved = {name: tensor + 1 for name, tensor in read.params.items()}
    write_weights(tmp_path / "b.pt", moved, read)
    written = torch.load(tmp_path / "b.pt")
    averaged.load_state_dict(written["model"])
    assert list(written) == ["model"]
    assert same(parameters(averaged), moved)


def test_another_network_is_not_written(tmp_path: Path):
    """It would be one of two in the new file, and of another training."""
    state = {}
    for name, tensor in network().state_dict().items():
        state |= {f"net.{name}": tensor, f"ema.net.{name}": 2 * tensor}
    torch.save({"state_dict": {**state, "total": torch.ones(1)}}, tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt", network(), choice="ema.net")
    write_weights(tmp_path / "b.pt", read.params, read)
    assert same(read_weights(tmp_path / "b.pt", network()), read.params)
    names = torch.load(tmp_path / "b.pt")["state_dict"]
    assert set(names) == {name for name in state if name.startswith("ema")} | {"total"}


class Tied(nn.Module):
    """Two names of one tensor, and a buffer that no state dict keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)


def test_tied_weights_are_written_under_all_their_names_and_once(tmp_path: Path):
    trained = Tied()
    torch.save(trained.state_dict(), tmp_path / "a.pt")
    read = read_checkpoint(tmp_path / "a.pt", Tied())
    for name in ("b.pt", "b.safetensors"):
        write_weights(tmp_path / name, read.params, read)
        again = read_checkpoint(tmp_path / name, Tied())
        assert list(again.names) == ["first.weight", "second.weight"]
        assert torch.equal(again.params["first.weight"], trained.first.weight)
    written = torch.load(tmp_path / "b.pt")
    assert written["first.weight"].data_ptr() == written["second.weight"].data_ptr()


def test_views_are_written_without_what_lies_around_them(tmp_path: Path):
    """Networks that are stacked are views of one large tensor."""
    stacked = torch.arange(4e4).reshape(4, 100, 100)
    transposed = torch.arange(6.0).reshape(2, 3).T
    for suffix in (".pt", ".safetensors"):
        path = tmp_path / f"a{suffix}"
        write_weights(path, {"a": stacked[1], "b": transposed, "c": torch.zeros(0)})
        assert path.stat().st_size < 6e4
        state = load_file(path) if suffix == ".safetensors" else torch.load(path)
        assert same(state, {"a": stacked[1], "b": transposed, "c": torch.zeros(0)})


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path):
    params = parameters(network())
    torch.save(network().half().state_dict(), tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    read = read_checkpoint(tmp_path / "a.pt", network())

    def refused(message: str, name: str, weights: Mapping[str, Tensor]) -> None:
        with pytest.raises(SymgeomError, match=message):
            write_weights(tmp_path / name, weights, read)

    refused(
        r"a.pt': it exists. Give another name, or replace it \(overwrite=True\)", "a.pt", params
    )
    refused("its name ends in '.npz'. Give one that ends in .safetensors, or", "a.npz", params)
    lacking = {name: tensor for name, tensor in params.items() if name != "3.bias"}
    refused(r"as they were read: tensors missing \['3.bias'\]", "b.pt", lacking)
    wider = {**params, "3.bias": torch.ones(5)}
    refused(r"tensor '3.bias' has shape \(5,\), expected \(2,\)", "b.pt", wider)
    large = {**params, "3.bias": torch.full((2,), 1e9)}
    refused("in the precision of the file: tensor '3.bias' holds 2 values", "b.pt", large)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.pt"]
    assert (tmp_path / "a.pt").read_bytes() == before
    write_weights(tmp_path / "a.pt", read.params, read, overwrite=True)
    assert torch.load(tmp_path / "a.pt")["3.bias"].dtype == torch.float16


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path: Path, suffix: str):
    (tmp_path / "file").touch()
    with pytest.raises(SymgeomError, match="Cannot write .*: .* Nothing half-written is left"):
        write_weights(tmp_path / "file" / f"a{suffix}", parameters(network()))
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(SymgeomError, match="Cannot write .*: .* Nothing half-written is left"):
        write_weights(tmp_path / f"folder{suffix}", parameters(network()), overwrite=True)
    assert len(list(tmp_path.iterdir())) == 2
