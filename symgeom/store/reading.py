"""Read a store, from the local disk or through fsspec: whole, or each chunk when it is asked for."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
import zarr
from fsspec.core import url_to_fs
from zarr.buffer.cpu import Buffer
from zarr.storage import LocalStore, MemoryStore, ZipStore

from symgeom import __version__
from symgeom.ground.checks import SymgeomError
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.sealed import entries_of, read_entry
from symgeom.store.layout import SCHEMA_VERSION, with_string_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fsspec import AbstractFileSystem

REMAKE = "Delete it and run snakemake again."


def read_store(
    path: str | Path, *, only: Sequence[str] | None = None, lazy: bool = False
) -> xr.Dataset:
    """Read a store into memory, or leave its numbers where they are until they are asked for.

    Parameters
    ----------
    path : str or Path
        A file written by :func:`write_store`, or the URL of one (``s3://...``), if fsspec has the
        file system.
    only : sequence of str, optional
        Read these variables (and all attributes), and nothing else; all by default.
    lazy : bool
        Read numbers when they are asked for: a selection (``isel``, ``sel``) reads the chunks that
        it meets, ``.values`` of it gives them, and nothing is kept. Labels and text are read at
        once. The file must stay as it is.

    Returns
    -------
    xr.Dataset
        The arrays, in the order of their names.

    Raises
    ------
    SymgeomError
        If the file is missing, truncated, not a zarr store, not written by symgeom, or written in
        another schema version; of a chunk that is read lazily and damaged, when it is read.
    """
    with _reading(path):
        entries = _entries(path, only, whole=only is None and not lazy)
        store = MemoryStore(entries, read_only=True)
        dataset = xr.open_dataset(
            store, engine="zarr", chunks=None, cache=not lazy, consolidated=False
        )
        dataset = dataset if lazy else dataset.load()
    version, writer = (dataset.attrs.get(f"{of}_version") for of in ("schema", "package"))
    if not version:
        raise SymgeomError(f"Cannot read '{path}': it was not written by symgeom. {REMAKE}")
    if version != SCHEMA_VERSION:
        raise SymgeomError(
            f"Cannot read '{path}': it has schema version {version} (of symgeom {writer}), not {SCHEMA_VERSION} (of symgeom "
            f"{__version__}), and versions are not mixed. Delete it and run snakemake again, which makes it anew (there is no "
            f"migration), or go back to symgeom {writer}."
        )
    return with_string_type(dataset[sorted(map(str, dataset.variables))], str)


def file_system(path: str | Path) -> tuple[AbstractFileSystem, str]:
    """Find the file system of a path.

    Parameters
    ----------
    path : str or Path
        A local path, or a URL.

    Returns
    -------
    files : AbstractFileSystem
        Where it is.
    place : str
        Its name there.

    Raises
    ------
    SymgeomError
        If fsspec has no such file system, or a library that it needs is not installed.

    Examples
    --------
    >>> file_system("memory://study/minima.zarr.zip")[1]
    '/study/minima.zarr.zip'
    """
    try:
        return url_to_fs(str(path))
    except (ValueError, ImportError) as error:
        raise SymgeomError(
            f"Cannot read '{path}': {error}. Install what is missing, or correct the path."
        ) from error


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Turn what a file that is truncated, or none of ours, makes zipfile and zarr raise into a sentence."""
    try:
        yield
    except SymgeomError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError) as error:
        raise SymgeomError(
            f"Cannot read '{path}': it is truncated or no zarr store ({type(error).__name__}). {REMAKE}"
        ) from error


def _entries(path: str | Path, only: Sequence[str] | None, *, whole: bool) -> OnDemand[str, Buffer]:
    """Return the entries of a store by name: from the whole file, or each with a request of its own when it is asked for."""
    files, place = file_system(path)
    try:
        content = files.cat_file(place) if whole else b""
        with io.BytesIO(content) if whole else files.open(place) as opened:
            found = entries_of(opened)
    except (FileNotFoundError, IsADirectoryError):
        raise SymgeomError(
            f"Cannot read '{path}': there is no such file. Run snakemake to make it, or correct the path."
        ) from None
    view = memoryview(content)
    fetch = (lambda start, end: view[start:end]) if whole else partial(files.cat_file, place)

    def buffer(name: str) -> Buffer:
        with _reading(path):
            return Buffer.from_bytes(read_entry(found[name], fetch))

    wanted = (name for name in found if only is None or name.split("/")[0] in ("zarr.json", *only))
    return OnDemand(wanted, buffer, size=len, limit=0)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays at the top of a zarr group that anyone wrote (a folder, or a zip of one), or raise a SymgeomError."""
    try:
        with (ZipStore if zipfile.is_zipfile(path) else LocalStore)(path, read_only=True) as opened:
            return {
                name: np.asarray(array[...])
                for name, array in zarr.open_group(opened, mode="r").arrays()
            }
    except Exception as error:  # zarr raises many kinds
        raise SymgeomError(
            f"Cannot read '{path}': {error}. Give a zarr group, or a zip of one, that holds arrays."
        ) from error
