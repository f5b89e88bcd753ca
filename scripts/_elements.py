"""Pairs of networks, and the group elements that align them."""

from collections.abc import Container, Iterable

import torch
from _labels import ENDS, Pair
from _stage import listed

from symgeom.ground.types import Parameters
from symgeom.store import read_store
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import SymmetrySpec

Ends = tuple[Parameters, Parameters]
"""Two networks between which a path runs, the second aligned to the first or not."""


def read_elements(
    paths: str | Iterable[str], spec: SymmetrySpec, pairs: Container[Pair] | None = None
) -> dict[Pair, GroupElement]:
    """Read what aligns the second network of each pair to the first, of some pairs or of all that the stores hold."""
    parts, found = ("permutation", "scale"), {}
    wanted = (*ENDS, *(f"{part}_{group.name}" for part in parts for group in spec.groups))
    for store in (read_store(path, only=wanted, lazy=True) for path in listed(paths)):
        named = enumerate(zip(*(store[name].values.tolist() for name in ENDS), strict=True))
        rows = {pair: row for row, pair in named if pairs is None or pair in pairs}
        chosen = store.isel(pair=list(rows.values())).load()
        orders, scales = (
            {
                group.name: torch.from_numpy(chosen[f"{part}_{group.name}"].values)
                for group in spec.groups
            }
            for part in parts
        )
        for place, pair in enumerate(rows):
            order, scale = (
                {name: values[place] for name, values in part.items()} for part in (orders, scales)
            )
            found[pair] = GroupElement(order, scale)
    return found
