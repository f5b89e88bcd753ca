"""Tokens: whole numbers from 0 on that stand for something, letters or words for instance.

They lie in a file as other arrays do (:mod:`symgeom.study.datasets.arrays`), with labels of samples
or of positions, and stay whole numbers, for networks that look them up in a table.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets.arrays import Source
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

NAME = "tokens"


def read(choice: Choice, file: Source) -> Data:
    """Read tokens and labels from one file.

    Parameters
    ----------
    choice : Choice
        Which samples.
    file : Source
        The file.

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
    arrays, called = file.arrays(NAME)
    tensors = file.targets(arrays, called)
    for name, array in arrays.items():
        if name.endswith("inputs"):
            tensors[name] = _tokens(array, called[name], file.path)
    return file.data(NAME, tensors, choice, divisor=1)


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
