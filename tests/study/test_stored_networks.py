"""What jobs read of many networks: the bits that were stored, and nothing that diverged.

Whatever fits into memory at once.
"""

import functools
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from cases import mlp_spec, network

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import size, stack
from symgeom.quotient.alignment import Matching, align_pairs
from symgeom.quotient.gauge import canonicalise
from symgeom.store import parameters_to_variables, write_store
from symgeom.study import stored_networks as reading
from symgeom.study.elements import read_elements
from symgeom.study.pairs import ENDS
from symgeom.study.stored_networks import read_networks

WIDTHS = (6, 12, 10, 4)
SPEC = mlp_spec(*WIDTHS)
DESCRIBED = {"units": "1", "long_name": "a test"}


def seeds_of(arm: int) -> list[dict[str, torch.Tensor]]:
    """Return three networks of an arm, of which the last of the second diverged."""
    networks = [network(*WIDTHS, seed=10 * arm + seed) for seed in range(3)]
    if arm == 1:
        networks[2]["2.weight"][3, 4] = torch.nan
    return networks


@pytest.fixture
def stores(tmp_path: Path) -> list[str]:
    """Return two stores, an arm each."""
    paths = [str(tmp_path / f"{arm}.zarr.zip") for arm in ("sgd", "adam")]
    for arm, path in enumerate(paths):
        stacked = {name: tensor[None] for name, tensor in stack(seeds_of(arm)).items()}
        variables = dict(parameters_to_variables(SPEC, stacked, leading=("arm", "seed")))
        labels = {"arm": [("sgd", "adam")[arm]], "seed": [0, 1, 2]}
        write_store(path, xr.Dataset(variables, labels), config_digest="ab12", seeds=[0, 1, 2])
    return paths


@pytest.mark.parametrize("limit", [0, 3000, 2**28])
def test_networks_are_those_that_were_stored(
    stores: list[str], monkeypatch: pytest.MonkeyPatch, limit: int
):
    monkeypatch.setattr(reading, "OnDemand", functools.partial(OnDemand, limit=limit))
    read = read_networks(stores)
    assert list(read) == [("sgd", 0), ("sgd", 1), ("sgd", 2), ("adam", 0), ("adam", 1)]
    assert ("adam", 2) not in read
    for _ in range(2):
        for (arm, seed), tensors in read.items():
            stored = seeds_of(("sgd", "adam").index(arm))[seed]
            assert list(tensors) == list(stored)
            for name, tensor in stored.items():
                assert torch.equal(tensors[name], tensor)
                assert tensors[name].is_contiguous()
    one = read_networks(stores[0])
    assert list(one) == list(read)[:3]


def test_no_more_networks_are_held_than_fit(stores: list[str], monkeypatch: pytest.MonkeyPatch):
    held = 2 * size(network(*WIDTHS))
    monkeypatch.setattr(reading, "OnDemand", functools.partial(OnDemand, limit=held))
    read = read_networks(stores)
    first = read["sgd", 0]
    assert read["sgd", 0] is first
    assert len(read["sgd", 1]) == len(read["sgd", 2]) == 6
    assert read["sgd", 0] is not first


def test_alignments_do_not_depend_on_what_is_held(monkeypatch: pytest.MonkeyPatch):
    networks = {}
    for seed, name in enumerate("abcd"):
        networks[name] = canonicalise(SPEC, network(*WIDTHS, seed=seed)).parameters
    pairs = list(combinations("abcd", 2))

    def aligned() -> list[tuple]:
        generators = {pair: stream(*pair) for pair in pairs}
        read = OnDemand(networks, networks.__getitem__, size=size, limit=0)
        rows = []
        for pair, alignment in align_pairs(
            SPEC, read, pairs, matching=Matching(starts=3), generators=generators
        ):
            orders = alignment.element.permutations.values()
            rows.append((pair, alignment.objectives, [order.tolist() for order in orders]))
        return rows

    before = aligned()
    limited = functools.partial(OnDemand, limit=0)
    monkeypatch.setattr(sys.modules[align_pairs.__module__], "OnDemand", limited)
    assert aligned() == before


def test_elements_of_some_pairs_are_read_and_no_others(tmp_path: Path):
    pairs = [("sgd", 0, "sgd", seed) for seed in range(1, 5)]
    variables = {}
    for group in SPEC.groups:
        rows = np.arange(4.0)[:, None].repeat(group.size, 1)
        dims = ("pair", group.name)
        variables[f"permutation_{group.name}"] = (dims, rows.astype(int), DESCRIBED)
        variables[f"scale_{group.name}"] = (dims, rows, DESCRIBED)
    columns = zip(ENDS, zip(*pairs, strict=True), strict=True)
    labels = {name: ("pair", list(column)) for name, column in columns}
    path = tmp_path / "0.zarr.zip"
    write_store(path, xr.Dataset(variables, labels), config_digest="ab12", seeds=range(5))
    assert list(read_elements(str(path), SPEC)) == pairs
    wanted = {pairs[2], pairs[1], ("sgd", 8, "sgd", 9)}
    elements = read_elements([str(path)], SPEC, wanted)
    assert list(elements) == pairs[1:3]
    permutations = elements[pairs[2]].permutations
    assert permutations["hidden1"].tolist() == [2] * permutations["hidden1"].numel()
