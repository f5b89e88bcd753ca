"""Files are written whole or not at all, whatever writes them; a full disk is said in one
sentence."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import remove_partials, whole, write_text
from symgeom.learning.training import Checkpoint
from symgeom.store import write_store
from symgeom.study.claims.intervals import write_barriers
from symgeom.study.claims.record import write_claims
from symgeom.study.figures.style import save
from symgeom.study.summary import write_table

NUMBERS = xr.Dataset(
    {"loss": xr.Variable("seed", np.arange(5000) / 7, {"units": "nat", "long_name": "loss"})}
)
WRITERS = {
    "text": lambda path: write_text(path, "text"),
    "store.zarr.zip": lambda path: write_store(path, NUMBERS, config_digest="", seeds=[0]),
    "small.checkpoint": lambda path: Checkpoint(path).write({"weights": torch.zeros(3)}, "key"),
    "large.checkpoint": lambda path: Checkpoint(path).write(
        {"weights": torch.zeros(100_000)}, "key"
    ),
    "claims.csv": lambda path: write_claims(path, []),
    "barriers.csv": lambda path: write_barriers(path, []),
    "table.csv": lambda path: write_table(path, [{"seed": 1}]),
    "figure.svg": lambda path: save(Figure(), path),
    "figure.png": lambda path: save(Figure(), path),
    "figure.pdf": lambda path: save(Figure(), path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_on_a_full_disk_nothing_half_written_is_left_and_the_file_is_named(
    tmp_path: Path, name: str, monkeypatch
):
    """The kernel's own full disk: the partial name leads to a device that takes no byte."""
    path = tmp_path / "folder" / name
    WRITERS[name](path)
    before = path.read_bytes()
    assert [found.name for found in path.parent.iterdir()] == [name]
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0")
    path.with_name(f"{name}.part{os.getpid()}-0").symlink_to("/dev/full")
    sentence = (
        f"Cannot write '{path}': No space left on device. Nothing half-written is left; make "
        f"room or correct the path, and"
    )
    with pytest.raises(SymgeomError, match=sentence):
        WRITERS[name](path)
    assert [found.name for found in path.parent.iterdir()] == [name]
    assert path.read_bytes() == before


def test_what_was_there_stays_until_the_new_is_complete(tmp_path: Path):
    path = tmp_path / "a"
    write_text(path, "old")
    with whole(path) as first, whole(path) as second:  # a second writer of the same file
        for partial, text in ((first, "first"), (second, "second")):
            partial.write_text(text)
        assert path.read_text() == "old"
    assert path.read_text() == "first"
    with pytest.raises(ZeroDivisionError), whole(path) as partial:
        partial.write_text(str(partial.write_text("half") / 0))
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        SymgeomError,
        match=r"Cannot write '.*file/a': (Not a directory|File exists)\. Nothing half-written",
    ):
        write_text(tmp_path / "file" / "a", "text")


def test_leftovers_of_one_file_are_removed(tmp_path: Path):
    names = ["a[1].zip", "a[1].zip.part7", "a[1].zip.part7f", "a1.zip.part7", "b.zip.part7"]
    for name in names:
        (tmp_path / name).write_text("half")
    remove_partials(tmp_path / "a[1].zip")
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted([names[0], *names[3:]])
    remove_partials(tmp_path / "nowhere" / "a")


def test_what_a_living_process_writes_stays(tmp_path: Path):
    """The job of a snakemake that was killed lives on, while the next one runs it again."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"a.zip.part{ended.pid}-0f3a").write_text("half")
    with whole(tmp_path / "a.zip") as partial:
        partial.write_text("whole")
        remove_partials(tmp_path / "a.zip")
        assert list(tmp_path.iterdir()) == [partial]
    assert (tmp_path / "a.zip").read_text() == "whole"
