"""The group elements that align the networks of a case, as they were stored."""

from collections.abc import Container, Iterable

import torch
import xarray as xr
from torch import Tensor

from symgeom.store import read_store
from symgeom.study.pairs import ENDS, Pair
from symgeom.study.stored_networks import listed
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import SymmetrySpec


def read_elements(
    paths: str | Iterable[str], spec: SymmetrySpec, pairs: Container[Pair] | None = None
) -> dict[Pair, GroupElement]:
    """Read what aligns the second network of each pair to the first.

    Parameters
    ----------
    paths : str or iterable of str
        The stores of the alignments.
    spec : SymmetrySpec
        The architecture.
    pairs : container of Pair, optional
        Which pairs; by default all that the stores hold.

    Returns
    -------
    dict of Pair to GroupElement
        In the order of the stores.
    """
    groups = [group.name for group in spec.groups]
    permutations = [f"permutation_{name}" for name in groups]
    scales = [f"scale_{name}" for name in groups]
    elements: dict[Pair, GroupElement] = {}
    for path in listed(paths):
        store = read_store(path, only=(*ENDS, *permutations, *scales), lazy=True)
        columns = [store[name].values.tolist() for name in ENDS]
        rows = {}
        for row, pair in enumerate(zip(*columns, strict=True)):
            if pairs is None or pair in pairs:
                rows[pair] = row
        part = store.isel(pair=list(rows.values())).load()
        orders = {name: _tensor(part[f"permutation_{name}"]) for name in groups}
        factors = {name: _tensor(part[f"scale_{name}"]) for name in groups}
        for row, pair in enumerate(rows):
            elements[pair] = GroupElement(
                {name: order[row] for name, order in orders.items()},
                {name: factor[row] for name, factor in factors.items()},
            )
    return elements


def _tensor(array: xr.DataArray) -> Tensor:
    return torch.from_numpy(array.values)
