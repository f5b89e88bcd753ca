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
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.splits import stratified_split

NAME = "arrays"

SPLIT = ("train_inputs", "train_targets", "test_inputs", "test_targets")
WHOLE = ("inputs", "targets")
CHANNELS = ("first", "last", "none")


def read(
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
        What the file calls the arrays: ``{"train_inputs": "x_train"}``; the names above by default.
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
    check_choice(channels, CHANNELS, "channels")
    for name in names or {}:
        check_choice(name, (*SPLIT, *WHOLE), "array in the option 'names'")
    file = root / path
    contents = _read_file(file)
    called = {name: name for name in (*SPLIT, *WHOLE)}
    called.update(names or {})
    is_split = any(called[name] in contents for name in SPLIT)
    arrays = _take(SPLIT if is_split else WHOLE, contents, called, file)
    if is_split and test_fraction is not None:
        raise SymgeomError(
            f"Cannot split '{file}' with test_fraction = {test_fraction}: it is split already. "
            "Leave the option out."
        )
    if not is_split and test_fraction is None:
        raise SymgeomError(
            f"Cannot split '{file}': it has '{called['inputs']}' and no "
            f"'{called['train_inputs']}'. Give the option 'test_fraction'."
        )
    tensors = _tensors(arrays, called, file, channels)
    if test_fraction is not None:
        tensors = _split(tensors, test_fraction, file, choice)
    return choice.normalised(_data(tensors, file, choice))


def _read_file(file: Path) -> Mapping[str, np.ndarray]:
    """Return the arrays of a file by name."""
    if file.suffix != ".npz":
        return read_arrays(file)
    try:
        # numpy takes what is no zip for a pickle.
        with zipfile.ZipFile(file), np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SymgeomError(
            f"Cannot read '{file}': {error}. Write it with numpy.savez, without Python objects."
        ) from error


def _take(
    names: tuple[str, ...],
    contents: Mapping[str, np.ndarray],
    called: Mapping[str, str],
    file: Path,
) -> dict[str, np.ndarray]:
    """Return arrays of a file by our names, or raise if one is not there."""
    arrays = {}
    for name in names:
        if called[name] not in contents:
            raise SymgeomError(
                f"Cannot find the array '{called[name]}' in '{file}': it has {sorted(contents)}. "
                "Say in the option 'names' what it is called, for instance {train_inputs: x_train}."
            )
        arrays[name] = contents[called[name]]
    return arrays


def _tensors(
    arrays: Mapping[str, np.ndarray], called: Mapping[str, str], file: Path, channels: str
) -> dict[str, Tensor]:
    """Return arrays as tensors; labels first, which are checked in no time."""
    tensors = {}
    for name, array in arrays.items():
        if name.endswith("targets"):
            tensors[name] = _targets(array, called[name], file)
    for name, array in arrays.items():
        if name.endswith("inputs"):
            tensors[name] = _inputs(array, called[name], file, channels)
    return tensors


def _inputs(array: np.ndarray, name: str, file: Path, channels: str) -> Tensor:
    """Return an array of inputs as a tensor, channels first."""
    if array.ndim < 2 or array.dtype.kind not in "fiu" or not len(array):
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as inputs: it has shape {array.shape} and "
            f"type {array.dtype}. Give numbers of shape (sample, ...)."
        )
    bad = np.size(array) - np.count_nonzero(np.isfinite(array))
    if bad:
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as inputs: {bad} of {array.size} values "
            "are NaN or infinite. Repair them."
        )
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        array = array.astype(np.float64)
    if array.ndim > 2 and channels == "last":
        array = np.moveaxis(array, -1, 1)
    if array.ndim > 2 and channels == "none":
        array = array[:, None]
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.ascontiguousarray(native))


def _targets(array: np.ndarray, name: str, file: Path) -> Tensor:
    """Return an array of labels as a tensor of int64."""
    whole = array.dtype.kind in "iu"
    if array.ndim != 1 or not whole or not len(array) or array.min() < 0:
        least = f" and smallest value {array.min()}" if whole and array.size else ""
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as labels: it has shape {array.shape}, "
            f"type {array.dtype}{least}. Give one whole number from 0 on per sample (astype(int), "
            "and the largest place of a one-hot code)."
        )
    return torch.from_numpy(array.astype(np.int64))


def _split(
    tensors: Mapping[str, Tensor], test_fraction: float, file: Path, choice: Choice
) -> dict[str, Tensor]:
    """Split inputs and targets in those of training and those of testing."""
    _check_lengths(tensors, "", file)
    inputs = tensors["inputs"]
    targets = tensors["targets"]
    _count_classes(targets, file)
    generator = stream("split", NAME, choice.split)
    train, test = stratified_split(targets, test_fraction, generator=generator)
    return {
        "train_inputs": inputs[train],
        "train_targets": targets[train],
        "test_inputs": inputs[test],
        "test_targets": targets[test],
    }


def _data(tensors: Mapping[str, Tensor], file: Path, choice: Choice) -> Data:
    """Return the samples that are used, or raise if the arrays do not belong together."""
    _check_lengths(tensors, "train_", file)
    _check_lengths(tensors, "test_", file)
    train_shape = tuple(tensors["train_inputs"].shape[1:])
    test_shape = tuple(tensors["test_inputs"].shape[1:])
    if train_shape != test_shape:
        raise SymgeomError(
            f"Cannot use the arrays of '{file}': training samples have shape {train_shape}, test "
            f"samples {test_shape}. Give both the same."
        )
    train_targets = tensors["train_targets"]
    test_targets = tensors["test_targets"]
    classes = _count_classes(torch.cat([train_targets, test_targets]), file)
    train, test = choice.indices(NAME, train_targets, test_targets)
    return Data(
        _scaled(tensors["train_inputs"][train]),
        train_targets[train],
        _scaled(tensors["test_inputs"][test]),
        test_targets[test],
        classes,
        NAME,
    )


def _check_lengths(tensors: Mapping[str, Tensor], part: str, file: Path) -> None:
    inputs = len(tensors[f"{part}inputs"])
    targets = len(tensors[f"{part}targets"])
    if inputs != targets:
        raise SymgeomError(
            f"Cannot pair the arrays of '{file}': {inputs} {part}inputs and {targets} labels. Give "
            "one label each."
        )


def _count_classes(targets: Tensor, file: Path) -> int:
    """Return how many classes there are, or raise if one of them is never seen."""
    classes = 1 + int(targets.max())
    seen = len(targets.unique())
    if classes < 2 or seen < classes:
        raise SymgeomError(
            f"Cannot use the labels of '{file}': of {classes} classes from 0 to {classes - 1}, "
            f"{seen} have samples. Number at least two classes from 0, without gaps."
        )
    return classes


def _scaled(inputs: Tensor) -> Tensor:
    """Return images in float32 and vectors in float64; levels of uint8 as numbers from 0 to 1."""
    dtype = torch.float32 if inputs.ndim > 2 else torch.float64
    numbers = inputs.to(dtype)
    if inputs.dtype == torch.uint8:
        return numbers.div_(255)
    return numbers
