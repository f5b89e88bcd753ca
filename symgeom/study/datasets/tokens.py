"""Tokens: whole numbers from 0 on that stand for something, letters or words for instance.

They lie in a file as other arrays do (:mod:`symgeom.study.datasets.arrays`), with labels of samples
or of positions, and stay whole numbers, for networks that look them up in a table.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.problem.tasks.classes import IGNORED
from symgeom.study.datasets.arrays import Source
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.labels import Labels

NAME = "tokens"


def read(
    choice: Choice,
    *,
    path: Path,
    names: Mapping[str, str] | None = None,
    test_fraction: float | None = None,
    fill_missing: bool = False,
    labels: str = "sample",
    ignored_label: int = IGNORED,
) -> Data:
    """Read tokens and labels from one file.

    Parameters
    ----------
    choice : Choice
        Which samples.
    path : Path
        The file.
    names, test_fraction, fill_missing, labels, ignored_label
        As in :func:`symgeom.study.datasets.arrays.read`.

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
    answers = Labels(labels, ignored_label)
    source = Source(NAME, path, names, test_fraction, fill_missing)
    arrays, called = source.arrays()
    tensors = {}
    for name, array in arrays.items():
        if name.endswith("inputs"):
            tensors[name] = _tokens(array, called[name], path)
        else:
            tensors[name] = answers.of(array, called[name], path)
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
