"""Arrays of several batches as one that is not read: a selection of it reads the batches that it meets."""

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
        self.parts, self.axis = list(parts), axis
        self.ends = np.cumsum([part.shape[axis] for part in parts])
        self.shape = tuple(
            int(self.ends[-1]) if place == axis else n for place, n in enumerate(parts[0].shape)
        )
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._select
        )

    def _select(self, key: tuple) -> np.ndarray:
        """Read what an index of every axis asks for: a number, a slice, or a list of places."""
        before, asked, after = (
            key[: self.axis],
            np.arange(self.shape[self.axis])[key[self.axis]],
            key[self.axis + 1 :],
        )
        places = np.atleast_1d(asked)
        holders = np.searchsorted(self.ends, places, side="right")
        axis = sum(
            np.ndim(np.arange(n)[index]) for n, index in zip(self.shape, before, strict=False)
        )
        found, order = [], []
        for holder in np.unique(holders):
            here = np.flatnonzero(holders == holder)
            part = self.parts[holder]
            rows = places[here] - (self.ends[holder] - part.shape[self.axis])
            found.append(part[(*before, rows, *after)].values.astype(self.dtype, copy=False))
            order.append(here)
        if not found:
            return self.parts[0][(*before, slice(0, 0), *after)].values.astype(
                self.dtype, copy=False
            )
        whole = np.take(np.concatenate(found, axis), np.argsort(np.concatenate(order)), axis)
        return whole if np.ndim(asked) else whole.take(0, axis)


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
    >>> batches = [xr.Dataset({"loss": ("pair", [0.5, 0.1])}), xr.Dataset({"loss": ("pair", [0.2])})]
    >>> joined(batches, "pair")["loss"][1:].values.tolist()
    [0.1, 0.2]
    """
    first = batches[0]
    labels = [name for name in first.indexes if name != dim]
    if not all(
        name in batch.indexes and batch.indexes[name].equals(first.indexes[name])
        for batch in batches
        for name in labels
    ):
        return {}
    found = {}
    for name, variable in first.data_vars.items():
        parts = [batch[name].variable for batch in batches if name in batch]
        fits = all(part.dims == variable.dims and part.dtype.kind not in "U" for part in parts)
        if dim in variable.dims and fits and len(parts) == len(batches):
            array = _Joined(parts, variable.dims.index(dim))
            found[str(name)] = xr.Variable(
                variable.dims, indexing.LazilyIndexedArray(array), variable.attrs
            )
    return found
