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

SCHEMA_VERSION = 1
"""Raised whenever a reader of the old layout would misread the new one."""

SUFFIX = ".zarr.zip"
"""What the name of a store ends with."""

PARAMETER = "parameter."
"""What the name of a variable begins with that is a tensor of networks."""

CHUNK = 2**23
"""Bytes of the largest chunk of what is no network, before compression."""

COORDINATES = {
    "arm": "optimizer recipe",
    "seed": "seed of the run",
    "pair": "pair of minima",
    "t": "position along the path, 0 at its start and 1 at its end",
    "step": "optimizer step",
    "first_arm": "arm of the first minimum of the pair",
    "first_seed": "seed of the first minimum of the pair",
    "second_arm": "arm of the second minimum of the pair",
    "second_seed": "seed of the second minimum of the pair",
}
"""Long names of the coordinates that all studies share; their units are 1."""


def encoding(name: str, variable: xr.Variable) -> dict[str, object]:
    """Return chunks and compressors of a variable.

    Weights have one uncompressed chunk per network, all else has chunks of bounded size.

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
        tensor_shape = variable.shape[leading:]
        chunks = [1] * leading + [max(1, length) for length in tensor_shape]
        return {"chunks": tuple(chunks), "compressors": None}
    bounded = _bounded_chunks(variable.shape, CHUNK // variable.dtype.itemsize)
    return {"chunks": bounded, "compressors": (ZstdCodec(),)}


def _bounded_chunks(shape: tuple[int, ...], entries: int) -> tuple[int, ...]:
    """Return chunks of at most so many entries, as long as possible along the last axes."""
    chunks: list[int] = []
    for length in reversed(shape):
        chunk = max(1, min(length, entries))
        chunks.insert(0, chunk)
        entries //= chunk
    return tuple(chunks)


def with_string_type(dataset: xr.Dataset, dtype: np.dtype | type) -> xr.Dataset:
    """Give all text one type.

    It is variable-length on disk, because zarr specifies no other, and fixed-width in memory.

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
    >>> dataset = xr.Dataset({"state": ("run", ["reached"])})
    >>> with_string_type(dataset, np.dtypes.StringDType())["state"].dtype
    StringDType()
    """
    coordinates = {}
    variables = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind not in "OTU":
            continue
        text = np.array(variable.values.tolist(), dtype=dtype).reshape(variable.shape)
        converted = (variable.dims, text, variable.attrs)
        if name in dataset.coords:
            coordinates[name] = converted
        else:
            variables[name] = converted
    return dataset.assign_coords(coordinates).assign(variables)
