"""Files of arrays that numpy saves, one for each tensor.

Arrays of objects would be unpickled, which may execute anything: numpy is told to refuse them.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.content import Content
from symgeom.learning.weights.zips import check_sums, entries

LARGEST_RATIO = 200
"""How many times its own size a file of arrays unpacks to at most."""

ALWAYS = 2**24
"""Bytes that a file may always unpack to: zeros take hardly any."""


def read_npz(path: Path) -> Content:
    """Return what a file of arrays holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Content
        A tensor for each array of numbers; of other arrays, the kind of their entries.

    Raises
    ------
    SymgeomError
        If it would unpack to far more than its size, is damaged, or holds an array of objects.
    """
    _check_size(path)
    check_sums(path)
    holds: dict[str, object] = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            try:
                array = arrays[name]
            except ValueError as error:
                raise SymgeomError(
                    f"Cannot read the weights in '{path}': its array {name!r} cannot be read "
                    f"({error}); nothing in it is executed. Save arrays of numbers with np.savez."
                ) from error
            holds[name] = _as_tensor(array)
    return Content(holds, "npz")


def _check_size(path: Path) -> None:
    unpacked = sum(entry.file_size for entry in entries(path))
    if unpacked > max(LARGEST_RATIO * path.stat().st_size, ALWAYS):
        raise SymgeomError(
            f"Cannot read the weights in '{path}': {path.stat().st_size} bytes would unpack to "
            f"{unpacked}, more than weights do. Save them with np.savez."
        )


def _as_tensor(array: NDArray) -> object:
    """Return an array as a tensor, whatever the order of its bytes, or its kind if it has none."""
    if not isinstance(array, np.ndarray):
        return f"an array of {type(array).__name__}"
    if not np.issubdtype(array.dtype, np.number) and array.dtype != np.bool_:
        return f"an array of {array.dtype}"
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
