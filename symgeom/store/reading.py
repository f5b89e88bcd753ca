"""Read a store, from the local disk or through fsspec: whole, or chunk by chunk when asked."""

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
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from fsspec import AbstractFileSystem

REMAKE = "Delete it and run snakemake again."

HEADER = "zarr.json"
"""The entry of a store that describes all its variables."""


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
    with _faults_in_words(path):
        entries = _entries(path, only, whole=only is None and not lazy)
        dataset = _open_dataset(entries, lazy=lazy)
        if not lazy:
            dataset = dataset.load()
    _check_version(path, dataset)
    return with_string_type(dataset[sorted(map(str, dataset.variables))], str)


def _open_dataset(entries: OnDemand[str, Buffer], *, lazy: bool) -> xr.Dataset:
    """Open the entries of a store as a dataset whose numbers are not read yet."""
    # zarr asks for a mapping that can be changed, and changes it in no store that is read only.
    store = MemoryStore(entries, read_only=True)  # type: ignore[arg-type]
    # xarray does not say that its engine for zarr takes the stores of zarr.
    return xr.open_dataset(
        store,  # type: ignore[arg-type]
        engine="zarr",
        chunks=None,
        cache=not lazy,
        consolidated=False,
    )


def _check_version(path: str | Path, dataset: xr.Dataset) -> None:
    """Raise unless a store was written by symgeom in the layout of this version."""
    version = dataset.attrs.get("schema_version")
    writer = dataset.attrs.get("package_version")
    if not version:
        raise SymgeomError(f"Cannot read '{path}': it was not written by symgeom. {REMAKE}")
    if version != SCHEMA_VERSION:
        raise SymgeomError(
            f"Cannot read '{path}': it has schema version {version} (of symgeom {writer}), not "
            f"{SCHEMA_VERSION} (of symgeom {__version__}), and versions are not mixed. Delete it "
            "and run snakemake again, which makes it anew (there is no migration), or go back to "
            f"symgeom {writer}."
        )


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
    name : str
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
def _faults_in_words(path: str | Path) -> Iterator[None]:
    """Say in a sentence what zipfile and zarr raise of a file that is truncated or not ours."""
    try:
        yield
    except SymgeomError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError) as error:
        raise SymgeomError(
            f"Cannot read '{path}': it is truncated or no zarr store ({type(error).__name__}). "
            f"{REMAKE}"
        ) from error


def _entries(path: str | Path, only: Sequence[str] | None, *, whole: bool) -> OnDemand[str, Buffer]:
    """Return the entries of a store: from the whole file, or each when it is asked for."""
    files, name = file_system(path)
    fetch: Callable[[int, int], bytes | memoryview]
    try:
        if whole:
            content = files.cat_file(name)
            infos = entries_of(io.BytesIO(content))
            fetch = partial(_part, memoryview(content))
        else:
            with files.open(name) as file:
                infos = entries_of(file)
            fetch = partial(files.cat_file, name)
    except (FileNotFoundError, IsADirectoryError):
        raise SymgeomError(
            f"Cannot read '{path}': there is no such file. Run snakemake to make it, or correct "
            "the path."
        ) from None

    def buffer(entry: str) -> Buffer:
        with _faults_in_words(path):
            return Buffer.from_bytes(read_entry(infos[entry], fetch))

    return OnDemand(_entries_of_variables(infos, only), buffer, size=len, limit=0)


def _part(content: memoryview, start: int, end: int) -> memoryview:
    return content[start:end]


def _entries_of_variables(names: Collection[str], only: Sequence[str] | None) -> list[str]:
    """Return the names of the entries that some variables need; without a list, all names."""
    if only is None:
        return list(names)
    needed = {HEADER, *only}
    return [name for name in names if name.split("/")[0] in needed]


def read_arrays(path: str | Path, *, fill_missing: bool = False) -> Mapping[str, np.ndarray]:
    """Return the arrays at the top of a zarr group that anyone wrote; each is read when asked for.

    Parameters
    ----------
    path : str or Path
        A folder, or a zip of one.
    fill_missing : bool
        Whether chunks that are not there are the array's fill value. zarr leaves out chunks that
        hold nothing else, so that they cannot be told from chunks that were lost.

    Returns
    -------
    mapping of str to array
        By name, in order.

    Raises
    ------
    SymgeomError
        If it cannot be read; of an array that cannot be read or lacks chunks, when it is read.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> group = zarr.create_group(folder, overwrite=True)
    >>> _ = group.create_array("bias", data=np.array([1.0, 2.0]))
    >>> read_arrays(folder)["bias"].tolist()
    [1.0, 2.0]
    """
    with _group(path) as group:
        names = sorted(group.array_keys())

    def read(name: str) -> np.ndarray:
        with _group(path) as group:
            array = dict(group.arrays())[name]
            if not fill_missing:
                _check_chunks(path, array)
            return np.asarray(array[...])

    return OnDemand(names, read, size=lambda array: array.nbytes, limit=0)


@contextmanager
def _group(path: str | Path) -> Iterator[zarr.Group]:
    """Open a zarr group that anyone wrote, and say in a sentence what is wrong with it."""
    store_type = ZipStore if zipfile.is_zipfile(path) else LocalStore
    try:
        with store_type(path, read_only=True) as store:
            yield zarr.open_group(store, mode="r")
    except SymgeomError:
        raise
    except Exception as error:  # zarr raises many kinds
        raise SymgeomError(
            f"Cannot read '{path}': {error}. Give a zarr group, or a zip of one, that holds arrays."
        ) from error


def _check_chunks(path: str | Path, array: zarr.Array) -> None:
    """Raise if chunks of an array are not there."""
    missing = array.nchunks - array.nchunks_initialized
    if missing > 0:
        raise SymgeomError(
            f"Cannot read the array '{array.basename}' of '{path}': {missing} of its "
            f"{array.nchunks} chunks are not there. They are lost, or hold nothing but "
            f"{array.fill_value}, which zarr does not write. Restore them, or say "
            "fill_missing = true."
        )
