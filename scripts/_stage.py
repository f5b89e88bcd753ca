"""What several stages read and write: networks by arm and seed, pairs, and the elements that align them."""

from collections.abc import Iterable
from pathlib import Path

import torch
from _labels import ENDS, Pair
from torch import Tensor

from symgeom.group import GroupElement
from symgeom.spec import SymmetrySpec
from symgeom.store import dataset_to_parameters, read_store

Key = tuple[str, int]


def read_symmetry(path: str) -> SymmetrySpec:
    """Read the spec that was discovered for a case."""
    return SymmetrySpec.from_json(Path(path).read_text())


def read_networks(paths: str | Iterable[str]) -> dict[Key, dict[str, Tensor]]:
    """Read the networks of finite length of some stores, by arm and seed; what diverged is left out."""
    found = {}
    for path in [paths] if isinstance(paths, str) else paths:
        store = read_store(path)
        stacked = {name: torch.from_numpy(array) for name, array in dataset_to_parameters(store).items()}
        for row, arm in enumerate(store["arm"].values):
            for column, seed in enumerate(store["seed"].values):
                network = {name: tensor[row, column] for name, tensor in stacked.items()}
                if all(bool(torch.linalg.vector_norm(tensor.double()).isfinite()) for tensor in network.values()):
                    found[str(arm), int(seed)] = network
    return found


def read_records(paths: str | Iterable[str], *names: str) -> dict[Key, dict[str, Tensor]]:
    """Read what some stores say of each network by arm and seed, beside its weights; a name that they do not have is left out."""
    found = {}
    for path in [paths] if isinstance(paths, str) else paths:
        store = read_store(path)
        for arm, seed in ((arm, seed) for arm in store["arm"].values for seed in store["seed"].values):
            chosen = {name: store[name].sel(arm=arm, seed=seed).values for name in names if name in store}
            found[str(arm), int(seed)] = {name: torch.as_tensor(values) for name, values in chosen.items()}
    return found


def read_elements(paths: str | Iterable[str], spec: SymmetrySpec) -> dict[Pair, GroupElement]:
    """Read the group elements that align the second network of each pair to the first."""
    found = {}
    for path in [paths] if isinstance(paths, str) else paths:
        store = read_store(path)
        orders, scales = (
            {group.name: torch.from_numpy(store[f"{part}_{group.name}"].values) for group in spec.groups}
            for part in ("permutation", "scale")
        )
        for row, pair in enumerate(zip(*(store[name].values.tolist() for name in ENDS), strict=True)):
            order, scale = ({name: values[row] for name, values in part.items()} for part in (orders, scales))
            found[pair] = GroupElement(order, scale)
    return found
