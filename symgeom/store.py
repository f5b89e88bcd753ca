"""Labelled arrays on disk: one deterministic zip per stage and batch, and a whole study as one tree.

A store is an :class:`xarray.Dataset` in zarr format 3 inside an uncompressed zip (``.zarr.zip``). Its bytes depend on the data
alone (no machine, commit or time), with their sha256 in the comment of the zip (:mod:`symgeom.sealed`). It is written under a
partial name and renamed when complete.

* Every variable says its ``units`` and ``long_name``; the coordinates that all studies share are described here once.
* The tensors of networks are the variables ``parameter.<tensor>`` (zarr allows no slash in a name): one chunk per network,
  uncompressed, because random weights do not compress. Everything else is compressed with zstd.
* An axis that one unit group covers whole is named after the group; any other axis is ``<tensor>.axis<i>``.
* Text (arms, states of runs) is stored as zarr's variable-length ``string`` and read as fixed-width numpy text.
* Torch is imported for annotations only: reading a study does not load it.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
import zarr
from zarr.buffer.cpu import Buffer
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore, MemoryStore, ZipStore

from symgeom import __version__
from symgeom.checks import SymgeomError
from symgeom.sealed import write_sealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symgeom.spec import SymmetrySpec
    from symgeom.types import Parameters

SCHEMA_VERSION = 1  # raised whenever a reader of the old layout would misread the new one
SUFFIX, PARAMETER, REMAKE = ".zarr.zip", "parameter.", "Delete it and run snakemake again."

COORDINATES = {
    "arm": "optimizer recipe",
    "seed": "seed of the run",
    "pair": "pair of minima",
    "t": "position along the path, 0 at its start and 1 at its end",
    "step": "optimizer step",
} | {f"{which}_{what}": f"{what} of the {which} minimum of the pair" for which in ("first", "second") for what in ("arm", "seed")}
"""Long names of the coordinates that all studies share; their units are 1."""


def write_store(path: str | Path, dataset: xr.Dataset, *, config_digest: str, seeds: Sequence[int]) -> None:
    """Write a dataset so that equal data give equal bytes and a killed writer leaves nothing under the final name.

    Parameters
    ----------
    path : str or Path
        The file to write, ``<name>.zarr.zip``; its folder is made if need be.
    dataset : xr.Dataset
        Labelled arrays; each variable has the attributes ``units`` and ``long_name``. Its own attributes are kept.
    config_digest : str
        Digest of the part of the config that the data depend on.
    seeds : sequence of int
        The seeds that the data come from.

    Raises
    ------
    SymgeomError
        If a variable lacks its units or its long name.

    Examples
    --------
    >>> import tempfile
    >>> error = xr.Variable("seed", [0.1, 0.2], {"units": "1", "long_name": "test error"})
    >>> path = Path(tempfile.mkdtemp()) / "minima.zarr.zip"
    >>> write_store(path, xr.Dataset({"error": error}, {"seed": [0, 1]}), config_digest="ab12", seeds=[0, 1])
    >>> float(read_store(path).error.sel(seed=1))
    0.2
    """
    path = Path(path)
    dataset = _with_string_type(_described(dataset.copy(), path), np.dtypes.StringDType()).drop_encoding()
    versions = {"schema_version": SCHEMA_VERSION, "package_version": __version__}
    dataset = dataset.assign_attrs(versions, config_digest=config_digest, seeds=[int(seed) for seed in seeds])
    encoding = {str(name): _encoding(str(name), variable) for name, variable in dataset.variables.items()}
    entries: dict = {}
    dataset.to_zarr(MemoryStore(entries), zarr_format=3, consolidated=False, encoding=encoding)
    write_sealed(path, {name: buffer.to_bytes() for name, buffer in entries.items()})


def _described(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """Describe the shared coordinates in place; raise if any other variable has no units or long name."""
    for name, variable in dataset.variables.items():
        shared = {"units": "1", "long_name": COORDINATES[name]} if name in COORDINATES else {}
        dataset[name].attrs = shared | variable.attrs
        if not {"units", "long_name"} <= dataset[name].attrs.keys():
            raise SymgeomError(
                f"Cannot write '{path}': variable '{name}' has the attributes {sorted(variable.attrs)} and needs both 'units' "
                "('1' for a pure number) and 'long_name'. Set them."
            )
    return dataset


def _with_string_type(dataset: xr.Dataset, dtype: np.dtype | type) -> xr.Dataset:
    """Give all text one type: variable-length on disk, because zarr specifies no other, and fixed-width in memory."""
    text = {
        name: (variable.dims, np.array(variable.values.tolist(), dtype=dtype).reshape(variable.shape), variable.attrs)
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "OTU"
    }
    return dataset.assign_coords({name: text.pop(name) for name in list(text) if name in dataset.coords}).assign(text)


def _encoding(name: str, variable: xr.Variable) -> dict:
    """Return chunks and compressors: one uncompressed chunk per network for weights, one compressed chunk for the rest."""
    weights = name.startswith(PARAMETER)
    leading = variable.ndim - variable.attrs["tensor_axes"] if weights else 0
    chunks = tuple(1 if axis < leading else max(1, n) for axis, n in enumerate(variable.shape))
    return {"chunks": chunks, "compressors": None if weights else (ZstdCodec(),)}


def read_store(path: str | Path, *, only: Sequence[str] | None = None) -> xr.Dataset:
    """Read a store into memory.

    Parameters
    ----------
    path : str or Path
        A file written by :func:`write_store`.
    only : sequence of str, optional
        Read these variables (and all attributes), and nothing else; all by default.

    Returns
    -------
    xr.Dataset
        The arrays, in the order of their names.

    Raises
    ------
    SymgeomError
        If the file is missing, truncated, not a zarr store, not written by symgeom, or written in another schema version.
    """
    if not Path(path).is_file():
        raise SymgeomError(f"Cannot read '{path}': there is no such file. Run snakemake to make it, or correct the path.")
    try:
        with zipfile.ZipFile(path) as archive:  # checks the sum of every entry
            wanted = [name for name in archive.namelist() if only is None or name.split("/")[0] in ("zarr.json", *only)]
            entries = {name: Buffer.from_bytes(archive.read(name)) for name in wanted}
        dataset = xr.open_zarr(MemoryStore(entries), chunks=None, consolidated=False).load()
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, RuntimeError) as error:
        raise SymgeomError(
            f"Cannot read '{path}': it is truncated or no zarr store ({type(error).__name__}). {REMAKE}"
        ) from error
    version, writer = (dataset.attrs.get(f"{of}_version") for of in ("schema", "package"))
    if not version:
        raise SymgeomError(f"Cannot read '{path}': it was not written by symgeom. {REMAKE}")
    if version != SCHEMA_VERSION:
        raise SymgeomError(
            f"Cannot read '{path}': it has schema version {version} (of symgeom {writer}), not {SCHEMA_VERSION} (of symgeom "
            f"{__version__}), and versions are not mixed. Delete it and run snakemake again, which makes it anew (there is no "
            f"migration), or go back to symgeom {writer}."
        )
    return _with_string_type(dataset[sorted(map(str, dataset.variables))], str)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays at the top of a zarr group that anyone wrote (a folder, or a zip of one), or raise a SymgeomError."""
    try:
        with (ZipStore if zipfile.is_zipfile(path) else LocalStore)(path, read_only=True) as opened:
            return {name: np.asarray(array[...]) for name, array in zarr.open_group(opened, mode="r").arrays()}
    except Exception as error:  # zarr raises many kinds
        raise SymgeomError(f"Cannot read '{path}': {error}. Give a zarr group, or a zip of one, that holds arrays.") from error


def parameters_to_variables(spec: SymmetrySpec, params: Parameters, *, leading: Sequence[str]) -> dict[str, xr.Variable]:
    """Label stacked networks, so that they can be put in a dataset.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; its unit groups name the axes.
    params : Parameters
        Stacked networks, tensors or numpy arrays.
    leading : sequence of str
        Dimensions of the stack, which come first in every tensor: ``("arm", "seed")``.

    Returns
    -------
    dict of str to xr.Variable
        ``parameter.<tensor>`` for each tensor; :func:`dataset_to_parameters` is the inverse.

    Examples
    --------
    >>> from symgeom.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("0.weight", 0),)),))
    >>> parameters_to_variables(spec, {"0.weight": np.zeros((2, 3, 5))}, leading=["seed"])["parameter.0.weight"].dims
    ('seed', 'hidden1', '0.weight.axis1')
    """
    variables = {}
    for position, (name, tensor) in enumerate(params.items()):
        array = np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)
        dims = list(leading)
        for axis, length in enumerate(array.shape[len(leading) :]):
            units = _units_of_axis(spec, name, axis, length)
            dims.append(units if units and units not in dims else f"{name}.axis{axis}")
        attrs = {"units": "1", "long_name": f"tensor {name}", "position": position, "tensor_axes": len(dims) - len(leading)}
        variables[PARAMETER + name] = xr.Variable(dims, array, attrs)
    return variables


def _units_of_axis(spec: SymmetrySpec, tensor: str, axis: int, length: int) -> str | None:
    """Return the group whose units are the entries of an axis, one for one, if there is exactly one."""
    whole = (tensor, axis, 0, 1, 1, ())
    legs = [(group, leg) for group in spec.groups if group.size == length for leg in group.legs]
    names = {group.name for group, leg in legs if (leg.tensor, leg.axis, leg.start, leg.block, leg.outer, leg.region) == whole}
    return names.pop() if len(names) == 1 else None


def dataset_to_parameters(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the stacked networks of a dataset, or the one that a selection leaves, tensors in the order of the architecture."""
    found = {name.removeprefix(PARAMETER): dataset[name] for name in map(str, dataset.data_vars) if name.startswith(PARAMETER)}
    return {name: array.values for name, array in sorted(found.items(), key=lambda item: item[1].attrs["position"])}


def open_study(path: str | Path, *, files: Sequence[str | Path] | None = None) -> xr.DataTree:
    """Read every array of a study into one labelled tree.

    The files ``<case>/<stage>.zarr.zip`` and the batches ``<case>/<stage>/<batch>.zarr.zip`` become the nodes
    ``/<case>/<stage>``. Batches are joined along ``pair`` or ``plane`` if they have it, else along ``seed`` and ``arm``, and
    sorted by their labels, so that a study is the same tree however it was split into jobs. Where arms were run with different
    seeds, the gap is NaN (False in flags, empty in text). Half-written files are not read.

    Parameters
    ----------
    path : str or Path
        The folder of the study, ``results/<study>``.
    files : sequence of str or Path, optional
        Read these stores of the study only; all by default.

    Returns
    -------
    xr.DataTree
        The study; the root's attribute ``study`` is its name.

    Raises
    ------
    SymgeomError
        If the folder is missing or holds no store, if a store cannot be read, or if batches contradict each other.
    """
    path = Path(path)
    found = sorted([*path.glob(f"*/*{SUFFIX}"), *path.glob(f"*/*/*{SUFFIX}")] if files is None else map(Path, files))
    if not found:
        state = "holds no store (<case>/<stage>.zarr.zip)" if path.is_dir() else "does not exist"
        raise SymgeomError(f"Cannot open the study '{path}': the folder {state}. Correct the path, or run snakemake to make it.")
    stages: dict[str, list[Path]] = {}
    for file in found:
        case, stage, *_ = file.relative_to(path).parts
        stages.setdefault(f"{case}/{stage.removesuffix(SUFFIX)}", []).append(file)
    nodes = {node: _join(path / node, batches) for node, batches in stages.items()}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"study": path.resolve().name})} | nodes)


def _join(stage: Path, files: Sequence[Path]) -> xr.Dataset:
    """Join the batches of a stage."""
    batches = [read_store(file) for file in files]
    rows: dict[tuple, list[xr.Dataset]] = {}
    for batch in batches:
        rows.setdefault(tuple(batch["arm"].values.tolist()) if "arm" in batch.dims else (), []).append(batch)
    try:
        for listed in ("pair", "plane"):
            if listed in batches[0].dims:
                return _sorted(_concatenate(batches, listed), listed)
        joined = _concatenate([_concatenate(row, "seed") for row in rows.values()], "arm")
        return _sorted(_sorted(joined, "seed"), "arm")
    except ValueError as error:
        raise SymgeomError(
            f"Cannot join the batches {[file.name for file in files]} of '{stage}': {error} A changed number of batches leaves "
            "old files behind: delete that folder and run snakemake again."
        ) from error


def _sorted(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Sort by the labels along a dimension, in the order of their names."""
    labels = [values.transpose(dim, ...).values for _, values in sorted(dataset.coords.items()) if dim in values.dims]
    columns = [column for values in labels for column in values.reshape(len(values), -1).T]
    order = np.lexsort(columns[::-1]) if columns else []
    return dataset if (np.diff(order) == 1).all() else dataset.isel({dim: order})


def _concatenate(batches: list[xr.Dataset], dim: str) -> xr.Dataset:
    """Concatenate along a dimension; variables without it must agree."""
    if len(batches) == 1:
        return batches[0]
    if not all(dim in batch.dims for batch in batches):
        raise ValueError(f"A batch has no dimension '{dim}'.")
    kinds = {name: variable.dtype.kind for batch in batches for name, variable in batch.variables.items()}
    fill = {name: False if kind == "b" else "" for name, kind in kinds.items() if kind in "bU"}
    how = {"data_vars": "minimal", "coords": "minimal", "compat": "equals", "join": "outer", "combine_attrs": "drop_conflicts"}
    joined = xr.concat(batches, dim, fill_value=fill, **how)
    labels = [coordinate.values.tolist() for coordinate in joined.coords.values() if coordinate.dims == (dim,)]
    twice = [label for label, count in Counter(zip(*labels, strict=True)).items() if count > 1]
    if twice:
        raise ValueError(f"{dim} {', '.join(map(str, twice[0]))} is there more than once.")
    return _with_string_type(joined.assign_attrs(seeds=sorted({seed for batch in batches for seed in batch.attrs["seeds"]})), str)
