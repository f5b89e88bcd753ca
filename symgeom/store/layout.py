"""What a store looks like inside.

* Every variable says its ``units`` and ``long_name``; the coordinates that all studies share are
  described here once.
* The tensors of networks are the variables ``parameter.<tensor>`` (zarr allows no slash in a name):
  one chunk per network, uncompressed, because random weights do not compress. Everything else is
  compressed with zstd, in chunks of bounded size along the first axes, so that a part can be read
  of an array that does not fit into memory.
* An axis that one unit group covers whole is named after the group; any other axis is
  ``<tensor>.axis<i>``.
* Text (arms, states of runs) is stored as zarr's variable-length ``string`` and read as fixed-width
  numpy text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from zarr.codecs import ZstdCodec

if TYPE_CHECKING:
    import xarray as xr

SCHEMA_VERSION = 1  # raised whenever a reader of the old layout would misread the new one
SUFFIX, PARAMETER = ".zarr.zip", "parameter."

CHUNK = 2**23
"""Bytes of the largest chunk of what is no network, before compression."""

COORDINATES = {
    "arm": "optimizer recipe",
    "seed": "seed of the run",
    "pair": "pair of minima",
    "t": "position along the path, 0 at its start and 1 at its end",
    "step": "optimizer step",
} | {
    f"{which}_{what}": f"{what} of the {which} minimum of the pair"
    for which in ("first", "second")
    for what in ("arm", "seed")
}
"""Long names of the coordinates that all studies share; their units are 1."""


def encoding(name: str, variable: xr.Variable) -> dict:
    """Return chunks and compressors: of weights one uncompressed chunk per network, of the rest chunks of bounded size.

    Parameters
    ----------
    name : str
        Of the variable.
    variable : xr.Variable
        Weights have the attribute ``tensor_axes``, the number of their last axes that belong to one
        network.

    Returns
    -------
    dict
        As xarray takes it.

    Examples
    --------
    >>> import xarray as xr
    >>> encoding("loss", xr.Variable(("pair", "t"), np.zeros((100_000, 25))))["chunks"]
    (41943, 25)
    """
    if name.startswith(PARAMETER):
        leading = variable.ndim - variable.attrs["tensor_axes"]
        return {
            "chunks": (1,) * leading + tuple(max(1, n) for n in variable.shape[leading:]),
            "compressors": None,
        }
    chunks, room = [], CHUNK // variable.dtype.itemsize
    for n in reversed(variable.shape):
        chunks.append(max(1, min(n, room)))
        room //= chunks[-1]
    return {"chunks": tuple(reversed(chunks)), "compressors": (ZstdCodec(),)}


def with_string_type(dataset: xr.Dataset, dtype: np.dtype | type) -> xr.Dataset:
    """Give all text one type: variable-length on disk, because zarr specifies no other, and fixed-width in memory.

    Parameters
    ----------
    dataset : xr.Dataset
        Any; its text is read.
    dtype : dtype
        ``numpy.dtypes.StringDType()`` or ``str``.

    Returns
    -------
    xr.Dataset
        The same, all text of that type.

    Examples
    --------
    >>> import xarray as xr
    >>> with_string_type(xr.Dataset({"state": ("run", ["reached"])}), np.dtypes.StringDType())["state"].dtype
    StringDType()
    """
    text = {
        name: (
            variable.dims,
            np.array(variable.values.tolist(), dtype=dtype).reshape(variable.shape),
            variable.attrs,
        )
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "OTU"
    }
    return dataset.assign_coords(
        {name: text.pop(name) for name in list(text) if name in dataset.coords}
    ).assign(text)
