"""What an earlier configuration left over in a study is not read, but named, and removed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from synthetic_stores import DESCRIBED, minima, pairs, write

from symgeom.__main__ import main
from symgeom.ground.checks import SymgeomError
from symgeom.store import open_study
from symgeom.store.contents import NAME, Contents, read_contents, write_contents
from symgeom.study.verify import left_over

STORES = ["minima/mlp/sgd.zarr.zip", "minima/mlp/adam.zarr.zip", "distances/mlp/0.zarr.zip"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of two arms, with the stores of a third, and of another split into jobs."""
    for arm in ("sgd", "adam", "sam"):
        write(tmp_path / f"minima/mlp/{arm}.zarr.zip", minima((arm,)))
    write(tmp_path / "distances/mlp/0.zarr.zip", pairs([0, 0, 1], [1, 2, 2]))
    write(tmp_path / "distances/mlp/0.1.zarr.zip", pairs([0], [1]))
    write_contents(tmp_path, STORES, arms=["sgd", "adam"], seeds=[0, 1, 2])
    return tmp_path


def test_only_what_the_configuration_names_is_read(study: Path):
    words = (
        r"no longer names them: distances/mlp/0.1.zarr.zip, minima/mlp/sam.zarr.zip. To remove "
        rf"them: symgeom verify {study} --remove-left-over"
    )
    with pytest.warns(UserWarning, match=words):
        tree = open_study(study)
    assert tree.attrs["left_over"] == ["distances/mlp/0.1.zarr.zip", "minima/mlp/sam.zarr.zip"]
    assert tree["mlp/minima"]["arm"].values.tolist() == ["adam", "sgd"]
    assert tree["mlp/distances"].sizes["pair"] == 3


def test_without_a_word_of_what_it_consists_everything_is_read(study: Path):
    (study / NAME).unlink()
    (study / "distances/mlp/0.1.zarr.zip").unlink()
    tree = open_study(study)
    assert tree["mlp/minima"]["arm"].values.tolist() == ["adam", "sam", "sgd"]
    assert "left_over" not in tree.attrs
    assert left_over(study) == []


def test_what_a_job_names_is_read_whatever_is_left_over(study: Path):
    files = [study / "minima/mlp/sam.zarr.zip"]
    assert open_study(study, files=files)["mlp/minima"]["arm"].values.tolist() == ["sam"]


def test_what_is_left_over_is_listed_and_removed_when_asked(study: Path, capsys):
    assert main(["verify", str(study)]) == 0
    names = [study / "distances/mlp/0.1.zarr.zip", study / "minima/mlp/sam.zarr.zip"]
    listed = ", ".join(map(str, names))
    said = capsys.readouterr().out
    assert f"Left over, because the configuration no longer names them: {listed}. To re" in said
    assert all(name.is_file() for name in names)
    assert main(["verify", str(study), "--remove-left-over"]) == 0
    said = capsys.readouterr().out
    assert "".join(f"Removed {name}.\n" for name in names) in said
    assert "Left over" not in said
    assert "Files: 4, all whole." in said
    open_study(study)  # without a warning


def test_what_cannot_be_removed_is_named(study: Path, monkeypatch, capsys):
    def refused(path: Path, *_: object):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    assert main(["verify", str(study), "--remove-left-over"]) == 1
    assert "0.1.zarr.zip': Permission denied. Remove it by hand" in capsys.readouterr().err


def test_a_damaged_list_is_refused(study: Path):
    text = (study / NAME).read_text()
    (study / NAME).write_text(text.replace("adam", "sgds"))
    with pytest.raises(
        SymgeomError, match=f"{NAME}': it was truncated or changed .*Delete it: the"
    ):
        open_study(study)


def test_many_names_are_cut_short(study: Path):
    for number in range(5):
        shutil.copy(study / "minima/mlp/sam.zarr.zip", study / f"minima/mlp/sam{number}.zarr.zip")
    with pytest.warns(UserWarning, match=r"sam.zarr.zip, minima/mlp/sam0.zarr.zip and 4 more. To"):
        open_study(study)


PLANES = xr.Dataset(
    {"error": ("plane", [0.1, 0.2, 0.3], DESCRIBED)},
    {
        "vertex_arm": (("plane", "vertex"), [["a"] * 3, ["a", "b", "c"], ["b", "b", "a"]]),
        "vertex_seed": (("plane", "vertex"), [[0, 1, 2], [0, 0, 0], [0, 1, 3]]),
    },
)


@pytest.mark.parametrize(
    ("dataset", "dim", "rows"),
    [
        (minima(("a", "b", "c")), "arm", [0, 1]),
        (minima(("a", "b"), (0, 1, 7)), "seed", [0, 1]),
        (pairs([0, 0, 3], [1, 3, 4]).assign_coords(first_arm=("pair", ["a"] * 3)), "pair", []),
        (PLANES, "plane", [0]),
        (xr.Dataset({"a": ((), 1.0)}), "", []),
    ],
)
def test_of_a_stage_that_was_not_measured_anew_what_is_gone_is_left_out(dataset, dim, rows):
    contents = Contents(frozenset(), ("a", "b"), (0, 1, 2))
    part = contents.part_of(dataset)
    if not dim:
        assert part is dataset
    else:
        xr.testing.assert_identical(part, dataset.isel({dim: np.array(rows, dtype=int)}))


def test_contents_are_read_as_they_were_written(study: Path):
    contents = read_contents(study)
    assert contents == Contents(frozenset(STORES), ("sgd", "adam"), (0, 1, 2))
    assert read_contents(str(study)) == contents


def test_it_is_written_again_only_if_it_changed(study: Path, monkeypatch):
    contents = (study / NAME).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("symgeom.store.contents.write_text", lambda *_: pytest.fail("written"))
        write_contents(study, reversed(STORES), arms=["sgd", "adam"], seeds=[0, 1, 2])
    (study / NAME).write_bytes(contents[:-9])
    (study / f"{NAME}.part0f3a").write_text("half")
    write_contents(study, STORES, arms=["sgd", "adam"], seeds=[0, 1, 2])
    assert (study / NAME).read_bytes() == contents
    assert list(study.glob(f"{NAME}.*")) == []


def test_a_folder_that_cannot_be_written_to_is_named(study: Path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SymgeomError, match=f"Cannot write into '{study}', where the results of"):
        write_contents(study, STORES, arms=["sgd"], seeds=[0])
