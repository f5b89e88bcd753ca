"""Labelled arrays on disk: one deterministic zip per stage and batch, a whole study as one tree.

A store is an :class:`xarray.Dataset` in zarr format 3 inside an uncompressed zip (``.zarr.zip``).
Its bytes depend on the data alone (no machine, commit or time), with their sha256 in the comment of
the zip (:mod:`symgeom.ground.sealed`). It is written whole or not at all. Stores are read from the
local disk, or from whatever fsspec has a file system for, whole or lazily. Torch is imported for
annotations only: reading a study does not load it.
"""

from symgeom.store.layout import COORDINATES, PARAMETER, SCHEMA_VERSION, SUFFIX
from symgeom.store.networks import dataset_to_parameters, parameters_to_variables
from symgeom.store.reading import read_arrays, read_store
from symgeom.store.study import open_study
from symgeom.store.writing import write_store

__all__ = [
    "COORDINATES",
    "PARAMETER",
    "SCHEMA_VERSION",
    "SUFFIX",
    "dataset_to_parameters",
    "open_study",
    "parameters_to_variables",
    "read_arrays",
    "read_store",
    "write_store",
]
