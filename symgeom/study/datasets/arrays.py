"""Anyone's arrays: a ``.npz`` of numpy, a ``.zarr`` folder or a zip of one, with inputs and labels.

Names are ``train_inputs``, ``train_targets``, ``test_inputs`` and ``test_targets``, or ``inputs``
and ``targets`` to be split here; the option ``names`` says what the file calls them. Nothing is
unpickled. A sample has one label, or one for each of its positions, a pixel for instance
(:mod:`~symgeom.study.datasets.labels`).

Numbers of 8 or 16 bits without sign (uint8, uint16) are levels: they are divided by the largest,
255 or 65535. Floating point numbers are used as they are, and so are other whole numbers in
vectors. Images of other whole numbers are refused, because nobody says which number is white. Whole
numbers that stand for something are another data set (:mod:`~symgeom.study.datasets.tokens`).
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.randomness import stream
from symgeom.ground.sealed import DAMAGES
from symgeom.landscape.problem.tasks.classes import IGNORED
from symgeom.store import read_arrays
from symgeom.study.datasets.checking import check_flag
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.labels import Labels
from symgeom.study.datasets.splits import counted, stratified_split

NAME = "arrays"

SPLIT = ("train_inputs", "train_targets", "test_inputs", "test_targets")
WHOLE = ("inputs", "targets")
CHANNELS = ("first", "last", "none")

COLOURS = 4
"""Channels that a picture has at most: red, green, blue and transparency."""

LEVELS = {"uint8": 255, "uint16": 65535}
"""By type: the level of the brightest pixel."""


@dataclass(frozen=True, eq=False)
class Source:
    """A file of arrays.

    Attributes
    ----------
    path : Path
        Where it lies.
    names : mapping of str to str, optional
        What the file calls the arrays: ``{"train_inputs": "x_train"}``; the names above by default.
    test_fraction : float, optional
        Share of each class that is kept for testing; needed where the file has no split.
    fill_missing : bool
        Whether chunks that a zarr array does not have are its fill value, which zarr does not
        write; refused by default, because they may be lost.
    labels : {"sample", "position"}
        What has a label.
    ignored_label : int
        The label of positions that do not count.
    """

    path: Path
    names: Mapping[str, str] | None = None
    test_fraction: float | None = None
    fill_missing: bool = False
    labels: str = "sample"
    ignored_label: int = IGNORED

    def __post_init__(self) -> None:
        Labels(self.labels, self.ignored_label)

    def arrays(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Read the arrays.

        Parameters
        ----------
        name : str
            What the config calls the data set.

        Returns
        -------
        arrays : dict of str to np.ndarray
            By our names.
        called : dict of str to str
            What the file calls each.

        Raises
        ------
        SymgeomError
            If one is not there or cannot be read, or the file is split and is to be split.
        """
        check_flag(name, "fill_missing", self.fill_missing)
        called = _names({} if self.names is None else self.names)
        contents = _read_file(self.path, self.fill_missing)
        is_split = any(called[ours] in contents for ours in SPLIT)
        arrays = _take(SPLIT if is_split else WHOLE, contents, called, self.path)
        if is_split and self.test_fraction is not None:
            raise SymgeomError(
                f"Cannot split '{self.path}' with test_fraction = {self.test_fraction}: it is "
                "split already. Leave the option out."
            )
        if not is_split and self.test_fraction is None:
            raise SymgeomError(
                f"Cannot split '{self.path}': it has '{called['inputs']}' and no "
                f"'{called['train_inputs']}'. Give the option 'test_fraction'."
            )
        return arrays, called

    def targets(
        self, arrays: Mapping[str, np.ndarray], called: Mapping[str, str]
    ) -> dict[str, Tensor]:
        """Return the labels among the arrays.

        Parameters
        ----------
        arrays : mapping of str to np.ndarray
            By our names.
        called : mapping of str to str
            What the file calls each.

        Returns
        -------
        dict of str to Tensor
            By our names.

        Raises
        ------
        SymgeomError
            If they are no labels.
        """
        labels = Labels(self.labels, self.ignored_label)
        targets = {}
        for name, array in arrays.items():
            if name.endswith("targets"):
                targets[name] = labels.of(array, called[name], self.path)
        return targets

    def data(self, name: str, tensors: Mapping[str, Tensor], choice: Choice, divisor: int) -> Data:
        """Split samples, and return those that are used.

        Parameters
        ----------
        name : str
            What the config calls the data set.
        tensors : mapping of str to Tensor
            Inputs and targets, by our names.
        choice : Choice
            Which samples, and their scale.
        divisor : int
            What inputs are divided by.

        Returns
        -------
        Data
            The samples.
        """
        if self.test_fraction is not None:
            tensors = self._split(name, tensors, self.test_fraction, choice)
        return self._used(name, tensors, choice, divisor)

    def _split(
        self, name: str, tensors: Mapping[str, Tensor], test_fraction: float, choice: Choice
    ) -> dict[str, Tensor]:
        """Split inputs and targets in those of training and those of testing."""
        _check_lengths(tensors, "", self.path)
        inputs = tensors["inputs"]
        targets = tensors["targets"]
        _count_classes(targets, self.path)
        generator = stream("split", name, choice.split)
        train, test = stratified_split(targets, test_fraction, generator=generator)
        return {
            "train_inputs": inputs[train],
            "train_targets": targets[train],
            "test_inputs": inputs[test],
            "test_targets": targets[test],
        }

    def _used(self, name: str, tensors: Mapping[str, Tensor], choice: Choice, divisor: int) -> Data:
        """Return the samples that are used, or raise if the arrays do not belong together."""
        _check_lengths(tensors, "train_", self.path)
        _check_lengths(tensors, "test_", self.path)
        train_targets = tensors["train_targets"]
        test_targets = tensors["test_targets"]
        if train_targets.shape[1:] != test_targets.shape[1:]:
            raise SymgeomError(
                f"Cannot use the labels of '{self.path}' together: those of a training sample "
                f"have shape {tuple(train_targets.shape[1:])}, of a test sample "
                f"{tuple(test_targets.shape[1:])}. Give both the same."
            )
        classes = _count_classes(torch.cat([train_targets, test_targets]), self.path)
        train, test = choice.indices(name, train_targets, test_targets, classes=classes)
        return Data(
            _scaled(tensors["train_inputs"][train], divisor),
            train_targets[train],
            _scaled(tensors["test_inputs"][test], divisor),
            test_targets[test],
            classes,
            name,
            divisor=divisor,
        )


def read(choice: Choice, file: Source, *, channels: str | None = None) -> Data:
    """Read inputs and labels from one file.

    Parameters
    ----------
    choice : Choice
        Which samples, and their scale.
    file : Source
        The file.
    channels : {"first", "last", "none"}, optional
        Where a sample has its channels: ``"last"`` is moved to the front, ``"none"`` puts one
        there; first by default, which must be said where they seem to be last.

    Returns
    -------
    Data
        Inputs of float32 if a sample has two axes or more, else float64.

    Raises
    ------
    SymgeomError
        If an array is not there or cannot be read, lengths do not fit, inputs are no numbers of a
        clear scale, or labels are not whole numbers from 0 on.
    """
    if channels is not None:
        check_choice(channels, CHANNELS, "channels")
    arrays, called = file.arrays(NAME)
    tensors = file.targets(arrays, called)  # first, because they are checked in no time
    for name, array in arrays.items():
        if name.endswith("inputs"):
            tensors[name] = _inputs(array, called[name], file.path, channels)
    return file.data(NAME, tensors, choice, _divisor(arrays, called, file.path))


def _names(names: Mapping[str, str]) -> dict[str, str]:
    """Return what the file calls each array."""
    if not isinstance(names, Mapping):
        raise SymgeomError(
            f"Cannot take {names!r} as the option 'names': give a mapping, for instance "
            "{train_inputs: x_train}."
        )
    called = {name: name for name in (*SPLIT, *WHOLE)}
    for name, in_file in names.items():
        check_choice(name, called, "array in the option 'names'")
        called[name] = str(in_file)
    return called


def _read_file(file: Path, fill_missing: bool) -> Mapping[str, np.ndarray]:
    """Return the arrays of a file by name."""
    if file.suffix != ".npz":
        if file.is_file() and not zipfile.is_zipfile(file):
            raise SymgeomError(
                f"Cannot read '{file}': it is no .npz, no zarr group and no zip of one. Write it "
                "with numpy.savez, or zarr."
            )
        return read_arrays(file, fill_missing=fill_missing)
    try:
        # numpy takes what is no zip for a pickle.
        with zipfile.ZipFile(file), np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (*DAMAGES, MemoryError) as error:
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
            near = get_close_matches(called[name], contents, 1)
            example = f"{name}: {near[0]}" if near else "train_inputs: x_train"
            raise SymgeomError(
                f"Cannot find the array '{called[name]}' in '{file}': it has {sorted(contents)}. "
                f"Say in the option 'names' what it is called, for instance {{{example}}}."
            )
        arrays[name] = contents[called[name]]
    return arrays


def _inputs(array: np.ndarray, name: str, file: Path, channels: str | None) -> Tensor:
    """Return an array of inputs as a tensor, channels first."""
    if array.ndim < 2 or array.dtype.kind not in "fiu" or not len(array):
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as inputs: it has shape {array.shape} and "
            f"type {array.dtype}. Give numbers of shape (sample, ...)."
        )
    if channels is None and _seem_last(array.shape):
        channel, height, width = array.shape[1:]
        raise SymgeomError(
            f"Cannot tell where the images '{name}' of '{file}' have their channels: a sample has "
            f"shape {array.shape[1:]}, which is {width} channels last, or {channel} channels of "
            f"{height} by {width} first. Say channels = 'last' or 'first'."
        )
    whole = array.dtype.kind in "iu" and array.dtype.name not in LEVELS
    if whole and array.ndim > 2 and array.size:
        raise SymgeomError(
            f"Cannot tell the scale of the images '{name}' of '{file}': their type is "
            f"{array.dtype}, from {array.min()} to {array.max()}. Write them as uint8 or uint16 "
            "(levels, divided by 255 or 65535), or as floating point numbers (used as they are)."
        )
    if whole:
        array = array.astype(np.float64)
    if array.dtype.name == "uint16":
        array = array.astype(np.int32)  # torch selects no samples of uint16
    if array.dtype.itemsize > np.float64().itemsize:
        with np.errstate(over="ignore"):  # what is infinite then is refused with what was so before
            array = array.astype(np.float64)
    if array.ndim > 2 and channels == "last":
        array = np.moveaxis(array, -1, 1)
    if array.ndim > 2 and channels == "none":
        array = array[:, None]
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(np.ascontiguousarray(native))


def _seem_last(shape: tuple[int, ...]) -> bool:
    """Return whether images seem to have their channels last: few, and fewer than in front."""
    return len(shape) == 4 and shape[3] <= COLOURS and shape[3] < min(shape[1:3])


def _divisor(arrays: Mapping[str, np.ndarray], called: Mapping[str, str], file: Path) -> int:
    """Return what inputs are divided by, or raise if those of training and test differ in that."""
    divisors = {}
    for name, array in arrays.items():
        if not name.endswith("inputs"):
            continue
        divisors[called[name], str(array.dtype)] = LEVELS.get(array.dtype.name, 1)
    if len(set(divisors.values())) > 1:
        raise SymgeomError(
            f"Cannot use the arrays of '{file}' together: {_types(divisors)}. Write both in one "
            "type."
        )
    return max(divisors.values())


def _types(divisors: Mapping[tuple[str, str], int]) -> str:
    """Say of which types inputs are, and what they would be divided by."""
    parts = []
    for (name, kind), divisor in divisors.items():
        parts.append(f"'{name}' is {kind} (divided by {divisor})")
    return ", ".join(parts)


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
    answers = counted(targets)
    classes = 1 + int(answers.max())
    seen = len(answers.unique())
    if classes < 2 or seen < classes:
        raise SymgeomError(
            f"Cannot use the labels of '{file}': of {classes} classes from 0 to {classes - 1}, "
            f"{seen} have samples. Number at least two classes from 0, without gaps."
        )
    return classes


def _scaled(inputs: Tensor, divisor: int) -> Tensor:
    """Return images in float32, vectors in float64, levels from 0 to 1, tokens as they are."""
    if inputs.dtype == torch.int64:
        return inputs
    dtype = torch.float32 if inputs.ndim > 2 else torch.float64
    numbers = inputs.to(dtype)
    return numbers.div_(divisor) if divisor > 1 else numbers
