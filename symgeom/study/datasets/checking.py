"""What every data set must be, wherever it comes from: checked here, once.

Classes are checked before any sample is read, inputs before they are scaled.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.splits import counted

LISTED = 5
"""Classes that a message names at most."""


def existing(root: Path, path: object) -> Path:
    """Return where a data set lies.

    Parameters
    ----------
    root : Path
        The folder of data sets.
    path : str or Path
        The option ``path``: absolute, or below ``root``.

    Returns
    -------
    Path
        A file or a folder.

    Raises
    ------
    SymgeomError
        If the path is no text, is an address on the network, or leads to no file and no folder.

    Examples
    --------
    >>> existing(Path("/"), "usr").is_dir()
    True
    """
    if not isinstance(path, str | Path) or not str(path):
        raise SymgeomError(
            f"Cannot read data from path = {path!r}: give the name of a file or a folder."
        )
    if "://" in str(path):
        raise SymgeomError(
            f"Cannot read data from '{path}': it is an address, and data are read from disk. "
            f"Download it into '{root}', and give its name there."
        )
    file = root / path
    try:
        file.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SymgeomError(
            f"Cannot read data from '{file}': {reason}. Correct the option 'path', which is "
            "absolute or below the folder of data sets."
        ) from error
    if not file.is_dir() and not file.is_file():  # a pipe has no end
        raise SymgeomError(
            f"Cannot read data from '{file}': it is neither a file nor a folder. Correct the "
            "option 'path'."
        )
    return file


def check_flag(name: str, option: str, value: object) -> None:
    """Raise unless an option is true or false.

    Parameters
    ----------
    name, option : str
        The data set and its option, for the message.
    value : object
        What the option says.

    Raises
    ------
    SymgeomError
        If it is anything else, also 0 or 1.

    Examples
    --------
    >>> check_flag("digits", "images", True)
    """
    if not isinstance(value, bool):
        raise SymgeomError(
            f"Cannot load data set '{name}' with {option} = {value!r}: give true or false."
        )


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Raise if something takes more memory than the machine has, before it is made.

    Parameters
    ----------
    needed : int
        Bytes.
    what, remedy : str
        What takes them, and what to do, for the message.

    Raises
    ------
    SymgeomError
        If the machine has not as many.

    Examples
    --------
    >>> check_memory(1000, "a small data set", "Take less.")
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise SymgeomError(
            f"Cannot hold {what}: that takes {needed / 1e9:.0f} GB of memory, and this machine has "
            f"{memory / 1e9:.0f} GB. {remedy}"
        )


def check_classes(name: str, train: Tensor, test: Tensor, classes: int) -> None:
    """Raise unless both parts have samples, and training has some of every class.

    Parameters
    ----------
    name : str
        The data set, for the message.
    train, test : Tensor of int64, shape (sample,) or (sample, ...)
        Classes, counted from 0, of samples or of their positions.
    classes : int
        How many there are.

    Raises
    ------
    SymgeomError
        If there are no training samples, no test samples, or none of a class for training.

    Examples
    --------
    >>> check_classes("two", torch.tensor([0, 1]), torch.tensor([1]), 2)
    """
    if not len(train) or not len(test):
        raise SymgeomError(
            f"Cannot use data set '{name}' with {len(train)} training samples and {len(test)} "
            "test samples: both need at least one. Give a test_fraction nearer to 1/2, or more "
            "samples."
        )
    absent = (counted(train).bincount(minlength=classes) == 0).nonzero().flatten().tolist()
    if absent:
        raise SymgeomError(
            f"Cannot use data set '{name}' of {classes} classes: none of its {len(train)} training "
            f"samples is of class {listed(absent, LISTED)}. Keep at least one of every class for "
            "training: a smaller test_fraction, a larger subset, or more samples."
        )


def listed(numbers: Sequence[int], most: int) -> str:
    """Return numbers as words, the first few of many.

    Parameters
    ----------
    numbers : sequence of int
        Classes or features.
    most : int
        How many are named.

    Returns
    -------
    str
        With commas between them.

    Examples
    --------
    >>> listed([3, 4, 7], 2)
    '3, 4, ...'
    """
    words = ", ".join(map(str, numbers[:most]))
    return f"{words}, ..." if len(numbers) > most else words


def check_data(data: Data, what: str) -> None:
    """Raise unless inputs are numbers that training can use.

    Parameters
    ----------
    data : Data
        Not scaled yet.
    what : str
        The data set, for the message.

    Raises
    ------
    SymgeomError
        If training and test samples differ in shape, have no entries, or are not finite.

    Examples
    --------
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])
    >>> check_data(Data(inputs, targets, inputs, targets, 2, "two"), "data set 'two'")
    """
    train_shape = tuple(data.train_inputs.shape[1:])
    test_shape = tuple(data.test_inputs.shape[1:])
    if train_shape != test_shape:
        raise SymgeomError(
            f"Cannot use {what}: training samples have shape {train_shape}, test samples "
            f"{test_shape}. Give both the same."
        )
    if 0 in train_shape:
        raise SymgeomError(
            f"Cannot use {what}: a sample has shape {train_shape}, which holds no number. Give at "
            "least one."
        )
    _check_finite(data.train_inputs, what, "training")
    _check_finite(data.test_inputs, what, "test")


def _check_finite(inputs: Tensor, what: str, part: str) -> None:
    """Raise if an input is NaN or infinite; its terms are finite if a sum is."""
    if inputs.sum(dtype=torch.float64).isfinite():
        return
    bad = int((~inputs.isfinite()).sum())
    if bad:
        precision = str(inputs.dtype).removeprefix("torch.")
        largest = torch.finfo(inputs.dtype).max
        raise SymgeomError(
            f"Cannot use {what}: of its {part} inputs, {bad} of {inputs.numel()} values are NaN, "
            f"infinite or beyond {largest:.3g}, the largest number of {precision}. Repair them, or "
            "scale them down."
        )
