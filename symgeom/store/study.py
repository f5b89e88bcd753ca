"""A whole study as one labelled tree, however it was split into jobs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from glob import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import xarray as xr

from symgeom.ground.checks import SHOWN, SymgeomError
from symgeom.ground.doors import door
from symgeom.store.batches import join_batches
from symgeom.store.contents import read_contents
from symgeom.store.layout import PARAMETER, SUFFIX
from symgeom.store.reading import file_system, read_store

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@door
def open_study(
    path: str | Path,
    *,
    files: Sequence[str | Path] | None = None,
    weights: bool = True,
    lazy: bool = False,
) -> xr.DataTree:
    """Read every array of a study into one labelled tree.

    The files ``<stage>/<case>.zarr.zip`` and the batches ``<stage>/<case>/<batch>.zarr.zip`` become
    the nodes ``/<case>/<stage>``. Batches are joined along ``pair`` or ``plane`` if they have it,
    else along ``seed`` and ``arm``, and sorted by their labels, so that a study is the same tree
    however it was split into jobs. Where arms were run with different seeds, the gap is NaN (False
    in flags, empty in text). Half-written files are not read, nor is what an earlier configuration
    of the study left over (stores, arms, seeds): a warning names it.

    Parameters
    ----------
    path : str or Path
        The folder of the study, ``results/<study>``, or its URL (``s3://...``), if fsspec has the
        file system and can list it.
    files : sequence of str or Path, optional
        Read these stores of the study only; all by default.
    weights : bool
        Whether the tree holds the tensors of the networks.
    lazy : bool
        Leave numbers on disk until they are asked for, as :func:`read_store` does, so that the
        study may be larger than memory; of arms with different seeds they are read at once. Where
        dask is installed, ``Dataset.chunk`` computes with the result chunk by chunk.

    Returns
    -------
    xr.DataTree
        The study; the root's attribute ``study`` is its name, ``left_over`` lists the stores that
        are not read.

    Raises
    ------
    SymgeomError
        If the folder is missing or holds no store, if a store cannot be read, or if batches
        contradict each other.
    """
    path = str(path).rstrip("/")
    system, folder = file_system(path)
    contents = read_contents(path) if files is None else None
    if files is None:
        stores = _stores_below(system, folder)
    else:
        stores = sorted(PurePosixPath(file).relative_to(path) for file in files)
    if not stores:
        state = "does not exist"
        if system.isdir(folder):
            state = "holds no store (<stage>/<case>.zarr.zip)"
        raise SymgeomError(
            f"Cannot open the study '{path}': the folder {state}. Correct the path, or run "
            "snakemake to make it."
        )
    nodes = {"/": xr.Dataset(attrs={"study": PurePosixPath(folder).name})}
    if contents is not None:
        stores, others = contents.divided(stores)
        left_over = [store.as_posix() for store in others]
        if left_over:
            nodes["/"].attrs["left_over"] = left_over
            warnings.warn(_words(path, left_over), stacklevel=2)
    for node, batch_files in _by_node(stores).items():
        urls = [f"{path}/{file}" for file in batch_files]
        batches = [_read_batch(url, weights=weights, lazy=lazy) for url in urls]
        names = [file.name for file in batch_files]
        batch_folder = f"{path}/{batch_files[-1].parent}"
        stage = join_batches(batches, names, folder=batch_folder, lazy=lazy)
        nodes[node] = stage if contents is None else contents.part_of(stage)
    return xr.DataTree.from_dict(nodes)


def _words(path: str, left_over: Sequence[str]) -> str:
    """Say which stores are not read, and how to remove them."""
    others = f" and {len(left_over) - SHOWN} more" if len(left_over) > SHOWN else ""
    return (
        f"Not read of '{path}', because its configuration no longer names them: "
        f"{', '.join(left_over[:SHOWN])}{others}. To remove them: "
        f"symgeom verify {path} --remove-left-over"
    )


def _stores_below(system: AbstractFileSystem, folder: str) -> list[PurePosixPath]:
    """Return the stores of a study, relative to its folder."""
    root = escape(folder)
    stages = system.glob(f"{root}/*/*{SUFFIX}")
    batches = system.glob(f"{root}/*/*/*{SUFFIX}")
    return sorted(PurePosixPath(name).relative_to(folder) for name in [*stages, *batches])


def _by_node(stores: Sequence[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """Group the stores, of whole stages and of batches, by ``<case>/<stage>``."""
    nodes: dict[str, list[PurePosixPath]] = {}
    for store in stores:
        stage, case, *_ = store.parts
        node = f"{case.removesuffix(SUFFIX)}/{stage}"
        nodes.setdefault(node, []).append(store)
    return nodes


def _read_batch(file: str, *, weights: bool, lazy: bool) -> xr.Dataset:
    """Read a batch, with or without the tensors of the networks."""
    if weights:
        return read_store(file, lazy=lazy)
    batch = read_store(file, lazy=True)
    tensors = [name for name in batch.data_vars if str(name).startswith(PARAMETER)]
    batch = batch.drop_vars(tensors)
    return batch if lazy else batch.load()
