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
from symgeom.store import read_arrays, write_store
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
        (
            {},
            {},
            r"Cannot find the array 'inputs' in '.*': it has \[\]. .* {train_inputs: x_train}",
        ),
        ({"input": INPUTS}, {}, r"it has \['input'\]. .* for instance {inputs: input}"),
        (
            WHOLE,
            {"names": {"inputs": 3}},
            r"Cannot find the array '3' in .* \['inputs', 'targets'\]",
        ),
        (WHOLE, {"names": 0}, "Cannot take 0 as the option 'names': give a mapping"),
        (WHOLE, {"fill_missing": 1}, "with fill_missing = 1: give true or false"),
        (WHOLE, {"names": ["inputs"]}, r"Cannot take \['inputs'\] as the option 'names'"),
        (
            WHOLE | {"inputs": np.array(1.0)},
            {"test_fraction": 0.5},
            r"has shape \(\) and type float",
        ),
        (
            WHOLE | {"targets": np.array(1)},
            {"test_fraction": 0.5},
            r"has shape \(\), type int64 and",
        ),
        (WHOLE | {"inputs": INPUTS > 0}, {"test_fraction": 0.5}, r"as inputs: .* type bool"),
        (WHOLE | {"inputs": INPUTS.astype(str)}, {"test_fraction": 0.5}, r"as inputs: .* type <U"),
        (
            WHOLE | {"inputs": np.zeros((30, 2), dtype="datetime64[s]")},
            {"test_fraction": 0.5},
            "as inputs: .* type datetime64",
        ),
        (
            WHOLE | {"inputs": np.zeros((30, 2), dtype=[("a", "f4")])},
            {"test_fraction": 0.5},
            "as inputs: .* type .*'a', '<f4'",
        ),
        (
            WHOLE | {"inputs": INPUTS.astype(np.longdouble) * np.longdouble("1e4000")},
            {"test_fraction": 0.5},
            "of its training inputs, 75 of 75 values are NaN, infinite or beyond",
        ),
        (
            WHOLE | {"inputs": INPUTS.reshape(30, 1, 5) * 1e39},
            {"test_fraction": 0.5},
            "beyond 3.4e.38, the largest number of float32. Repair them, or scale them down",
        ),
        (
            WHOLE | {"inputs": np.zeros((30, 0, 4), dtype=int)},
            {"test_fraction": 0.5},
            r"a sample has shape \(0, 4\), which holds no number",
        ),
        (WHOLE | {"inputs": INPUTS[:, :0]}, {"test_fraction": 0.5}, r"a sample has shape \(0,\)"),
        (
            WHOLE | {"targets": np.where(TARGETS == 1, np.nan, 0)},
            {"test_fraction": 0.5},
            "as labels: .* type float64",
        ),
        (WHOLE | {"targets": TARGETS[:, None]}, {"test_fraction": 0.5}, r"has shape \(30, 1\)"),
        (WHOLE | {"targets": TARGETS > 0}, {"test_fraction": 0.5}, "type bool. Give one whole"),
        (WHOLE, {"test_fraction": 0.01}, "with 30 training samples and 0 test samples"),
        (WHOLE, {"test_fraction": 0.99}, "with 0 training samples and 30 test samples"),
        (
            SPLIT | {"train_targets": TARGETS[:20] % 2},
            {},
            "of 3 classes: none of its 20 training samples is of class 2",
        ),
        (
            {name: np.abs(100 * values).astype("uint8") for name, values in SPLIT.items()}
            | {"train_targets": TARGETS[:20], "test_targets": TARGETS[20:]}
            | {"test_inputs": INPUTS[20:]},
            {},
            r"together: 'train_inputs' is uint8 \(divided by 255\), 'test_inputs' is float64 \(div",
        ),
        (WHOLE, {}, "it has 'inputs' and no 'train_inputs'. Give the option 'test_fraction'"),
        (SPLIT, {"test_fraction": 0.5}, "with test_fraction = 0.5: it is split already"),
        (
            WHOLE | {"inputs": NAN},
            {"test_fraction": 0.5},
            "of its test inputs, 2 of 75 values are NaN, infinite or beyond",
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


IMAGES = NUMBERS.normal(size=(30, 2, 3, 4))
MASKS = NUMBERS.integers(3, size=(30, 3, 4)).astype("uint8")
MASKS[:, 0, 0] = 255
SEGMENTED = {"inputs": IMAGES, "targets": MASKS}


def test_pixels_have_labels_of_which_some_do_not_count(tmp_path: Path):
    options = {"labels": "position", "ignored_label": 255, "test_fraction": 0.2}
    data = read(tmp_path, write_npz(tmp_path, SEGMENTED), **options)
    assert (len(data.train_targets), len(data.test_targets), data.classes) == (24, 6, 3)
    assert data.test_targets.dtype == torch.int64
    first = IMAGES[:, 0, 0, 0].astype("float32").tolist()
    rows = [first.index(value) for value in data.test_inputs[:, 0, 0, 0].tolist()]
    expected = MASKS[rows].astype(int)
    expected[:, 0, 0] = -100
    assert data.test_targets.tolist() == expected.tolist()
    assert sum(data.class_counts[1]) == 6 * 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"shape \(30, 3, 4\), .* per sample .* or choose labels = 'position'"),
        ({"labels": "pixel"}, "Unknown labels 'pixel'"),
        ({"ignored_label": 255}, "Cannot leave out samples of label 255: only positions"),
        ({"labels": "position", "ignored_label": 2.5}, "of label 2.5: give .* as a whole number"),
        ({"labels": "position"}, "of 256 classes from 0 to 255, 4 have samples"),
    ],
)
def test_what_are_no_labels_of_pixels_is_named(tmp_path: Path, options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        read(tmp_path, write_npz(tmp_path, SEGMENTED), test_fraction=0.2, **options)


def test_python_objects_are_not_unpickled(tmp_path: Path):
    path = write_npz(
        tmp_path, {"inputs": np.array([{"a": 1}], dtype=object), "targets": TARGETS[:1]}
    )
    with pytest.raises(
        SymgeomError,
        match="Cannot read '.*mine.npz': Object arrays cannot be loaded .* without Python objects",
    ):
        read(tmp_path, path)


LEVELS = NUMBERS.integers(0, 256, size=(30, 1, 4, 5))


@pytest.mark.parametrize(
    ("dtype", "divisor"),
    [("uint8", 255), (">u2", 65535), ("uint16", 65535), ("float32", 1), (">f8", 1), ("float16", 1)],
)
@pytest.mark.parametrize("shape", [(30, 1, 4, 5), (30, 20)])
def test_levels_are_divided_by_the_largest_of_their_type(
    tmp_path: Path, dtype: str, divisor: int, shape: tuple[int, ...]
):
    levels = LEVELS.reshape(shape)
    whole = {"inputs": levels.astype(dtype), "targets": TARGETS}
    data = read(tmp_path, write_npz(tmp_path, whole), test_fraction=0.5)
    assert data.divisor == divisor
    scaled = torch.from_numpy(levels).to(data.train_inputs.dtype) / divisor
    rows = set(map(tuple, scaled.flatten(1).tolist()))
    assert set(map(tuple, data.train_inputs.flatten(1).tolist())) < rows


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint32", "uint64", ">i8"])
def test_images_of_no_clear_scale_are_refused(tmp_path: Path, dtype: str):
    images = (LEVELS // 4).astype(dtype)
    with pytest.raises(
        SymgeomError, match="scale of the images 'inputs' of .*: their type is .*, from 0 to 63. W"
    ):
        read(tmp_path, write_npz(tmp_path, WHOLE | {"inputs": images}), test_fraction=0.5)
    vectors = WHOLE | {"inputs": images.reshape(30, 20)}
    data = read(tmp_path, write_npz(tmp_path, vectors), test_fraction=0.5)
    assert (data.divisor, data.train_inputs.max()) == (1, 63)


@pytest.mark.parametrize(
    ("shape", "ambiguous"),
    [
        ((32, 32, 3), True),
        ((28, 28, 1), True),
        ((8, 6, 4), True),
        ((3, 32, 32), False),
        ((1, 28, 28), False),
        ((4, 6, 4), False),
        ((16, 5, 5), False),
        ((2, 8, 2), False),
        ((32, 3), False),
        ((5, 4, 4, 3), False),
    ],
)
def test_channels_that_seem_last_must_be_said(
    tmp_path: Path, shape: tuple[int, ...], ambiguous: bool
):
    images = NUMBERS.normal(size=(30, *shape))
    path = write_npz(tmp_path, WHOLE | {"inputs": images})
    first = read(tmp_path, path, test_fraction=0.5, channels="first")
    assert first.train_inputs.shape == (15, *shape)
    if not ambiguous:
        assert read(tmp_path, path, test_fraction=0.5).checksum == first.checksum
        return
    height, width, channels = shape
    words = f"{channels} channels last, or {height} channels of {width} by {channels} first"
    with pytest.raises(SymgeomError, match=f"Cannot tell where .*{words}. Say channels = 'last'"):
        read(tmp_path, path, test_fraction=0.5)


@pytest.mark.parametrize("version", [2, 3])
def test_a_missing_chunk_is_not_taken_for_zeros(tmp_path: Path, version: int):
    """zarr writes no chunk that holds nothing but zeros: only its owner can tell the two apart."""
    inputs = INPUTS.copy()
    inputs[:10] = 0
    group = zarr.open_group(tmp_path / "mine.zarr", mode="w", zarr_format=version)
    group.create_array("inputs", data=inputs, chunks=(10, 5))
    group.create_array("targets", data=TARGETS)
    with pytest.raises(
        SymgeomError,
        match="array 'inputs' of '.*mine.zarr': 1 of its 3 chunks are not there. .*fill_missing =",
    ):
        read(tmp_path, "mine.zarr", test_fraction=0.5)
    filled = read(tmp_path, "mine.zarr", test_fraction=0.5, fill_missing=True)
    whole = write_npz(tmp_path, {"inputs": inputs, "targets": TARGETS})
    assert filled.checksum == read(tmp_path, whole, test_fraction=0.5).checksum


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        ((6, 8), 1, "is encrypted, password required"),
        ((8, 10), 99, "compression method is not supported"),
        ((8, 10), 8, "while decompressing data|Bad CRC"),
    ],
)
@pytest.mark.parametrize("write", [write_npz, write_zip])
def test_a_zip_that_cannot_be_unpacked_is_named(
    tmp_path: Path, write, position: tuple[int, int], value: int, message: str
):
    """A zip says twice of every entry how it is packed: before it, and in the list at its end."""
    path = write(tmp_path, WHOLE)
    content = bytearray((tmp_path / path).read_bytes())
    for mark, offset in zip((b"PK\3\4", b"PK\1\2"), position, strict=True):
        start = content.find(mark)
        while start >= 0:
            content[start + offset] = value
            start = content.find(mark, start + 1)
    (tmp_path / path).write_bytes(content)
    with pytest.raises(SymgeomError, match=f"Cannot read '.*{path}': .*{message}"):
        read(tmp_path, path, test_fraction=0.5)


def test_an_array_that_is_not_needed_may_lack_chunks(tmp_path: Path):
    group = zarr.open_group(tmp_path / "mine.zarr", mode="w")
    for name, values in (WHOLE | {"other": np.zeros(3)}).items():
        group.create_array(name, data=values)
    assert read(tmp_path, "mine.zarr", test_fraction=0.5).classes == 3
    with pytest.raises(SymgeomError, match="array 'other' of '.*mine.zarr': 1 of its 1 chunks are"):
        read_arrays(tmp_path / "mine.zarr")["other"]


@pytest.mark.parametrize("name", ["mine.npy", "mine.csv", "mine.txt", "mine"])
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_text("1, 2")
    with pytest.raises(SymgeomError, match=f"{name}': it is no .npz, no zarr group and no zip of"):
        read(tmp_path, name)


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
