"""Tokens: whole numbers from 0 on that stand for something, letters or words for instance.

They lie in a file as other arrays do (:mod:`symgeom.study.datasets.arrays`), and stay whole
numbers, for networks that look them up in a table. A sample has one label, or one for each of its
positions, of which those with label -100 do not count.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.landscape.problem.tasks.classes import IGNORED
from symgeom.study.datasets.arrays import Source, labels_of
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

NAME = "tokens"

LABELS = ("sample", "position")


def read(
    choice: Choice,
    *,
    path: Path,
    names: Mapping[str, str] | None = None,
    test_fraction: float | None = None,
    fill_missing: bool = False,
    labels: str = "sample",
) -> Data:
    """Read tokens and labels from one file.

    Parameters
    ----------
    choice : Choice
        Which samples.
    path : Path
        The file.
    names, test_fraction, fill_missing
        As in :func:`symgeom.study.datasets.arrays.read`.
    labels : {"sample", "position"}
        What has a label.

    Returns
    -------
    Data
        Inputs of int64.

    Raises
    ------
    SymgeomError
        If an array is not there or cannot be read, lengths do not fit, inputs are no tokens, or
        labels are not whole numbers from 0 on.
    """
    check_choice(labels, LABELS, "labels")
    source = Source(NAME, path, names, test_fraction, fill_missing)
    arrays, called = source.arrays()
    tensors = {}
    for name, array in arrays.items():
        if name.endswith("inputs"):
            tensors[name] = _tokens(array, called[name], path)
        elif labels == "sample":
            tensors[name] = labels_of(array, called[name], path)
        else:
            tensors[name] = _labels_of_positions(array, called[name], path)
    return source.data(tensors, choice, divisor=1)


def _tokens(array: np.ndarray, name: str, file: Path) -> Tensor:
    """Return an array of tokens as a tensor of int64."""
    whole = array.dtype.kind in "iu"
    if array.ndim < 2 or not whole or not array.size or array.min() < 0:
        least = f" and smallest value {array.min()}" if whole and array.size else ""
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as tokens: it has shape {array.shape}, "
            f"type {array.dtype}{least}. Give whole numbers from 0 on of shape (sample, position), "
            "or choose the data set 'arrays'."
        )
    return torch.from_numpy(array.astype(np.int64))


def _labels_of_positions(array: np.ndarray, name: str, file: Path) -> Tensor:
    """Return an array of labels as a tensor of int64."""
    whole = array.dtype.kind in "iu"
    counted = array[array != IGNORED] if whole else array
    if array.ndim < 2 or not whole or not counted.size or counted.min() < 0:
        least = f" and smallest value {counted.min()}" if whole and counted.size else ""
        raise SymgeomError(
            f"Cannot use the array '{name}' of '{file}' as labels: it has shape {array.shape}, "
            f"type {array.dtype}{least}. Give one whole number from 0 on per position ({IGNORED} "
            "where it does not count), or labels = 'sample'."
        )
    return torch.from_numpy(array.astype(np.int64))
