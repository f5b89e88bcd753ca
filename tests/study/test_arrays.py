"""Anyone's arrays: npz and zarr files, with and without a split, and what is wrong with them
named."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
import zarr
from zarr.storage import ZipStore

from symgeom.ground.checks import SymgeomError
from symgeom.store import write_store
from symgeom.study.datasets import load

NUMBERS = np.random.default_rng(0)
INPUTS = NUMBERS.normal(size=(30, 5))
TARGETS = np.arange(30) % 3
SPLIT = {
    "train_inputs": INPUTS[:20],
    "train_targets": TARGETS[:20],
    "test_inputs": INPUTS[20:],
    "test_targets": TARGETS[20:],
}
WHOLE = {"inputs": INPUTS, "targets": TARGETS}


def write_npz(root: Path, arrays: dict) -> str:
    np.savez(root / "mine.npz", **arrays)
    return "mine.npz"


def write_zarr(root: Path, arrays: dict, version: int = 3) -> str:
    group = zarr.open_group(root / "mine.zarr", mode="w", zarr_format=version)
    for name, values in arrays.items():
        group.create_array(name, data=np.asarray(values))
    return "mine.zarr"


def write_old_zarr(root: Path, arrays: dict) -> str:
    return write_zarr(root, arrays, 2)


def write_zip(root: Path, arrays: dict) -> str:
    with ZipStore(root / "mine.zarr.zip", mode="w") as opened:
        group = zarr.open_group(opened, mode="w")
        for name, values in arrays.items():
            group.create_array(name, data=np.asarray(values))
    return "mine.zarr.zip"


def read(root: Path, path: str, **options: object):
    return load("arrays", root=root, options={"path": path, **options})


@pytest.mark.parametrize("write", [write_npz, write_zarr, write_old_zarr, write_zip])
def test_a_split_file_is_read_as_it_is(tmp_path: Path, write):
    data = read(tmp_path, write(tmp_path, SPLIT))
    assert torch.equal(data.train_inputs, torch.from_numpy(INPUTS[:20]))
    assert data.test_targets.tolist() == TARGETS[20:].tolist()
    assert (data.classes, data.train_targets.dtype, data.class_counts) == (
        3,
        torch.int64,
        ((7, 7, 6), (3, 3, 4)),
    )


def test_a_whole_file_is_split_here(tmp_path: Path):
    path = write_npz(tmp_path, WHOLE)
    data = read(tmp_path, path, test_fraction=0.3)
    assert data.class_counts == ((7, 7, 7), (3, 3, 3))
    rows = {tuple(row): label for row, label in zip(INPUTS.tolist(), TARGETS.tolist(), strict=True)}
    together = torch.cat([data.train_inputs, data.test_inputs]).tolist()
    labels = torch.cat([data.train_targets, data.test_targets]).tolist()
    assert len(set(map(tuple, together))) == 30
    assert [rows[tuple(row)] for row in together] == labels
    assert read(tmp_path, path, test_fraction=0.3, split=5).checksum != data.checksum


def test_a_store_of_a_study_is_a_data_set(tmp_path: Path):
    described = {"units": "1", "long_name": "an array"}
    arrays = {}
    for name, values in SPLIT.items():
        dims = [f"{name}.{axis}" for axis in range(values.ndim)]
        arrays[name] = xr.Variable(dims, values, described)
    text = {"class": xr.Variable("class", ["ant", "bee", "cat"], described)}
    write_store(tmp_path / "data.zarr.zip", xr.Dataset(arrays, text), config_digest="ab", seeds=[])
    assert (
        read(tmp_path, "data.zarr.zip").checksum
        == read(tmp_path, write_npz(tmp_path, SPLIT)).checksum
    )


def test_names_say_what_the_file_calls_its_arrays(tmp_path: Path):
    names = {
        "train_inputs": "x_train",
        "train_targets": "y_train",
        "test_inputs": "x_test",
        "test_targets": "y_test",
    }
    path = write_npz(
        tmp_path, {names[name]: values for name, values in SPLIT.items()} | {"other": np.ones(2)}
    )
    assert torch.equal(
        read(tmp_path, path, names=names).train_inputs, torch.from_numpy(INPUTS[:20])
    )
    with pytest.raises(
        SymgeomError,
        match=r"Cannot find the array 'inputs' in '.*': it has \['other', 'x_test', .*Say in the",
    ):
        read(tmp_path, path)
    with pytest.raises(SymgeomError, match="Unknown array in the option 'names' 'x'"):
        read(tmp_path, path, names={"x": "x_train"})


def test_levels_are_divided_by_255_and_channels_come_first(tmp_path: Path):
    levels = NUMBERS.integers(0, 256, size=(6, 4, 5, 3), dtype=np.uint8)
    path = write_npz(tmp_path, {"inputs": levels, "targets": np.array([0, 1] * 3, dtype=np.uint8)})
    last, first = (
        read(tmp_path, path, channels=channels, test_fraction=0.34).train_inputs
        for channels in ("last", "first")
    )
    assert (last.shape, first.shape, last.dtype) == ((4, 3, 4, 5), (4, 4, 5, 3), torch.float32)
    assert torch.equal(last, first.movedim(-1, 1))
    assert set((first * 255).round().int().flatten().tolist()) <= set(levels.flatten().tolist())
    grey = write_npz(tmp_path, {"inputs": levels[..., 0], "targets": np.array([0, 1] * 3)})
    assert read(tmp_path, grey, channels="none", test_fraction=0.34).train_inputs.shape == (
        4,
        1,
        4,
        5,
    )
    with pytest.raises(SymgeomError, match="Unknown channels 'front'"):
        read(tmp_path, grey, channels="front")


@pytest.mark.parametrize("dtype", [">f8", "float16", "int16", "uint64"])
def test_other_types_become_float64_vectors(tmp_path: Path, dtype: str):
    rounded = abs(INPUTS.round()).astype(dtype)
    data = read(
        tmp_path,
        write_npz(tmp_path, SPLIT | {"train_inputs": rounded[:20], "test_inputs": rounded[20:]}),
    )
    assert data.train_inputs.dtype == torch.float64
    assert torch.equal(data.train_inputs, torch.from_numpy(abs(INPUTS[:20].round())))


NAN = INPUTS.copy()
NAN[3, 1], NAN[4, 2] = np.nan, np.inf


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        (WHOLE, {}, "it has 'inputs' and no 'train_inputs'. Give the option 'test_fraction'"),
        (SPLIT, {"test_fraction": 0.5}, "with test_fraction = 0.5: it is split already"),
        (
            WHOLE | {"inputs": NAN},
            {"test_fraction": 0.5},
            "'inputs' of .* 2 of 150 values are NaN or infinite. Repair",
        ),
        (
            WHOLE | {"inputs": INPUTS[:, 0]},
            {"test_fraction": 0.5},
            r"as inputs: it has shape \(30,\) and type float64",
        ),
        (
            WHOLE | {"inputs": INPUTS.astype(complex)},
            {"test_fraction": 0.5},
            "as inputs: .* type complex128",
        ),
        (
            WHOLE | {"targets": TARGETS.astype(float)},
            {"test_fraction": 0.5},
            r"as labels: it has shape \(30,\), type float64. Give",
        ),
        (
            WHOLE | {"targets": np.eye(3, dtype=int)[TARGETS]},
            {"test_fraction": 0.5},
            r"as labels: it has shape \(30, 3\), type int64",
        ),
        (
            WHOLE | {"targets": TARGETS - 1},
            {"test_fraction": 0.5},
            "smallest value -1. Give one whole number from 0 on",
        ),
        (
            WHOLE | {"targets": TARGETS + 1},
            {"test_fraction": 0.5},
            "of 4 classes from 0 to 3, 3 have samples. Number",
        ),
        (WHOLE | {"targets": TARGETS * 10**14}, {"test_fraction": 0.5}, "3 have samples"),
        (
            WHOLE | {"targets": TARGETS * 0},
            {"test_fraction": 0.5},
            "of 1 classes from 0 to 0, 1 have samples",
        ),
        (
            WHOLE | {"targets": TARGETS[:9]},
            {"test_fraction": 0.5},
            "30 inputs and 9 labels. Give one label each",
        ),
        (SPLIT | {"test_targets": TARGETS[20:25]}, {}, "10 test_inputs and 5 labels"),
        (
            SPLIT | {"test_inputs": INPUTS[20:, :4]},
            {},
            r"training samples have shape \(5,\), test samples \(4,\). Give both the same",
        ),
        (
            {name: SPLIT[name] for name in ("train_inputs", "train_targets")},
            {},
            "Cannot find the array 'test_inputs'",
        ),
        (
            WHOLE | {"inputs": np.empty((0, 5)), "targets": TARGETS[:0]},
            {"test_fraction": 0.5},
            r"as labels: it has shape \(0,\)",
        ),
    ],
)
def test_what_is_no_data_set_is_named(tmp_path: Path, arrays: dict, options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        read(tmp_path, write_npz(tmp_path, arrays), **options)


def test_python_objects_are_not_unpickled(tmp_path: Path):
    path = write_npz(
        tmp_path, {"inputs": np.array([{"a": 1}], dtype=object), "targets": TARGETS[:1]}
    )
    with pytest.raises(
        SymgeomError,
        match="Cannot read '.*mine.npz': Object arrays cannot be loaded .* without Python objects",
    ):
        read(tmp_path, path)


@pytest.mark.parametrize(
    ("path", "message"), [("none.npz", "No such file"), ("none.zarr", "does not exist")]
)
def test_a_missing_file_is_named(tmp_path: Path, path: str, message: str):
    with pytest.raises(SymgeomError, match=f"Cannot read '.*{path}': .*{message}"):
        read(tmp_path, path)


@pytest.mark.parametrize("content", [b"", b"PK no archive", b"\x93NUMPY"])
@pytest.mark.parametrize("path", ["broken.npz", "broken.zarr.zip"])
def test_a_broken_file_is_named(tmp_path: Path, path: str, content: bytes):
    (tmp_path / path).write_bytes(content)
    with pytest.raises(SymgeomError, match=f"Cannot read '.*{path}': "):
        read(tmp_path, path)


def test_a_damaged_array_is_named(tmp_path: Path):
    np.savez_compressed(tmp_path / "mine.npz", **SPLIT)
    content = (tmp_path / "mine.npz").read_bytes()
    (tmp_path / "mine.npz").write_bytes(content[:200] + bytes(50) + content[250:])
    with pytest.raises(SymgeomError, match="Cannot read '.*mine.npz': "):
        read(tmp_path, "mine.npz")


def test_a_damaged_chunk_is_named(tmp_path: Path):
    path = write_zarr(tmp_path, SPLIT)
    chunk = next(
        file for file in (tmp_path / path / "train_inputs" / "c").rglob("*") if file.is_file()
    )
    chunk.write_bytes(b"123")
    with pytest.raises(
        SymgeomError,
        match="Cannot read '.*mine.zarr': .* Give a zarr group, or a zip of one, that holds arrays",
    ):
        read(tmp_path, path)
