"""A whole study as one labelled tree, however it was split into jobs."""

from __future__ import annotations

import math
from collections import Counter
from glob import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.store.joined import joined
from symgeom.store.layout import PARAMETER, SUFFIX, with_string_type
from symgeom.store.reading import file_system, read_store

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_study(
    path: str | Path,
    *,
    files: Sequence[str | Path] | None = None,
    weights: bool = True,
    lazy: bool = False,
) -> xr.DataTree:
    """Read every array of a study into one labelled tree.

    The files ``<case>/<stage>.zarr.zip`` and the batches ``<case>/<stage>/<batch>.zarr.zip`` become
    the nodes ``/<case>/<stage>``. Batches are joined along ``pair`` or ``plane`` if they have it,
    else along ``seed`` and ``arm``, and sorted by their labels, so that a study is the same tree
    however it was split into jobs. Where arms were run with different seeds, the gap is NaN (False
    in flags, empty in text). Half-written files are not read.

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
        The study; the root's attribute ``study`` is its name.

    Raises
    ------
    SymgeomError
        If the folder is missing or holds no store, if a store cannot be read, or if batches
        contradict each other.
    """
    path = str(path).rstrip("/")
    system, place = file_system(path)
    if files is None:
        found = [
            name
            for pattern in (f"*/*{SUFFIX}", f"*/*/*{SUFFIX}")
            for name in system.glob(f"{escape(place)}/{pattern}")
        ]
        named = sorted(PurePosixPath(name).relative_to(place) for name in found)
    else:
        named = sorted(PurePosixPath(file).relative_to(path) for file in files)
    if not named:
        state = (
            "holds no store (<case>/<stage>.zarr.zip)" if system.isdir(place) else "does not exist"
        )
        raise SymgeomError(
            f"Cannot open the study '{path}': the folder {state}. Correct the path, or run snakemake to make it."
        )
    stages: dict[str, list[str]] = {}
    for file in named:
        case, stage, *_ = file.parts
        stages.setdefault(f"{case}/{stage.removesuffix(SUFFIX)}", []).append(f"{path}/{file}")
    nodes = {
        node: _join(f"{path}/{node}", batches, weights=weights, lazy=lazy)
        for node, batches in stages.items()
    }
    return xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs={"study": PurePosixPath(place).name})} | nodes
    )


def _read(file: str, *, weights: bool, lazy: bool) -> xr.Dataset:
    """Read a batch, with or without the tensors of the networks."""
    if weights:
        return read_store(file, lazy=lazy)
    batch = read_store(file, lazy=True)
    batch = batch.drop_vars(
        [name for name in map(str, batch.data_vars) if name.startswith(PARAMETER)]
    )
    return batch if lazy else batch.load()


def _join(stage: str, files: Sequence[str], *, weights: bool, lazy: bool) -> xr.Dataset:
    """Join the batches of a stage."""
    batches = [_read(file, weights=weights, lazy=lazy) for file in files]
    rows: dict[tuple, list[xr.Dataset]] = {}
    for batch in batches:
        rows.setdefault(
            tuple(batch["arm"].values.tolist()) if "arm" in batch.dims else (), []
        ).append(batch)
    try:
        for listed in ("pair", "plane"):
            if listed in batches[0].dims:
                return _sorted(_concatenate(batches, listed, lazy=lazy), listed)
        whole = _concatenate(
            [_concatenate(row, "seed", lazy=lazy) for row in rows.values()], "arm", lazy=lazy
        )
        return _sorted(_sorted(whole, "seed"), "arm")
    except ValueError as error:
        names = [PurePosixPath(file).name for file in files]
        raise SymgeomError(
            f"Cannot join the batches {names} of '{stage}': {error} A changed number of batches leaves "
            "old files behind: delete that folder and run snakemake again."
        ) from error


def _sorted(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Sort by the labels along a dimension, in the order of their names."""
    labels = [
        coordinate.transpose(dim, ...).values
        for name, coordinate in sorted(dataset.coords.items())
        if dim in coordinate.dims
    ]
    columns = [
        column
        for values in labels
        for column in values.reshape(len(values), math.prod(values.shape[1:])).T
    ]
    order = np.lexsort(columns[::-1]) if columns else []
    return dataset if (np.diff(order) == 1).all() else dataset.isel({dim: order})


def _concatenate(batches: list[xr.Dataset], dim: str, *, lazy: bool) -> xr.Dataset:
    """Concatenate along a dimension; variables without it must agree."""
    if len(batches) == 1:
        return batches[0]
    if not all(dim in batch.dims for batch in batches):
        raise ValueError(f"A batch has no dimension '{dim}'.")
    unread = joined(batches, dim) if lazy else {}
    order, batches = list(batches[0].data_vars), [batch.drop_vars(unread) for batch in batches]
    kinds = {
        name: variable.dtype.kind for batch in batches for name, variable in batch.variables.items()
    }
    fill = {name: False if kind == "b" else "" for name, kind in kinds.items() if kind in "bU"}
    how = {
        "data_vars": "minimal",
        "coords": "minimal",
        "compat": "equals",
        "join": "outer",
        "combine_attrs": "drop_conflicts",
    }
    whole = xr.concat(batches, dim, fill_value=fill, **how)
    labels = [
        coordinate.values.tolist()
        for coordinate in whole.coords.values()
        if coordinate.dims == (dim,)
    ]
    twice = [label for label, count in Counter(zip(*labels, strict=True)).items() if count > 1]
    if twice:
        raise ValueError(f"{dim} {', '.join(map(str, twice[0]))} is there more than once.")
    seeds = sorted({seed for batch in batches for seed in batch.attrs["seeds"]})
    whole = with_string_type(whole.assign_attrs(seeds=seeds), str)
    return whole.assign(unread)[order] if unread else whole
