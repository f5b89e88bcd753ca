"""Weights from files: what comes back is what was saved, and what does not fit is named with
its file and tensor."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import parameters
from symgeom.learning.weight_files import read_weights


def network(width: int = 4) -> nn.Sequential:
    """Return a network with weights, and with buffers of floating and of whole numbers."""
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2))


class Tied(nn.Module):
    """Two names of one tensor, and a buffer that no state dict keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)


def save(path: Path, state: dict) -> Path:
    """Write a state dict in the format that its file's name tells."""
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_what_was_saved_is_read(tmp_path: Path, suffix: str, dtype: torch.dtype):
    trained, fresh = network().to(dtype), network()
    before = parameters(fresh)
    read = read_weights(save(tmp_path / f"a{suffix}", trained.state_dict()), fresh)
    assert list(read) == list(parameters(trained))
    for name, tensor in parameters(trained).items():
        assert torch.equal(read[name].to(tensor.dtype), tensor)
    assert read["0.weight"].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert read["1.num_batches_tracked"].dtype == torch.int64
    assert all(torch.equal(tensor, before[name]) for name, tensor in parameters(fresh).items())


@pytest.mark.parametrize("name", ["state_dict", "model"])
def test_a_state_dict_inside_a_checkpoint_is_found(tmp_path: Path, name: str):
    trained = network()
    path = save(tmp_path / "a.pt", {"epoch": 7, name: trained.state_dict()})
    assert torch.equal(read_weights(path, network())["3.bias"], trained[3].bias)


def test_tied_tensors_are_needed_once_and_other_buffers_not_at_all(tmp_path: Path):
    trained = Tied()
    read = read_weights(
        save(tmp_path / "a.safetensors", {"second.weight": trained.second.weight.detach()}), Tied()
    )
    assert torch.equal(read["first.weight"], trained.first.weight)
    assert read["scale"] == 2


def test_tied_tensors_that_differ_are_named(tmp_path: Path):
    path = save(
        tmp_path / "a.pt", {"first.weight": torch.zeros(2, 2), "second.weight": torch.ones(2, 2)}
    )
    with pytest.raises(
        SymgeomError,
        match=r"a.pt': tensor 'first.weight' shares its memory with another tensor .* other values",
    ):
        read_weights(path, Tied())


def changed(**tensors: torch.Tensor | None) -> dict:
    """Return a state dict with some tensors replaced, added or (None) removed; a name's dot is
    written as two underscores."""
    state = network().state_dict() | {
        name.replace("__", "."): tensor for name, tensor in tensors.items()
    }
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            changed(**{"3__bias": None}),
            r"tensors missing \['3.bias'\], tensors not expected \[\]. Give a file of this network",
        ),
        (changed(head=torch.ones(1)), r"tensors missing \[\], tensors not expected \['head'\]"),
        (network(5).state_dict(), r"tensor '0.weight' has shape \(5, 3\), expected \(4, 3\)"),
        (
            changed(**{"0__bias": torch.ones(4, dtype=torch.int64)}),
            "'0.bias' holds torch.int64, where the network has torch.float32",
        ),
        (
            changed(**{"0__bias": torch.ones(4, dtype=torch.complex64)}),
            "tensor '0.bias' holds torch.complex64",
        ),
        (
            changed(**{"1__num_batches_tracked": torch.tensor(1.5)}),
            "where the network has torch.int64",
        ),
        (
            changed(**{"0__bias": torch.tensor([1, torch.nan, torch.inf, 0])}),
            "tensor '0.bias' holds 2 values that are NaN",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_tensor_that_does_not_fit_is_named(
    tmp_path: Path, state: dict, message: str, suffix: str
):
    with pytest.raises(SymgeomError, match=rf"Cannot use .*bad{suffix}'.*{message}"):
        read_weights(save(tmp_path / f"bad{suffix}", state), network())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "it holds a list, and no state dict"),
        (
            {"epoch": 3, "loss": 0.5},
            (
                r"it holds a dict with \['epoch', 'loss'\], and no state dict .* under "
                r"state_dict or model"
            ),
        ),
        ({}, r"it holds a dict with \[\]"),
    ],
)
def test_what_is_no_state_dict_is_named(tmp_path: Path, content: object, message: str):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(SymgeomError, match=message):
        read_weights(tmp_path / "a.pt", network())


class Trap:
    """An object that would act when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("sprung"),)


def test_nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    torch.save({"state_dict": Trap()}, tmp_path / "new.pt")
    torch.save(network(), tmp_path / "whole.pt")
    for name in ("raw.pt", "new.pt", "whole.pt"):
        with pytest.raises(
            SymgeomError,
            match=rf"Cannot read the weights in '.*{name}' .*nothing in it is executed",
        ):
            read_weights(tmp_path / name, network())
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_or_missing_file_is_named(tmp_path: Path, suffix: str):
    path = save(tmp_path / f"a{suffix}", network().state_dict())
    path.write_bytes(path.read_bytes()[:-20])
    for name in ("a", "none"):
        with pytest.raises(SymgeomError, match=rf"{name}{suffix}' .*it is missing or truncated"):
            read_weights(tmp_path / f"{name}{suffix}", network())
