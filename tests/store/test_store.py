"""Stores: equal bytes, nothing half-written, every bad file one sentence; a study as one tree."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from clones import written_by
from synthetic_stores import DESCRIBED, SPEC, minima, networks, pairs, write
from zarr.storage import MemoryStore

from symgeom import store
from symgeom.ground.checks import SymgeomError
from symgeom.store import (
    dataset_to_parameters,
    open_study,
    parameters_to_variables,
    read_store,
)
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


def test_what_was_written_is_read(tmp_path: Path):
    written = minima()
    read = read_store(write(tmp_path / "made" / "minima.zarr.zip", written))
    identity = {
        "schema_version": 1,
        "package_version": "0.1.0",
        "config_digest": "ab12",
        "seeds": [0, 1, 2],
    }
    assert read.attrs == {"spec": SPEC.to_json()} | identity
    xr.testing.assert_equal(read, written)
    assert {name: read[name].dtype.kind for name in ("arm", "state", "usable", "steps")} == {
        "arm": "U",
        "state": "U",
        "usable": "b",
        "steps": "i",
    }
    assert read["error"].attrs == DESCRIBED
    assert read["arm"].attrs == {"units": "1", "long_name": "optimizer recipe"}
    assert read["error"].sel(arm="adam", seed=1) == 4.0
    assert "units" not in written["arm"].attrs  # the caller's dataset is left as it was


def test_equal_data_give_equal_bytes(tmp_path: Path):
    first, second = (write(tmp_path / f"{name}.zarr.zip", minima()) for name in "ab")
    again = write(tmp_path / "c.zarr.zip", read_store(first))
    assert first.read_bytes() == second.read_bytes() == again.read_bytes()
    names = zipfile.ZipFile(first).namelist()
    assert names == sorted(set(names))


def test_weights_are_one_uncompressed_chunk_per_network(tmp_path: Path):
    sizes = {
        entry.filename: entry.file_size
        for entry in zipfile.ZipFile(write(tmp_path / "m.zarr.zip", minima())).infolist()
    }
    chunks = {
        name: size for name, size in sizes.items() if name.startswith("parameter.0.weight/c/")
    }
    assert chunks == {
        f"parameter.0.weight/c/{arm}/{seed}/0/0": 3 * 4 * 8 for arm in range(2) for seed in range(3)
    }
    assert [name for name in sizes if name.startswith("error/c/")] == ["error/c/0/0"]


def test_empty_dimensions_are_kept(tmp_path: Path):
    empty = xr.Dataset(
        {
            "distance": ("pair", np.zeros(0), DESCRIBED),
            "name": ("pair", np.zeros(0, "U3"), DESCRIBED),
        }
    )
    assert read_store(write(tmp_path / "d.zarr.zip", empty)).sizes == {"pair": 0}


@pytest.mark.parametrize("attrs", [{}, {"units": "1"}, {"long_name": "error"}])
def test_a_variable_without_description_is_named(tmp_path: Path, attrs: dict):
    with pytest.raises(
        SymgeomError,
        match=r"m.zarr.zip': variable 'error' has the attributes .* needs both 'units'",
    ):
        write(tmp_path / "m.zarr.zip", xr.Dataset({"error": ((), 1.0, attrs)}))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_leaves_the_old_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "m.zarr.zip", minima())
    before = path.read_bytes()
    calls = []

    def writestr(archive: zipfile.ZipFile, *entry: object) -> None:
        calls.append(sorted(file.name for file in tmp_path.iterdir()))
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", writestr)
    with pytest.raises(KeyboardInterrupt):
        write(path, minima(seeds=(7, 8, 9)))
    assert calls[2][0] == "m.zarr.zip"
    assert calls[2][1].startswith("m.zarr.zip.part")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_store_is_named(tmp_path: Path):
    with pytest.raises(
        SymgeomError, match=r"Cannot read '.*none.zarr.zip': there is no such file. Run snakemake"
    ):
        read_store(tmp_path / "none.zarr.zip")


@pytest.mark.parametrize("kept", [0, 0.3, 0.99])
def test_a_truncated_store_is_refused(tmp_path: Path, kept: float):
    path = write(tmp_path / "m.zarr.zip", minima())
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(
        SymgeomError,
        match=r"m.zarr.zip': it is truncated or no zarr store .* Delete it and run snakemake",
    ):
        read_store(path)


def test_a_store_with_a_flipped_byte_is_refused(tmp_path: Path):
    path = write(tmp_path / "m.zarr.zip", minima())
    content = bytearray(path.read_bytes())
    position = content.index(b"parameter.0.weight/c/0/0/0/0") + 60
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(SymgeomError, match="it is truncated or no zarr store"):
        read_store(path)


def test_a_foreign_zip_is_refused(tmp_path: Path):
    np.savez(tmp_path / "m.npz", a=np.ones(3))
    with pytest.raises(SymgeomError, match=r"m.npz': it is truncated or no zarr store"):
        read_store(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("attrs", "found"),
    [
        ({}, "was not written by symgeom. Delete it and run snakemake again"),
        (
            {"schema_version": 99, "package_version": "7.1"},
            r"has schema version 99 \(of symgeom 7.1\), not 1 .* Delete it and run .* "
            r"\(there is no migration\), or go back to symgeom 7.1",
        ),
    ],
)
def test_another_schema_is_refused(tmp_path: Path, attrs: dict, found: str):
    entries: dict = {}
    xr.Dataset({"a": 1.0}, attrs=attrs).to_zarr(
        MemoryStore(entries), zarr_format=3, consolidated=False
    )
    with zipfile.ZipFile(tmp_path / "m.zarr.zip", "w") as archive:
        for name, buffer in entries.items():
            archive.writestr(name, buffer.to_bytes())
    with pytest.raises(SymgeomError, match=rf"m.zarr.zip': it {found}"):
        read_store(tmp_path / "m.zarr.zip")


def test_networks_return_bit_for_bit_and_in_order(tmp_path: Path):
    stacked = networks(2, 3)
    read = read_store(write(tmp_path / "m.zarr.zip", minima()))
    returned = dataset_to_parameters(read)
    assert list(returned) == list(stacked)  # not alphabetical: ravel depends on it
    assert all(np.array_equal(returned[name], stacked[name].numpy()) for name in stacked)
    single = dataset_to_parameters(read.sel(arm="adam", seed=2))
    assert all(np.array_equal(single[name], stacked[name][1, 2].numpy()) for name in stacked)


def test_axes_are_named_by_the_units_that_cover_them():
    dims = {
        name: variable.dims[2:]
        for name, variable in minima().variables.items()
        if name.startswith("parameter.")
    }
    assert dims == {
        "parameter.0.weight": ("hidden1", "0.weight.axis1"),
        "parameter.0.bias": ("hidden1",),
        "parameter.2.weight": ("hidden2", "hidden1"),
        "parameter.2.bias": ("hidden2",),
        "parameter.4.weight": ("4.weight.axis0", "hidden2"),  # the head: one unit owns both classes
        "parameter.4.bias": ("4.bias.axis0",),
    }


def test_axes_covered_in_part_or_twice_stay_neutral():
    """Blocks, halves, regions, two claimants, and a second axis of the same units."""
    stream = (Leg("square", 0), Leg("square", 1, power=-1), Leg("shared", 0))
    region = Leg("region", 0, region=((1, 0, 1),))
    flat = (Leg("block", 0, block=2), Leg("half", 0, start=2), region)
    rival = (Leg("shared", 0),)
    groups = (UnitGroup("stream", 4, stream), UnitGroup("flat", 2, flat))
    spec = SymmetrySpec((*groups, UnitGroup("rival", 4, rival)))
    params = {
        "square": np.ones((4, 4)),
        "shared": np.ones(4),
        "block": np.ones(4),
        "half": np.ones(4),
        "region": np.ones((2, 3)),
    }
    dims = {
        name: variable.dims
        for name, variable in parameters_to_variables(spec, params, leading=()).items()
    }
    assert dims == {
        "parameter.square": ("stream", "square.axis1"),
        "parameter.shared": ("shared.axis0",),
        "parameter.block": ("block.axis0",),
        "parameter.half": ("half.axis0",),
        "parameter.region": ("region.axis0", "region.axis1"),
    }


def test_a_stage_that_found_nothing_to_measure_is_empty(tmp_path: Path):
    """No plane passes through two minima; its labels have two axes."""
    labels = {"vertex_arm": (("plane", "vertex"), np.zeros((0, 3), "U3"), DESCRIBED)}
    write(tmp_path / "study" / "maps" / "digits-mlp" / "0.zarr.zip", xr.Dataset(coords=labels))
    assert open_study(tmp_path / "study")["digits-mlp/maps"].sizes == {"plane": 0, "vertex": 3}


def test_a_study_is_one_tree(tmp_path: Path):
    study = tmp_path / "digits"
    write(study / "minima" / "digits-mlp.zarr.zip", minima())
    write(study / "distances" / "digits-mlp" / "0.zarr.zip", pairs([0, 0], [1, 2]))
    write(study / "distances" / "digits-mlp" / "1.zarr.zip", pairs([1], [2]))
    (study / "distances" / "digits-mlp" / "2.zarr.zip.part77").write_bytes(b"half a store")
    (study / "logs").mkdir()
    tree = open_study(str(study))
    assert tree.attrs == {"study": "digits"}
    assert {node.path for node in tree.leaves} == {"/digits-mlp/minima", "/digits-mlp/distances"}
    xr.testing.assert_equal(tree["digits-mlp/minima"].to_dataset(), minima().sortby("arm"))
    xr.testing.assert_equal(tree["digits-mlp/distances"].to_dataset(), pairs([0, 0, 1], [1, 2, 2]))


@pytest.mark.parametrize(
    "batches",
    [
        [(("adam",), (0, 1, 2)), (("sgd",), (0, 1, 2))],
        [(("adam", "sgd"), (0, 1)), (("adam", "sgd"), (2,))],
        [(("adam",), (2,)), (("adam",), (0, 1)), (("sgd",), (0, 1, 2))],
    ],
    ids=["arms", "seeds", "both"],
)
def test_any_split_into_batches_gives_the_same_arrays(tmp_path: Path, batches: list):
    whole = minima(("adam", "sgd"))
    for index, (arms, seeds) in enumerate(batches):
        write(
            tmp_path / "minima" / "case" / f"{index}.zarr.zip",
            whole.sel(arm=list(arms), seed=list(seeds)),
            seeds,
        )
    joined = open_study(tmp_path)["case/minima"].to_dataset()
    xr.testing.assert_equal(joined, whole)
    assert joined.attrs["seeds"] == [0, 1, 2]
    assert {name: variable.dtype for name, variable in joined.variables.items()} == {
        name: variable.dtype for name, variable in whole.variables.items()
    }


def test_arms_with_different_seeds_leave_gaps(tmp_path: Path):
    write(tmp_path / "minima" / "case" / "0.zarr.zip", minima(("adam",), (0, 1)), (0, 1))
    write(tmp_path / "minima" / "case" / "1.zarr.zip", minima(("sgd",), (1, 2)), (1, 2))
    joined = open_study(tmp_path)["case/minima"]
    assert joined["usable"].values.tolist() == [[True, True, False], [False, True, True]]
    assert np.isnan(joined["error"].sel(arm="adam", seed=2))
    assert joined["state"].sel(arm="sgd", seed=0) == ""
    assert joined["parameter.0.bias"].sel(arm="sgd", seed=0).isnull().all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_one_batch_alone_has_is_kept(tmp_path: Path, order: tuple[int, int]):
    first = minima(("adam",)).drop_vars("error")
    for index, batch in zip(order, (first, minima(("sgd",))), strict=True):
        write(tmp_path / "minima" / "case" / f"{index}.zarr.zip", batch)
    joined = open_study(tmp_path)["case/minima"]
    assert joined["error"].sel(arm="adam").isnull().all()
    xr.testing.assert_equal(joined["error"].sel(arm="sgd"), minima(("sgd",))["error"].isel(arm=0))


@pytest.mark.parametrize(
    ("batches", "found"),
    [
        ([minima(seeds=(0, 1)), minima(seeds=(1, 2))], "seed 1 is there more than once"),
        ([minima(("sgd",)), minima(("adam", "sgd"))], "arm sgd is there more than once"),
        ([pairs([0, 0], [1, 2]), pairs([0], [2])], "pair sgd, 0, sgd, 2 is there more than once"),
        ([pairs([0], [1], control=0.5), pairs([0], [2], control=0.6)], "control"),
        ([xr.Dataset({"a": ((), 1.0, DESCRIBED)})] * 2, "A batch has no dimension 'seed'"),
    ],
    ids=["seed twice", "arm twice", "pair twice", "another control", "no dimension"],
)
def test_batches_that_contradict_each_other_are_refused(
    tmp_path: Path, batches: list[xr.Dataset], found: str
):
    for index, batch in enumerate(batches):
        write(tmp_path / "stage" / "case" / f"{index}.zarr.zip", batch)
    with pytest.raises(
        SymgeomError,
        match=rf"(?s)\['0.zarr.zip', '1.zarr.zip'\] of '.*stage/case': .*{found}.*delete that",
    ):
        open_study(tmp_path)


def test_a_bad_store_stops_the_study(tmp_path: Path):
    write(tmp_path / "minima" / "case.zarr.zip", minima())
    (tmp_path / "paths").mkdir()
    (tmp_path / "paths" / "case.zarr.zip").write_bytes(b"not a zip")
    with pytest.raises(SymgeomError, match=r"case.zarr.zip': it is truncated or no zarr store"):
        open_study(tmp_path)


def test_a_study_of_two_schema_versions_is_refused(tmp_path: Path):
    for stage in ("minima", "paths"):
        write(tmp_path / stage / "case.zarr.zip", minima())
    written_by(tmp_path / "paths/case.zarr.zip", 2, "0.2.0")
    with pytest.raises(
        SymgeomError,
        match=r"paths/case.zarr.zip': it has schema version 2 .*, not 1 .*versions are not mixed",
    ):
        open_study(tmp_path)


@pytest.mark.parametrize(("folder", "state"), [("", "holds no store"), ("none", "does not exist")])
def test_a_folder_without_a_study_is_refused(tmp_path: Path, folder: str, state: str):
    with pytest.raises(SymgeomError, match=rf"the folder {state}.*run snakemake"):
        open_study(tmp_path / folder)


def test_reading_does_not_load_torch():
    command = "import sys, symgeom; symgeom.open_study; sys.exit('torch' in sys.modules)"
    root = Path(store.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", command], check=False, cwd=root).returncode == 0
