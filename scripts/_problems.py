"""A case's network and its data, as problems."""

from collections.abc import Mapping, Sequence

import torch
import xarray as xr
from torch import nn

from symgeom import networks
from symgeom.problem import Problem
from symgeom.randomness import stream
from symgeom.store import read_store


def build_network(data: xr.Dataset, network: Mapping, words: Sequence[str | int] = ("architecture",)) -> nn.Module:
    """Build a case's network for its data, with weights drawn from the stream of the given words."""
    shape = tuple(network.get("input_shape", data["train_inputs"].shape[1:]))
    options, classes = network.get("options", {}), data.attrs["classes"]
    return networks.build(network["name"], input_shape=shape, classes=classes, options=options, generator=stream(*words))


def read_problems(path: str, network: Mapping, precision: str) -> dict[str, Problem]:
    """Read a case's data as one problem for each split."""
    data, dtype = read_store(path), getattr(torch, precision)
    module = build_network(data, network).to(dtype)
    return {
        split: Problem(
            module, torch.from_numpy(data[f"{split}_inputs"].values).to(dtype), torch.from_numpy(data[f"{split}_targets"].values)
        )
        for split in ("train", "test")
    }
