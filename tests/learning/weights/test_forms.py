"""Files of weights in the forms in which people have them, made with what people make them with."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from symgeom import SymgeomError, parameters, read_checkpoint, read_weights
from symgeom.learning.weights.files import all_files, is_weights
from symgeom.learning.weights.safetensors_file import read_safetensors


def network() -> nn.Sequential:
    """Return a network with weights, and with buffers of floating and of whole numbers."""
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


class Lightning(nn.Module):
    """The network as an attribute, beside the buffers of a metric."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("accuracy_total", torch.tensor(0))


TRAINED = network()
STATE = TRAINED.state_dict()
EMA = network().state_dict()


def beginning(stem: str, state: Mapping[str, Tensor] = STATE) -> dict[str, Tensor]:
    """Return a state dict whose names have a stem."""
    return {f"{stem}{name}": tensor for name, tensor in state.items()}


def optimizer_state() -> dict[str, object]:
    """Return the state of an optimizer that has made a step."""
    optimizer = torch.optim.Adam(TRAINED.parameters(), lr=0.0)
    TRAINED.eval()(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def cast(dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the state dict as ``network.to(dtype)`` has it."""
    return network().to(dtype).state_dict()


def check_read(path: Path, state: Mapping[str, Tensor] = STATE, choice: str | None = None) -> str:
    """Compare what is read of a file with what was saved; return its form and notes."""
    fresh = network()
    before = parameters(fresh)
    read = read_checkpoint(path, fresh, choice=choice)
    assert list(read.params) == list(before)
    for name, tensor in state.items():
        assert torch.equal(read.params[name], tensor.to(read.params[name].dtype)), name
        assert torch.equal(fresh.state_dict()[name], before[name])
        assert read.dtypes[name] == tensor.dtype
    return " ".join([read.form, *read.notes])


def saved(path: Path, content: object) -> Path:
    """Write a file with what people write files of its ending with."""
    if path.suffix == ".safetensors":
        save_file(content, path)
    elif path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in content.items()})
    else:
        torch.save(content, path)
    return path


def test_a_file_that_is_opened_again_and_again_is_read_whole(tmp_path: Path):
    """What was read of an open file stays in memory, so that large files are read in parts."""
    state = {str(number): torch.full((5, 2**20), float(number)) for number in range(4)}
    content = read_safetensors(saved(tmp_path / "a.safetensors", state))
    assert content.holds.keys() == state.keys()
    assert all(torch.equal(content.holds[name], state[name]) for name in state)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".tar", ".safetensors", ".npz"])
def test_state_dicts_of_all_endings_are_read(tmp_path: Path, suffix: str):
    path = saved(tmp_path / f"a{suffix}", STATE)
    assert check_read(path) == {".safetensors": "safetensors", ".npz": "npz"}.get(suffix, "torch")


def test_a_form_is_seen_whatever_the_ending(tmp_path: Path):
    saved(tmp_path / "a.safetensors", STATE).rename(tmp_path / "a.bin")
    assert check_read(tmp_path / "a.bin") == "safetensors"
    saved(tmp_path / "a.npz", STATE).rename(tmp_path / "b.bin")
    assert check_read(tmp_path / "b.bin") == "npz"
    torch.save(STATE, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert check_read(tmp_path / "old.pt") == "torch, before 1.6"


def test_packed_arrays_and_foreign_orders_of_bytes_are_read(tmp_path: Path):
    arrays = {name: tensor.numpy() for name, tensor in STATE.items()}
    swapped = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in arrays.items()}
    np.savez_compressed(tmp_path / "a.npz", **swapped, names=np.array(["a", "b"]))
    assert check_read(tmp_path / "a.npz").startswith("npz")


def test_wrapped_networks_are_read(tmp_path: Path):
    averaged = AveragedModel(TRAINED)
    averaged.update_parameters(TRAINED)
    compiled = torch.compile(TRAINED, backend="eager")
    cases = {
        "Removed 'module.' from their names.": nn.DataParallel(TRAINED),
        "Removed 'module.' from their names. Ignored ['n_averaged'].": averaged,
        "Removed '_orig_mod.' from their names.": compiled,
        "Removed 'module._orig_mod.' from their names.": nn.DataParallel(compiled),
        "Removed 'net.' from their names. Ignored ['accuracy_total'].": Lightning(TRAINED),
        "Removed 'net.module.' from their names. Ignored ['accuracy_total'].": Lightning(
            nn.DataParallel(TRAINED)
        ),
    }
    for notes, wrapped in cases.items():
        path = saved(tmp_path / "a.pt", wrapped.state_dict())
        assert check_read(path) == f"torch {notes}"
    assert torch.equal(read_weights(path, averaged)["3.bias"], TRAINED[3].bias)


def test_a_part_that_was_compiled_is_read(tmp_path: Path):
    state = {name.replace("3.", "3._orig_mod."): tensor for name, tensor in STATE.items()}
    notes = check_read(saved(tmp_path / "a.pt", beginning("model.", state)))
    assert notes.endswith(
        "Removed 'model.' from their names. Removed ['_orig_mod'] within their names."
    )


def test_checkpoints_are_unwrapped_and_what_is_ignored_is_said(tmp_path: Path):
    cases = {
        "Read the weights under 'model_state_dict'. "
        "Ignored ['epoch', 'optimizer_state_dict', 'loss'].": {
            "epoch": 3,
            "model_state_dict": STATE,
            "optimizer_state_dict": optimizer_state(),
            "loss": 0.4,
        },
        "Read the weights under 'state_dict'. Removed 'net.' from their names. "
        "Ignored ['epoch', 'pytorch-lightning_version', 'optimizer_states'] and 3 more.": {
            "epoch": 1,
            "pytorch-lightning_version": "2.5.0",
            "state_dict": Lightning(TRAINED).state_dict(),
            "optimizer_states": [optimizer_state()],
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5)}},
            "hyper_parameters": {"lr": 0.1},
        },
        "Read the weights under 'module'. Ignored ['best', 'curve', 'args'].": {
            "module": STATE,
            "best": np.float64(0.93),
            "curve": np.ones(3),
            "args": argparse.Namespace(lr=0.1, out=Path("runs"), best=np.float32(1)),
        },
        "Read the weights under 'model'. Ignored ['optimizer'].": {
            "model": STATE,
            "optimizer": {"exp_avg": dict(STATE)},
        },
        "Ignored ['epoch', 'ema'].": {**STATE, "epoch": 3, "ema": None},
        "Read the weights under 'state.net'. Removed 'backbone.' from their names. "
        "Ignored ['head.weight'].": {
            "state": {"net": {**beginning("backbone."), "head.weight": torch.ones(1)}}
        },
    }
    for notes, content in cases.items():
        assert check_read(saved(tmp_path / "a.ckpt", content)) == f"torch {notes}"


def test_counters_that_old_files_lack_are_those_of_the_network(tmp_path: Path):
    state = {name: tensor for name, tensor in STATE.items() if tensor.ndim}
    notes = check_read(saved(tmp_path / "a.pt", state), state)
    assert (
        notes == "torch Took ['1.num_batches_tracked'] from the network, because the file has none."
    )


def test_the_stem_that_a_file_lacks_is_put_before_its_names(tmp_path: Path):
    """As the body of a model is published, whose head is tied to it."""
    path = saved(tmp_path / "a.pt", STATE)
    whole = nn.ModuleDict({"transformer": network()})
    read = read_checkpoint(path, whole)
    assert torch.equal(read.params["transformer.3.bias"], STATE["3.bias"])
    assert read.notes == ("Put 'transformer.' before their names.",)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_what_is_cast_is_said(tmp_path: Path, dtype: torch.dtype):
    state = cast(dtype)
    notes = check_read(saved(tmp_path / "a.safetensors", state), state)
    if dtype == torch.float64:
        assert notes == "safetensors"
    else:
        assert notes == f"safetensors Cast {dtype} to torch.float32."


def test_weights_of_a_gpu_are_read_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
    path = saved(tmp_path / "a.pt", STATE)
    assert b"cuda:0" in path.read_bytes()
    assert check_read(path) == "torch"
    assert read_weights(path, network())["0.bias"].device.type == "cpu"


class Tied(nn.Module):
    """Two names of one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_weights_are_read_whether_they_were_saved_once_or_twice(tmp_path: Path):
    trained = Tied()
    torch.save(trained.state_dict(), tmp_path / "twice.pt")
    save_model(trained, str(tmp_path / "once.safetensors"))
    for name, count in (("twice.pt", 2), ("once.safetensors", 1)):
        read = read_checkpoint(tmp_path / name, Tied())
        assert torch.equal(read.params["embedding.weight"], trained.head.weight)
        assert list(read.params) == ["embedding.weight"]
        assert len(read.names) == count
        assert read.tied == {"head.weight": "embedding.weight"}


def sharded(folder: Path, suffix: str) -> Path:
    """Write a state dict as Hugging Face does: two shards and an index; return the index."""
    name = {".safetensors": "model", ".bin": "pytorch_model"}[suffix]
    shards = {f"{name}-00001-of-00002{suffix}": {}, f"{name}-00002-of-00002{suffix}": {}}
    files = {}
    for number, (tensor_name, tensor) in enumerate(STATE.items()):
        file = list(shards)[number // 5]
        shards[file][tensor_name] = tensor
        files[tensor_name] = file
    folder.mkdir(exist_ok=True)
    for file, tensors in shards.items():
        saved(folder / file, tensors)
    index = folder / f"{name}{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": files}))
    return index


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_shards_are_read_by_their_index_or_folder(tmp_path: Path, suffix: str):
    index = sharded(tmp_path, suffix)
    form = {".safetensors": "safetensors", ".bin": "torch"}[suffix]
    assert check_read(index) == f"{form} in 2 shards"
    (tmp_path / "optimizer.pt").touch()
    assert check_read(tmp_path) == f"{form} in 2 shards Read '{index.name}' of the folder."
    assert [file.suffix for file in all_files(tmp_path)] == [".json", suffix, suffix]
    assert is_weights(tmp_path)


def test_faults_of_shards_are_one_sentence(tmp_path: Path):
    index = sharded(tmp_path / "a", ".safetensors")
    written = json.loads(index.read_text())
    shards = sorted(set(written["weight_map"].values()))

    def refused(message: str, text: str) -> None:
        index.write_text(text)
        with pytest.raises(SymgeomError, match=message):
            read_weights(index, network())

    def elsewhere(shard: str) -> str:
        return json.dumps({"weight_map": {**written["weight_map"], "0.bias": shard}})

    refused(r"'.*index.json' \(JSONDecodeError\): it is no JSON", "{")
    refused("it has no 'weight_map' of tensors to files", "[]")
    refused("there is no file 'model-3.safetensors' beside it", elsewhere("model-3.safetensors"))
    refused(f"looks for tensor '0.bias' in '.*{shards[1]}', which does", elsewhere(shards[1]))
    refused("holds more than tensors", json.dumps({"weight_map": {"0.bias": index.name}}))
    saved(tmp_path / "outside.safetensors", STATE)
    for path in ("../outside.safetensors", str(tmp_path / "outside.safetensors")):
        refused("is no file beside it, and shards are read from nowhere else", elsewhere(path))


def test_a_folder_holds_one_network(tmp_path: Path):
    with pytest.raises(SymgeomError, match="in the folder .* there is no file of weights"):
        read_weights(tmp_path, network())
    saved(tmp_path / "last.ckpt", STATE)
    assert check_read(tmp_path) == "torch Read 'last.ckpt' of the folder."
    saved(tmp_path / "best.ckpt", STATE)
    with pytest.raises(SymgeomError, match=r"2 of them: \['best.ckpt', 'last.ckpt'\]. Name the"):
        read_weights(tmp_path, network())
    saved(tmp_path / "model.safetensors", STATE)
    assert check_read(tmp_path) == "safetensors Read 'model.safetensors' of the folder."


def test_of_several_networks_one_is_chosen(tmp_path: Path):
    content = {"model": beginning("module."), "ema": beginning("module.", EMA), "epoch": 3}
    path = saved(tmp_path / "a.pt", content)
    with pytest.raises(
        SymgeomError,
        match="several networks of this architecture, 'model.module', 'ema.module'. Choose one: "
        "choice='model.module'",
    ):
        read_weights(path, network())
    check_read(path, EMA, choice="ema")
    check_read(path, STATE, choice="model.module")
    for wrong in ("module", "emo"):
        with pytest.raises(SymgeomError, match=f"Cannot choose '{wrong}' in .* called 'model.mod"):
            read_weights(path, network(), choice=wrong)


def test_copies_under_stems_of_one_state_dict_are_chosen_by_their_stems(tmp_path: Path):
    path = saved(tmp_path / "a.pt", beginning("net.") | beginning("ema.net.", EMA))
    with pytest.raises(SymgeomError, match="this architecture, 'net', 'ema.net'. Choose one"):
        read_weights(path, network())
    check_read(path, EMA, choice="ema")
    check_read(path, STATE, choice="net")
    path = saved(
        tmp_path / "a.pt", STATE | beginning("ema.module.", EMA) | {"ema.n": torch.ones(1)}
    )
    check_read(path, EMA, choice="ema")
    check_read(path, STATE, choice="")


def test_what_an_optimizer_keeps_is_told_by_its_key(tmp_path: Path):
    """An optimizer that names its tensors is none of the networks, and the optimal model is one."""
    moments = {"exp_avg": dict(EMA)}
    content = {"optimal_model": STATE, "optim_g": moments, "g_optim": moments, "Optimizer": moments}
    notes = check_read(saved(tmp_path / "a.pt", content))
    assert notes.startswith("torch Read the weights under 'optimal_model'.")


def test_a_network_without_tensors_has_no_file(tmp_path: Path):
    path = saved(tmp_path / "a.pt", STATE)
    with pytest.raises(SymgeomError, match=r"tensors missing \[\], tensors not expected \['0.we"):
        read_weights(path, nn.ReLU())


def test_a_teacher_of_another_width_is_not_meant(tmp_path: Path):
    teacher = nn.Sequential(nn.Linear(3, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 2))
    wider = beginning("teacher.", teacher.state_dict())
    path = saved(tmp_path / "a.pt", wider | beginning("student."))
    assert "Removed 'student.'" in check_read(path)
    saved(path, wider | beginning("ema.", teacher.state_dict()))
    with pytest.raises(SymgeomError, match=r"'teacher.0.weight' has shape \(9, 3\), expected"):
        read_weights(path, network())


def test_a_network_within_a_larger_one_of_the_same_names_is_not_meant(tmp_path: Path):
    larger = nn.Sequential(*network(), nn.Linear(2, 2))
    for stem in ("", "model."):
        path = saved(tmp_path / "a.pt", beginning(stem, larger.state_dict()))
        with pytest.raises(SymgeomError, match=rf"not expected \['{stem}4.weight', '{stem}4.bias'"):
            read_weights(path, network())


def test_names_that_the_loader_of_a_network_ignores_are_ignored(tmp_path: Path):
    path = saved(
        tmp_path / "a.pt", STATE | {"0.mask": torch.ones(1), "0._extra_state": torch.ones(1)}
    )
    wanting = network()
    wanting._keys_to_ignore_on_load_unexpected = [r"\d\.mask"]
    assert torch.equal(read_weights(path, wanting)["0.bias"], STATE["0.bias"])


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html>", "a page of the web"),
        (b"GGUF\3", r"a file of llama.cpp \(GGUF\)"),
        (b"\x89HDF\r\n", "a file of HDF5"),
    ],
)
def test_files_of_other_kinds_are_called_by_their_names(tmp_path: Path, begin: bytes, message: str):
    (tmp_path / "a.bin").write_bytes(begin + b" " * 100)
    with pytest.raises(SymgeomError, match=f"a.bin': it is {message}"):
        read_weights(tmp_path / "a.bin", network())
