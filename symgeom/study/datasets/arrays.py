"""Anyone's arrays: a ``.npz`` of numpy, a ``.zarr`` folder or a zip of one, with inputs and labels.

Names are ``train_inputs``, ``train_targets``, ``test_inputs`` and ``test_targets``, or ``inputs``
and ``targets`` to be split here; the option ``names`` says what the file calls them. Nothing is
unpickled.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.randomness import stream
from symgeom.store import read_arrays
from symgeom.study.datasets.data import Choice, Data, stratified_split

NAME = "arrays"
SPLIT, WHOLE = (
    ("train_inputs", "train_targets", "test_inputs", "test_targets"),
    ("inputs", "targets"),
)


def arrays(
    root: Path,
    choice: Choice,
    *,
    path: str,
    names: Mapping[str, str] | None = None,
    channels: str = "first",
    test_fraction: float | None = None,
) -> Data:
    """Read inputs and labels from one file.

    Parameters
    ----------
    root : Path
        The folder of data sets.
    choice : Choice
        Which samples, and their scale.
    path : str
        The file, absolute or below ``root``.
    names : mapping of str to str, optional
        What the file calls the arrays: ``{"train_inputs": "x_train"}``; their own names by default.
    channels : {"first", "last", "none"}
        Where a sample has its channels: ``"last"`` is moved to the front, ``"none"`` puts one
        there.
    test_fraction : float, optional
        Share of each class that is kept for testing; needed where the file has no split.

    Returns
    -------
    Data
        Inputs of float32 if a sample has two axes or more, else float64; levels of uint8 are
        divided by 255.

    Raises
    ------
    SymgeomError
        If the file or an array is not there or cannot be read, shapes do not fit, inputs are not
        finite, or labels are not whole numbers from 0 on.
    """
    check_choice(channels, ("first", "last", "none"), "channels")
    for name in names or {}:
        check_choice(name, (*SPLIT, *WHOLE), "array in the option 'names'")
    file = root / path
    found, called = _read(file), {name: name for name in (*SPLIT, *WHOLE)} | dict(names or {})
    split = any(called[name] in found for name in SPLIT)
    picked = {name: _take(found, called[name], file) for name in (SPLIT if split else WHOLE)}
    if split and test_fraction is not None:
        raise SymgeomError(
            f"Cannot split '{file}' with test_fraction = {test_fraction}: it is split already. Leave the option out."
        )
    if not split and test_fraction is None:
        raise SymgeomError(
            f"Cannot split '{file}': it has '{called['inputs']}' and no '{called['train_inputs']}'. Give the option "
            "'test_fraction'."
        )
    tensors = {
        name: _targets(values, called[name], file)
        for name, values in picked.items()
        if name.endswith("targets")
    }
    tensors |= {
        name: _inputs(values, called[name], file, channels)
        for name, values in picked.items()
        if name.endswith("inputs")
    }
    if not split:
        _check_lengths(tensors, "", file)
        _classes(tensors["targets"], file)
        parts = stratified_split(
            tensors["targets"], test_fraction, generator=stream("split", NAME, choice.split)
        )
        tensors = {
            f"{part}_{name}": tensors[name][index]
            for part, index in zip(("train", "test"), parts, strict=True)
            for name in WHOLE
        }
    return choice.normalised(_data(tensors, file, choice))


def _data(tensors: Mapping[str, Tensor], file: Path, choice: Choice) -> Data:
    for part in ("train_", "test_"):
        _check_lengths(tensors, part, file)
    shapes = [tuple(tensors[name].shape[1:]) for name in ("train_inputs", "test_inputs")]
    if shapes[0] != shapes[1]:
        raise SymgeomError(
            f"Cannot use the arrays of '{file}': training samples have shape {shapes[0]}, test samples {shapes[1]}. Give both "
            "the same."
        )
    targets = tensors["train_targets"], tensors["test_targets"]
    classes = _classes(torch.cat(targets), file)
    train, test = choice.indices(NAME, *targets)
    first, second = _scaled(tensors["train_inputs"][train]), _scaled(tensors["test_inputs"][test])
    return Data(first, targets[0][train], second, targets[1][test], classes, NAME)


def _read(file: Path) -> Mapping[str, np.ndarray]:
    if file.suffix != ".npz":
        return read_arrays(file)
    try:
        with (
            zipfile.ZipFile(file),
            np.load(file, allow_pickle=False) as opened,
        ):  # numpy takes other files for pickles
            return {name: opened[name] for name in opened.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SymgeomError(
            f"Cannot read '{file}': {error}. Write it with numpy.savez, without Python objects."
        ) from error


def _take(found: Mapping[str, np.ndarray], name: str, file: Path) -> np.ndarray:
    if name not in found:
        raise SymgeomError(
            f"Cannot find the array '{name}' in '{file}': it has {sorted(found)}. Say in the option 'names' what it is called, "
            "for instance {train_inputs: x_train}."
        )
    return found[name]


def _inputs(values: np.ndarray, name: str, file: Path, channels: str) -> Tensor:
    if values.ndim < 2 or values.dtype.kind not in "fiu" or not len(values):
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as inputs: it has shape {values.shape} and type {values.dtype}. Give "
            "numbers of shape (sample, ...)."
        )
    bad = np.size(values) - np.count_nonzero(np.isfinite(values))
    if bad:
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as inputs: {bad} of {values.size} values are NaN or infinite. Repair "
            "them."
        )
    if values.dtype.kind in "iu" and values.dtype != np.uint8:
        values = values.astype(np.float64)
    if channels != "first" and values.ndim > 2:
        values = np.moveaxis(values, -1, 1) if channels == "last" else values[:, None]
    return torch.from_numpy(
        np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    )


def _targets(values: np.ndarray, name: str, file: Path) -> Tensor:
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values) or values.min() < 0:
        least = (
            f" and smallest value {values.min()}"
            if values.dtype.kind in "iu" and values.size
            else ""
        )
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as labels: it has shape {values.shape}, type {values.dtype}{least}. Give "
            "one whole number from 0 on per sample (astype(int), and the largest place of a one-hot code)."
        )
    return torch.from_numpy(values.astype(np.int64))


def _classes(targets: Tensor, file: Path) -> int:
    """Return how many classes there are, or raise if one of them is never seen."""
    classes, seen = 1 + int(targets.max()), len(targets.unique())
    if classes < 2 or seen < classes:
        raise SymgeomError(
            f"Cannot use the labels of '{file}': of {classes} classes from 0 to {classes - 1}, {seen} have samples. Number at "
            "least two classes from 0, without gaps."
        )
    return classes


def _check_lengths(tensors: Mapping[str, Tensor], part: str, file: Path) -> None:
    inputs, targets = (len(tensors[f"{part}{name}"]) for name in WHOLE)
    if inputs != targets:
        raise SymgeomError(
            f"Cannot pair the arrays of '{file}': {inputs} {part}inputs and {targets} labels. Give one label each."
        )


def _scaled(inputs: Tensor) -> Tensor:
    dtype = torch.float32 if inputs.ndim > 2 else torch.float64
    return inputs.to(dtype).div_(255) if inputs.dtype == torch.uint8 else inputs.to(dtype)
