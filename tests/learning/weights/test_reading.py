"""Weights from files: what comes back is what was saved, and what does not fit is named with
its file and tensor."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import parameters
from symgeom.learning.weights.reading import read_weights


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
        match=r"tensor 'second.weight' shares its memory with another tensor .* other values",
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
                r"it holds a dict with \['epoch', 'loss'\], and no state dict .* under a key such "
                r"as state_dict or model"
            ),
        ),
        ({}, r"it holds a dict with \[\]"),
    ],
)
def test_what_is_no_state_dict_is_named(tmp_path: Path, content: object, message: str):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(SymgeomError, match=message):
        read_weights(tmp_path / "a.pt", network())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_or_missing_file_is_named(tmp_path: Path, suffix: str):
    path = save(tmp_path / f"a{suffix}", network().state_dict())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SymgeomError, match=rf"a{suffix}'.*it is truncated"):
        read_weights(path, network())
    with pytest.raises(SymgeomError, match=rf"none{suffix}': there is no such file"):
        read_weights(tmp_path / f"none{suffix}", network())


def read_or_refuse(path: Path) -> dict | None:
    """Return the weights of a file, or None where a sentence refuses them."""
    try:
        return read_weights(path, network())
    except SymgeomError:
        return None


def test_a_flipped_bit_of_a_zip_is_refused_or_changes_nothing(tmp_path: Path):
    """What is read is what was saved: what no checksum covers (dates, padding) holds no weights."""
    state = network().state_dict()
    content = save(tmp_path / "a.pt", state).read_bytes()
    refused = 0
    for position in range(0, len(content), 31):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        (tmp_path / "a.pt").write_bytes(changed)
        read = read_or_refuse(tmp_path / "a.pt")
        refused += read is None
        assert read is None or all(torch.equal(read[name], state[name]) for name in state)
    assert refused


def test_the_damaged_entry_of_a_zip_is_named(tmp_path: Path):
    state = network().state_dict()
    content = bytearray(save(tmp_path / "a.pt", state).read_bytes())
    content[content.index(state["0.weight"].numpy().tobytes())] ^= 1
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(SymgeomError, match="a.pt': its entry 'a/data/0' is damaged, .* Copy the"):
        read_weights(tmp_path / "a.pt", network())


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
@pytest.mark.parametrize("length", [0, 1, 30, 200, 700])
def test_a_cut_or_overwritten_file_is_one_sentence(tmp_path: Path, options: dict, length: int):
    """Also in the form that PyTorch wrote before 1.6, whose faults are of many kinds."""
    torch.save(network().state_dict(), tmp_path / "a.pt", **options)
    content = (tmp_path / "a.pt").read_bytes()
    for harmed in (content[:length], content[:length] + b"\x80x" * 20 + content[length + 40 :]):
        (tmp_path / "a.pt").write_bytes(harmed)
        assert read_or_refuse(tmp_path / "a.pt") is None


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        ((6, 8), 1, "File 'a/data.pkl' is encrypted, password required"),
        ((8, 10), 99, "That compression method is not supported"),
        ((8, 10), 8, "while decompressing"),
    ],
)
def test_a_zip_that_cannot_be_unpacked_is_named(
    tmp_path: Path, position: tuple[int, int], value: int, message: str
):
    content = bytearray(save(tmp_path / "a.pt", network().state_dict()).read_bytes())
    for mark, offset in zip((b"PK\3\4", b"PK\1\2"), position, strict=True):
        start = content.find(mark)
        while start >= 0:
            content[start + offset] = value
            start = content.find(mark, start + 1)
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(SymgeomError, match=f"a.pt': .*{message}.* Save network.state_dict"):
        read_weights(tmp_path / "a.pt", network())


@pytest.mark.parametrize(
    "names",
    [["../../a/data.pkl"], ["/a/data.pkl"], ["notes.txt"], [], ["a/data.pkl", "b/data.pkl"]],
)
def test_another_zip_is_one_sentence(tmp_path: Path, names: list[str]):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    assert read_or_refuse(tmp_path / "a.pt") is None


ODD: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "float8_e4m3fn": (lambda weight: weight.to(torch.float8_e4m3fn), "holds torch.float8_e4m3fn"),
    "float8_e5m2": (lambda weight: weight.to(torch.float8_e5m2), "holds torch.float8_e5m2"),
    "uint16": (lambda weight: weight.to(torch.uint16), "holds torch.uint16"),
    "sparse": (lambda weight: weight.to_sparse(), r"is sparse \(torch.sparse_coo\)"),
    "rows": (lambda weight: weight.to_sparse_csr(), r"is sparse \(torch.sparse_csr\)"),
    "meta": (
        lambda weight: weight.to("meta"),
        "is on the device 'meta', where tensors have no",
    ),
    "nested": (lambda weight: torch.nested.nested_tensor(list(weight)), "is nested"),
    "quantised": (
        lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
        r"is quantised \(torch.qint8\)",
    ),
}


@pytest.mark.filterwarnings("ignore")  # of torch, that such tensors are in beta or deprecated
@pytest.mark.parametrize("kind", ODD)
def test_a_tensor_of_no_ordinary_numbers_is_named(tmp_path: Path, kind: str):
    make, message = ODD[kind]
    torch.save(changed(**{"0__weight": make(torch.ones(4, 3))}), tmp_path / "a.pt")
    with pytest.raises(
        SymgeomError, match=f"a.pt': tensor '0.weight' {message}.* Save an array of"
    ):
        read_weights(tmp_path / "a.pt", network())


def test_numbers_of_8_bits_in_safetensors_are_named(tmp_path: Path):
    state = changed(**{"0__weight": torch.ones(4, 3).to(torch.float8_e4m3fn)})
    path = save(tmp_path / "a.safetensors", state)
    with pytest.raises(SymgeomError, match="tensor '0.weight' holds torch.float8_e4m3fn. Save an"):
        read_weights(path, network())


def test_what_is_read_lies_in_memory_of_its_own(tmp_path: Path):
    """Whatever the file shares: views of one tensor, one tensor under several names."""
    state = network().state_dict()
    rows = torch.randn(5, 4)
    state |= {"0.bias": rows[1], "1.weight": rows[2], "1.bias": rows[2]}
    read = read_weights(save(tmp_path / "a.pt", state), network())
    read["1.bias"].zero_()
    assert torch.equal(read["1.weight"], rows[2])
    for tensor in read.values():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_a_flipped_bit_of_safetensors_is_refused_or_leaves_numbers(tmp_path: Path):
    """No checksum covers them, but their header says where each of them lies."""
    path = save(tmp_path / "a.safetensors", network().state_dict())
    content = path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    refused = 0
    for position in range(0, length, 7):
        harmed = bytearray(content)
        harmed[position] ^= 1 << position % 8
        path.write_bytes(harmed)
        read = read_or_refuse(path)
        refused += read is None
        assert read is None or all(tensor.isfinite().all() for tensor in read.values())
    assert refused > length / 7 / 2
    harmed = bytearray(content)
    harmed[-4:] = torch.tensor(torch.nan).numpy().tobytes()
    path.write_bytes(harmed)
    with pytest.raises(SymgeomError, match="holds 1 values that are NaN or infinite"):
        read_weights(path, network())


def test_flipped_bits_of_arrays_are_noticed(tmp_path: Path):
    state = network().state_dict()
    np.savez(tmp_path / "a.npz", **{name: tensor.numpy() for name, tensor in state.items()})
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(state["0.weight"].numpy().tobytes())] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(SymgeomError, match="a.npz': its entry '0.weight.npy' is damaged"):
        read_weights(tmp_path / "a.npz", network())
