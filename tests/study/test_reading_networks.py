"""What jobs read of many networks: the bits that were stored, whatever fits into memory at once,
and nothing that diverged."""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from cases import mlp_spec, network

from symgeom.study.pairs import ENDS
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import size, stack
from symgeom.quotient.alignment import Matching, align_pairs
from symgeom.quotient.gauge import canonicalise
from symgeom.store import parameters_to_variables, write_store
from symgeom.study import stored_networks as study_networks
from symgeom.study.gauges import read_elements

WIDTHS = (6, 12, 10, 4)
SPEC = mlp_spec(*WIDTHS)
DESCRIBED = {"units": "1", "long_name": "a test"}


def seeds_of(arm: int) -> list[dict[str, torch.Tensor]]:
    """Return three networks of an arm, of which the last of the second diverged."""
    found = [network(*WIDTHS, seed=10 * arm + seed) for seed in range(3)]
    if arm == 1:
        found[2]["2.weight"][3, 4] = torch.nan
    return found


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
    monkeypatch.setattr(study_networks, "OnDemand", functools.partial(OnDemand, limit=limit))
    read = study_networks.read_networks(stores)
    assert list(read) == [("sgd", 0), ("sgd", 1), ("sgd", 2), ("adam", 0), ("adam", 1)]
    assert ("adam", 2) not in read
    for _ in range(2):
        for (arm, seed), found in read.items():
            stored = seeds_of(("sgd", "adam").index(arm))[seed]
            assert list(found) == list(stored)
            assert all(
                torch.equal(found[name], stored[name]) and found[name].is_contiguous()
                for name in stored
            )
    one = study_networks.read_networks(stores[0])
    assert list(one) == list(read)[:3]


def test_no_more_networks_are_held_than_fit(stores: list[str], monkeypatch: pytest.MonkeyPatch):
    held = 2 * size(network(*WIDTHS))
    monkeypatch.setattr(study_networks, "OnDemand", functools.partial(OnDemand, limit=held))
    read = study_networks.read_networks(stores)
    first = read["sgd", 0]
    assert read["sgd", 0] is first
    assert len(read["sgd", 1]) == len(read["sgd", 2]) == 6
    assert read["sgd", 0] is not first


def test_alignments_do_not_depend_on_what_is_held(monkeypatch: pytest.MonkeyPatch):
    networks = {
        name: canonicalise(SPEC, network(*WIDTHS, seed=seed)).parameters
        for seed, name in enumerate("abcd")
    }
    asked = [(a, b) for a in "abcd" for b in "abcd" if a < b]

    def aligned() -> list[tuple]:
        seeded = {pair: stream(*pair) for pair in asked}
        given = OnDemand(networks, networks.__getitem__, size=size, limit=0)
        found = align_pairs(SPEC, given, asked, matching=Matching(starts=3), generators=seeded)
        return [
            (pair, each.objectives, [p.tolist() for p in each.element.permutations.values()])
            for pair, each in found
        ]

    before = aligned()
    monkeypatch.setattr(
        sys.modules[align_pairs.__module__], "OnDemand", functools.partial(OnDemand, limit=0)
    )
    assert aligned() == before


def test_elements_of_some_pairs_are_read_and_no_others(tmp_path: Path):
    ends = [("sgd", 0, "sgd", seed) for seed in range(1, 5)]
    sizes = {group.name: group.size for group in SPEC.groups}
    variables = {
        f"{part}_{name}": (
            ("pair", name),
            np.arange(4.0)[:, None].repeat(count, 1).astype(kind),
            DESCRIBED,
        )
        for name, count in sizes.items()
        for part, kind in (("permutation", int), ("scale", float))
    }
    labels = {name: ("pair", [pair[column] for pair in ends]) for column, name in enumerate(ENDS)}
    path = tmp_path / "0.zarr.zip"
    write_store(path, xr.Dataset(variables, labels), config_digest="ab12", seeds=range(5))
    assert list(read_elements(str(path), SPEC)) == ends
    some = read_elements([str(path)], SPEC, {ends[2], ends[1], ("sgd", 8, "sgd", 9)})
    assert list(some) == ends[1:3]
    assert some[ends[2]].permutations["hidden1"].tolist() == [2] * sizes["hidden1"]
