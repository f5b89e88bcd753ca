"""Nothing in a file of weights is executed: files that would act if anything of them were.

Each of them makes a file where it can. That it would is seen by reading it as one must not.
"""

import argparse
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from symgeom import SymgeomError, read_weights

SPRUNG = Path("sprung")
STATE = nn.Linear(3, 2).state_dict()


def spring() -> None:
    """Leave the mark that a trap was sprung."""
    SPRUNG.touch()


class Reduced:
    """An object that is made by calling something."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.made_by = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.made_by


class WithState:
    """An object that acts when its attributes are set."""

    def __init__(self) -> None:
        self.number = 3

    def __setstate__(self, state: object) -> None:
        spring()


def system() -> Reduced:
    """Return what calls a shell."""
    import os

    return Reduced(os.system, f"touch {SPRUNG}")


def evaluated() -> Reduced:
    """Return what evaluates a text."""
    return Reduced(eval, f"__import__('pathlib').Path('{SPRUNG}').touch()")


def loaded_within() -> Reduced:
    """Return what makes torch unpickle a text of bytes."""
    content = io.BytesIO()
    torch.save(system(), content)
    return Reduced(torch.storage._load_from_bytes, content.getvalue())


def scalar_of_objects() -> Reduced:
    """Return a number of numpy whose entry is a pickle."""
    return Reduced(np._core.multiarray.scalar, np.dtype("O"), pickle.dumps(system()))


HOSTILE: dict[str, Callable[[], object]] = {
    "a shell in the place of the weights": lambda: {"state_dict": system()},
    "a text that is evaluated": lambda: {"model": STATE, "epoch": evaluated()},
    "an object that acts when its state is set": lambda: {"model": STATE, "config": WithState()},
    "in the state of the optimizer": lambda: {
        "model": STATE,
        "optimizer": {"state": {0: {"step": system()}}, "param_groups": []},
    },
    "an attribute of the arguments": lambda: {
        "model": STATE,
        "args": argparse.Namespace(lr=0.1, out=WithState()),
    },
    "the name of a tensor": lambda: {**STATE, evaluated(): torch.ones(1)},
    "a pickle within": lambda: {"model": STATE, "rest": loaded_within()},
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder of its own, in which nothing may be left, and with torch as it was."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not any("StandIn" in str(entry) for entry in torch.serialization.get_safe_globals())
    assert not SPRUNG.exists()


def check_springs(read: Callable[[], object]) -> None:
    """Compare with what would happen: a trap that does not work proves nothing."""
    read()
    assert SPRUNG.exists()
    SPRUNG.unlink()


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("trap", HOSTILE)
def test_a_hostile_checkpoint_is_refused(trap: str, old: bool):
    torch.save(HOSTILE[trap](), "a.pt", _use_new_zipfile_serialization=not old)
    check_springs(lambda: torch.load("a.pt", weights_only=False))
    with pytest.raises(SymgeomError, match=r"'a.pt'.*nothing in it is executed"):
        read_weights("a.pt", nn.Linear(3, 2))


def test_a_raw_pickle_is_refused():
    Path("a.bin").write_bytes(pickle.dumps({"state_dict": system()}, protocol=2))
    check_springs(lambda: pickle.loads(Path("a.bin").read_bytes()))
    with pytest.raises(SymgeomError, match=r"beside tensors it holds 'posix.system'"):
        read_weights("a.bin", nn.Linear(3, 2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit
def test_a_program_is_refused():
    traced = torch.jit.trace(nn.Linear(3, 2), torch.ones(1, 3))
    torch.jit.save(traced, "a.pt")
    with pytest.raises(SymgeomError, match=r"it holds a program of TorchScript .* is executed"):
        read_weights("a.pt", nn.Linear(3, 2))


def test_a_hostile_pickle_in_a_program_is_refused():
    entries = {
        "constants.pkl": b"",
        "data.pkl": pickle.dumps(system(), protocol=2),
        "version": b"3",
    }
    write_zip("a.pt", {f"a/{name}": content for name, content in entries.items()})
    with pytest.raises(SymgeomError, match="it holds a program of TorchScript"):
        read_weights("a.pt", nn.Linear(3, 2))


def test_arrays_of_objects_are_refused():
    objects = np.array([system(), 1], dtype=object)
    np.savez("a.npz", weight=STATE["weight"], bias=objects)
    check_springs(lambda: np.load("a.npz", allow_pickle=True)["bias"])
    with pytest.raises(SymgeomError, match="its array 'bias' cannot be read .* is executed"):
        read_weights("a.npz", nn.Linear(3, 2))


def test_a_number_of_numpy_that_is_a_pickle_is_left_alone():
    """Numbers of numpy are nothing but stand-ins here: neither read nor made."""
    torch.save({"model": STATE, "best": scalar_of_objects()}, "a.pt")
    read = read_weights("a.pt", nn.Linear(3, 2))
    assert torch.equal(read["weight"], STATE["weight"])


def test_a_whole_network_is_refused_with_what_to_do():
    torch.save(nn.Sequential(nn.Linear(3, 2)), "a.pt")
    with pytest.raises(
        SymgeomError,
        match=r"a whole network with the names of its code \('torch.nn.modules.container.Seq.*'\),"
        r" .*, and nothing in it is executed. .* save network.state_dict\(\) alone",
    ):
        read_weights("a.pt", nn.Linear(3, 2))


def write_zip(path: str, entries: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> None:
    """Write a zip by hand."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_small_files_that_unpack_to_huge_ones_are_refused():
    torch.save(STATE, "plain.pt")
    with zipfile.ZipFile("plain.pt") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    write_zip("a.pt", entries | {"plain/data/7": bytes(10**7)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(SymgeomError, match=r"a.pt': its entry 'plain/data.pkl' is packed \(\d+"):
        read_weights("a.pt", nn.Linear(3, 2))
    np.savez_compressed("a.npz", weight=np.zeros(5 * 10**6, dtype=np.float32), bias=np.zeros(2))
    with pytest.raises(SymgeomError, match="bytes would unpack to 200"):
        read_weights("a.npz", nn.Linear(3, 2))


@pytest.mark.parametrize("name", ["../../a/data.pkl", "/a/data.pkl", "a/../../data.pkl"])
def test_nothing_is_written_outside(name: str, home: Path):
    before = sorted(home.parent.iterdir())
    write_zip("a.pt", {name: pickle.dumps(system(), protocol=2), "a/version": b"3"})
    with pytest.raises(SymgeomError, match=r"Cannot read the weights in 'a.pt'"):
        read_weights("a.pt", nn.Linear(3, 2))
    assert sorted(home.parent.iterdir()) == before
    assert list(home.iterdir()) == [home / "a.pt"]
