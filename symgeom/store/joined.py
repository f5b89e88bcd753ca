"""Arrays of several batches as one that is not read.

A selection of it reads the batches that it meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Joined(BackendArray):
    """One variable of several batches, along an axis."""

    def __init__(self, parts: Sequence[xr.Variable], axis: int) -> None:
        lengths = [part.shape[axis] for part in parts]
        shape = list(parts[0].shape)
        shape[axis] = sum(lengths)
        self.parts = list(parts)
        self.axis = axis
        self.ends = np.cumsum(lengths)
        self.shape = tuple(shape)
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._select
        )

    def _select(self, key: tuple) -> np.ndarray:
        """Read what an index of every axis asks for: a number, a slice, or a list of numbers."""
        asked = np.arange(self.shape[self.axis])[key[self.axis]]
        numbers = np.atleast_1d(asked)
        batches = np.searchsorted(self.ends, numbers, side="right")
        pieces = []
        origins = []
        for batch in np.unique(batches):
            origin = np.flatnonzero(batches == batch)
            first = self.ends[batch] - self.parts[batch].shape[self.axis]
            pieces.append(self._read(batch, key, numbers[origin] - first))
            origins.append(origin)
        if not pieces:
            return self._read(0, key, slice(0, 0))
        axis = self._axis_of_selection(key)
        order = np.argsort(np.concatenate(origins))
        selection = np.take(np.concatenate(pieces, axis), order, axis)
        return selection if np.ndim(asked) else selection.take(0, axis)

    def _read(self, batch: int, key: tuple, rows: np.ndarray | slice) -> np.ndarray:
        """Read what is asked for of one batch, of which ``rows`` along the axis."""
        batch_key = (*key[: self.axis], rows, *key[self.axis + 1 :])
        return self.parts[batch][batch_key].values.astype(self.dtype, copy=False)

    def _axis_of_selection(self, key: tuple) -> int:
        """Return which axis of a selection ours is: a number in the place of an axis removes it."""
        axis = 0
        for length, index in zip(self.shape[: self.axis], key, strict=False):
            axis += np.ndim(np.arange(length)[index])
        return axis


def joined(batches: Sequence[xr.Dataset], dim: str) -> dict[str, xr.Variable]:
    """Join what batches have along a dimension without reading it.

    Parameters
    ----------
    batches : sequence of xr.Dataset
        As :func:`symgeom.store.read_store` opens them lazily.
    dim : str
        The dimension.

    Returns
    -------
    dict of str to xr.Variable
        The numbers along the dimension by name; nothing if the batches differ in other labels, so
        that there would be gaps.

    Examples
    --------
    >>> first = xr.Dataset({"loss": ("pair", [0.5, 0.1])})
    >>> second = xr.Dataset({"loss": ("pair", [0.2])})
    >>> joined([first, second], "pair")["loss"][1:].values.tolist()
    [0.1, 0.2]
    """
    if not _same_labels(batches, dim):
        return {}
    variables = {}
    for name, variable in batches[0].data_vars.items():
        parts = [batch[name].variable for batch in batches if name in batch]
        if dim in variable.dims and len(parts) == len(batches) and _can_be_joined(parts):
            array = _Joined(parts, variable.dims.index(dim))
            unread = indexing.LazilyIndexedArray(array)
            variables[str(name)] = xr.Variable(variable.dims, unread, variable.attrs)
    return variables


def _same_labels(batches: Sequence[xr.Dataset], dim: str) -> bool:
    """Return whether all batches have the labels of the first along all other dimensions."""
    first = batches[0]
    for name in first.indexes:
        if name == dim:
            continue
        for batch in batches:
            if name not in batch.indexes or not batch.indexes[name].equals(first.indexes[name]):
                return False
    return True


def _can_be_joined(parts: Sequence[xr.Variable]) -> bool:
    """Return whether the parts of a variable have the same axes, and none is text."""
    dims = parts[0].dims
    return all(part.dims == dims and part.dtype.kind != "U" for part in parts)
