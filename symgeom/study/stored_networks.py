"""Networks of a study by arm and seed: what is stored of them, read when it is asked for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.sealed_json import read_sealed_json, write_sealed_json
from symgeom.ground.types import Parameters, size
from symgeom.store import dataset_to_parameters, read_store
from symgeom.study.pairs import Key
from symgeom.symmetry.spec import SymmetrySpec

Ends = tuple[Parameters, Parameters]
"""Two networks between which a path runs."""

LOST = "diverged"
"""The state of a network that is stored and shown, and that no stage measures."""

LARGEST = torch.finfo(torch.float32).max
"""Largest loss and squared length of a network: some measures are taken in this precision."""


@dataclass(frozen=True, eq=False)
class Minima:
    """The minima that a job measures: every seed of some arms of a case.

    Attributes
    ----------
    arms : sequence of str
        The arms.
    seeds : sequence of int
        The seeds of every arm.
    networks : mapping of (str, int) to Parameters
        Those that did not diverge, as trained, by arm and seed.
    """

    arms: Sequence[str]
    seeds: Sequence[int]
    networks: Mapping[Key, Parameters]

    @property
    def shape(self) -> tuple[int, int]:
        """Lengths of the axes arm and seed."""
        return (len(self.arms), len(self.seeds))

    def index(self, key: Key) -> tuple[int, int]:
        """Return where a network stands on the axes arm and seed.

        Parameters
        ----------
        key : (str, int)
            Arm and seed.

        Returns
        -------
        tuple of int
            Its indices.

        Examples
        --------
        >>> Minima(["rsgd", "sgd"], [0, 3], {}).index(("sgd", 3))
        (1, 1)
        """
        arm, seed = key
        return (self.arms.index(arm), self.seeds.index(seed))


def read_symmetry(path: str) -> SymmetrySpec:
    """Read the spec that was discovered for a case.

    Parameters
    ----------
    path : str
        The sealed JSON file of the spec.

    Returns
    -------
    SymmetrySpec
        The spec.

    Raises
    ------
    SymgeomError
        If the file is missing, truncated or changed.
    """
    return SymmetrySpec.from_json(json.dumps(read_sealed_json(path)))


def write_symmetry(path: str, spec: SymmetrySpec) -> None:
    """Write the spec that was discovered for a case.

    Parameters
    ----------
    path : str
        The file to write.
    spec : SymmetrySpec
        The spec.
    """
    write_sealed_json(path, json.loads(spec.to_json()))


def listed(paths: str | Iterable[str]) -> list[str]:
    """Return one path, or several, as a list.

    Parameters
    ----------
    paths : str or iterable of str
        As Snakemake hands over the inputs of one name.

    Returns
    -------
    list of str
        The paths.

    Examples
    --------
    >>> listed("minima.zarr.zip")
    ['minima.zarr.zip']
    """
    return [paths] if isinstance(paths, str) else list(paths)


def read_networks(paths: str | Iterable[str]) -> OnDemand[Key, dict[str, Tensor]]:
    """Return the networks of some stores, read when they are asked for.

    Parameters
    ----------
    paths : str or iterable of str
        Stores of networks over arm and seed.

    Returns
    -------
    OnDemand
        From arm and seed to the network; networks that diverged are left out.
    """
    rows: dict[Key, tuple[xr.Dataset, tuple[int, int]]] = {}
    for path in listed(paths):
        store = read_store(path, lazy=True)
        for row, arm in enumerate(store["arm"].values):
            for column, seed in enumerate(store["seed"].values):
                rows[str(arm), int(seed)] = store, (row, column)

    def read(key: Key) -> dict[str, Tensor]:
        store, index = rows[key]
        arrays = dataset_to_parameters(store, at=index)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    keys = [key for key, (store, index) in rows.items() if not _is_lost(store, index)]
    return OnDemand(keys, read, size=size).where(is_measurable)


def _is_lost(store: xr.Dataset, index: tuple[int, int]) -> bool:
    """Return whether a store says that a network diverged; on the torus that is not said."""
    return "status" in store and store["status"].values[index] == LOST


def is_measurable(network: Parameters, loss: float = 0.0) -> bool:
    """Return whether a network can be measured: its loss and squared length fit into float32.

    Parameters
    ----------
    network : Parameters
        The network.
    loss : float
        Its training loss.

    Returns
    -------
    bool
        False if training diverged.

    Examples
    --------
    >>> is_measurable({"weight": torch.tensor([1.0, torch.nan])})
    False
    >>> is_measurable({"weight": torch.tensor([1e50], dtype=torch.float64)})
    False
    """
    squared_length = sum(float(tensor.double().square().sum()) for tensor in network.values())
    return squared_length <= LARGEST and abs(loss) <= LARGEST


def read_records(paths: str | Iterable[str], *names: str) -> dict[Key, dict[str, Tensor]]:
    """Read what some stores say of each network, beside its weights.

    Parameters
    ----------
    paths : str or iterable of str
        Stores over arm and seed.
    *names : str
        Variables; a name that a store does not have is left out.

    Returns
    -------
    dict of (str, int) to dict of str to Tensor
        By arm and seed, then by name.
    """
    records: dict[Key, dict[str, Tensor]] = {}
    for path in listed(paths):
        store = read_store(path, only=("arm", "seed", *names))
        variables = [name for name in names if name in store]
        for arm in store["arm"].values:
            for seed in store["seed"].values:
                row = store.sel(arm=arm, seed=seed)
                records[str(arm), int(seed)] = {
                    name: torch.as_tensor(row[name].values) for name in variables
                }
    return records
