"""Write a store: deterministic, described, and whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from zarr.storage import MemoryStore

from symgeom import __version__
from symgeom.ground.checks import SymgeomError
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.sealed import write_sealed
from symgeom.store.layout import COORDINATES, SCHEMA_VERSION, encoding, with_string_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from zarr.abc.buffer import Buffer


def write_store(
    path: str | Path, dataset: xr.Dataset, *, config_digest: str, seeds: Sequence[int]
) -> None:
    """Write a dataset so that equal data give equal bytes.

    A writer that is killed leaves nothing under the final name.

    Parameters
    ----------
    path : str or Path
        The file to write, ``<name>.zarr.zip``; its folder is made if need be.
    dataset : xr.Dataset
        Labelled arrays; each variable has the attributes ``units`` and ``long_name``. Its own
        attributes are kept.
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
    >>> import xarray as xr
    >>> from symgeom.store import read_store
    >>> error = xr.Variable("seed", [0.1, 0.2], {"units": "1", "long_name": "test error"})
    >>> dataset = xr.Dataset({"error": error}, {"seed": [0, 1]})
    >>> path = Path(tempfile.mkdtemp()) / "minima.zarr.zip"
    >>> write_store(path, dataset, config_digest="ab12", seeds=[0, 1])
    >>> float(read_store(path).error.sel(seed=1))
    0.2
    """
    path = Path(path)
    described = _described(dataset, path)
    stored = with_string_type(described, np.dtypes.StringDType()).drop_encoding()
    stored = stored.assign_attrs(
        schema_version=SCHEMA_VERSION,
        package_version=__version__,
        config_digest=config_digest,
        seeds=[int(seed) for seed in seeds],
    )
    encodings = {}
    for name, variable in stored.variables.items():
        encodings[str(name)] = encoding(str(name), variable)
    entries: dict[str, Buffer] = {}
    store = MemoryStore(entries)
    stored.to_zarr(store, zarr_format=3, consolidated=False, encoding=encodings)

    def content(name: str) -> bytes:
        return entries[name].to_bytes()

    write_sealed(path, OnDemand(entries, content, size=len, limit=0))


def _described(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """Describe the shared coordinates; raise if any other variable has no units or long name."""
    described = dataset.copy()
    for name, variable in dataset.variables.items():
        attrs = dict(variable.attrs)
        if name in COORDINATES:
            attrs = {"units": "1", "long_name": COORDINATES[str(name)], **attrs}
        if not {"units", "long_name"} <= attrs.keys():
            raise SymgeomError(
                f"Cannot write '{path}': variable '{name}' has the attributes "
                f"{sorted(variable.attrs)} and needs both 'units' ('1' for a pure number) and "
                "'long_name'. Set them."
            )
        described[name].attrs = attrs
    return described
