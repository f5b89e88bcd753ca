"""Whether a study's stores are whole: whatever is done to one of them is noticed and named."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from clones import written_by
from listed import list_checksums

from symgeom.__main__ import main
from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed import broken_seal, seal_of, write_sealed
from symgeom.ground.sealed_json import write_sealed_json
from symgeom.ground.whole_files import write_text
from symgeom.store import write_store
from symgeom.study.verify import verify_study

ENTRIES = {"a/0": b"first", "a/1": b"second", "zarr.json": b"{}"}


def repacked(path: Path, entries: dict[str, bytes], comment: bytes) -> None:
    """Write a zip whose own checksums fit."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for name, content in entries.items():
            archive.writestr(name, content)


def test_a_seal_tells_names_and_contents_apart():
    others = [
        {"a/0": b"firsts", "a/1": b"econd"},
        {"a/0": b"first", "a/2": b"second"},
        {"a/0": b"second", "a/1": b"first"},
        {},
    ]
    seals = {seal_of({**ENTRIES, **other}) for other in others[:3]} | {
        seal_of({}),
        seal_of(ENTRIES),
    }
    assert len(seals) == 5
    assert seal_of(dict(reversed(ENTRIES.items()))) == seal_of(ENTRIES)


@pytest.mark.parametrize(
    ("entries", "comment", "found"),
    [
        (ENTRIES, seal_of(ENTRIES), ""),
        ({**ENTRIES, "a/1": b"other"}, seal_of(ENTRIES), "entries were changed, added or removed"),
        ({"a/0": b"first", "zarr.json": b"{}"}, seal_of(ENTRIES), "entries were changed"),
        ({**ENTRIES, "a/2": b""}, seal_of(ENTRIES), "entries were changed"),
        (ENTRIES, b"", "has no checksum of its content"),
        (ENTRIES, b"sha256:", "entries were changed"),
    ],
)
def test_what_was_done_to_a_zip_is_found(tmp_path: Path, entries: dict, comment: bytes, found: str):
    repacked(tmp_path / "a.zip", entries, comment)
    assert broken_seal(tmp_path / "a.zip").startswith(found)
    assert bool(broken_seal(tmp_path / "a.zip")) == bool(found)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_found(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.comment = seal_of({"a": b"2"})
        for content in (b"1", b"2"):
            archive.writestr("a", content)
    assert broken_seal(tmp_path / "a.zip").startswith("entries were changed")


def test_every_flipped_byte_is_found(tmp_path: Path):
    write_sealed(tmp_path / "a.zip", ENTRIES)
    whole = (tmp_path / "a.zip").read_bytes()
    assert broken_seal(tmp_path / "a.zip") == ""
    begins = whole.index(b"first")
    for position in (begins, begins + 4, whole.index(b"second") + 3, len(whole) - 5, 1):
        bad = bytearray(whole)
        bad[position] ^= 1
        (tmp_path / "a.zip").write_bytes(bad)
        assert broken_seal(tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(whole.replace(b"first", b"fIrst"))
    assert broken_seal(tmp_path / "a.zip") == "entry 'a/0' is damaged: its checksum does not fit"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of two stores."""
    for stage in ("minima", "paths"):
        error = xr.Variable("seed", np.arange(50) / 7, {"units": "1", "long_name": "error"})
        write_store(
            tmp_path / f"{stage}/case/0.zarr.zip",
            xr.Dataset({"error": error}),
            config_digest="",
            seeds=[0],
        )
    return tmp_path


def test_a_whole_study_is_whole(study: Path, capsys: pytest.CaptureFixture):
    assert main(["verify", str(study)]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:3]] == [
        "minima/case/0.zarr.zip",
        "paths/case/0.zarr.zip",
    ]
    assert shown.endswith("Files: 2, all whole.\n")


def test_what_is_broken_is_named_with_what_to_do(study: Path, capsys: pytest.CaptureFixture):
    path = study / "paths/case/0.zarr.zip"
    path.write_bytes(path.read_bytes()[:-100])
    (study / "paths/case/1.zarr.zip.part77").write_bytes(b"half")
    assert main(["verify", str(study)]) == 1
    shown = capsys.readouterr().out
    assert (
        "paths/case/0.zarr.zip: truncated or no zip (File is not a zip file). "
        "Delete what is there and make it again:" in shown
    )
    assert f"snakemake --cores all {path} (with" in shown
    assert (
        "paths/case/1.zarr.zip.part77: left behind by a writer that was killed. "
        "Delete it, unless snakemake" in shown
    )
    assert shown.endswith("Files: 3, 2 of them not whole.\n")


def test_a_sealed_zip_that_is_no_store_of_this_layout_is_named(study: Path):
    write_sealed(study / "case/other.zarr.zip", {"zarr.json": b"{}"})
    written_by(study / "paths/case/0.zarr.zip", 9, "0.0.9")
    wrong = {each.file: each.wrong for each in verify_study(study) if each.wrong}
    assert wrong["case/other.zarr.zip"].startswith("was not written by symgeom. Delete it and run")
    found = (
        "has schema version 9 (of symgeom 0.0.9), not 1 (of symgeom 0.1.0), and versions are not "
        "mixed. Delete it and run"
    )
    assert wrong["paths/case/0.zarr.zip"].startswith(found)


@pytest.mark.parametrize("name", ["claims.csv", "figures/mlp/paths.svg", "symmetry/mlp.json"])
def test_tables_figures_and_json_are_checked_too(study: Path, name: str):
    write_sealed_json(study / "symmetry/mlp.json", {"groups": []})
    write_sealed_json(study / "provenance.json", {"commit": "a"})
    for file, checksums in (("claims.csv", "tables"), ("figures/mlp/paths.svg", "figures")):
        path = study / file
        write_text(path, "content\n")
        list_checksums(path.with_name(f"{checksums}.sha256"), [path])
    assert {file.file: file.wrong for file in verify_study(study)} == {
        "claims.csv": "",
        "figures/mlp/paths.svg": "",
        "minima/case/0.zarr.zip": "",
        "paths/case/0.zarr.zip": "",
        "provenance.json": "",
        "symmetry/mlp.json": "",
    }
    path = study / name
    path.write_bytes(path.read_bytes()[:-3])
    wrong = {file.file: file.wrong for file in verify_study(study) if file.wrong}
    changed = "it was truncated or changed after it was written: its checksum does not fit. Delete"
    assert list(wrong) == [name]
    assert wrong[name].startswith(changed)
    path.unlink()
    gone = [file.wrong for file in verify_study(study) if file.wrong]
    assert [words.startswith("there is no such file") for words in gone] == (
        [] if name.endswith("json") else [True]
    )


def test_another_version_is_said_and_nothing_is_wrong(study: Path, capsys: pytest.CaptureFixture):
    written_by(study / "paths/case/0.zarr.zip", 1, "0.0.9")
    assert main(["verify", str(study)]) == 0
    assert "Some were written by symgeom 0.0.9; this is 0.1.0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "state"), [("none", "does not exist"), ("minima/case", "holds no store")]
)
def test_a_folder_without_a_study_is_named(
    study: Path, name: str, state: str, capsys: pytest.CaptureFixture
):
    shutil.rmtree(study / "paths/case")
    (study / "minima/case/0.zarr.zip").unlink()
    with pytest.raises(SymgeomError, match=f"Cannot verify .*the folder {state}. Correct the path"):
        verify_study(study / name)
    assert main(["verify", str(study / name)]) == 1
    assert f"the folder {state}" in capsys.readouterr().err
