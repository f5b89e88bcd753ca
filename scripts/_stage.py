"""What several stages read: symmetries, and networks and what is known of them by arm and seed."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters, size
from symgeom.store import dataset_to_parameters, read_store
from symgeom.symmetry.spec import SymmetrySpec

Key = tuple[str, int]


def read_symmetry(path: str) -> SymmetrySpec:
    """Read the spec that was discovered for a case."""
    return SymmetrySpec.from_json(Path(path).read_text())


def listed(paths: str | Iterable[str]) -> list[str]:
    """Return one path, or several, as a list."""
    return [paths] if isinstance(paths, str) else list(paths)


def read_networks(paths: str | Iterable[str]) -> OnDemand[Key, dict[str, Tensor]]:
    """Return the networks of finite length of some stores, by arm and seed, read when asked for; what diverged is left out."""
    places = {}
    for store in (read_store(path, lazy=True) for path in listed(paths)):
        for row, arm in enumerate(store["arm"].values):
            for column, seed in enumerate(store["seed"].values):
                places[str(arm), int(seed)] = store, (row, column)

    def read(key: Key) -> dict[str, Tensor]:
        store, place = places[key]
        return {
            name: torch.from_numpy(array)
            for name, array in dataset_to_parameters(store, at=place).items()
        }

    return OnDemand(places, read, size=size).where(finite)


def finite(network: Parameters) -> bool:
    """Return whether a network has a finite length."""
    return all(
        bool(torch.linalg.vector_norm(tensor.double()).isfinite()) for tensor in network.values()
    )


def read_records(paths: str | Iterable[str], *names: str) -> dict[Key, dict[str, Tensor]]:
    """Read what some stores say of each network by arm and seed, beside its weights; a name that they do not have is left out."""
    found = {}
    for store in (read_store(path, only=("arm", "seed", *names)) for path in listed(paths)):
        for arm, seed in (
            (arm, seed) for arm in store["arm"].values for seed in store["seed"].values
        ):
            chosen = {
                name: store[name].sel(arm=arm, seed=seed).values for name in names if name in store
            }
            found[str(arm), int(seed)] = {
                name: torch.as_tensor(values) for name, values in chosen.items()
            }
    return found
