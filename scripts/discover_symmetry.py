"""Discover the symmetry groups of a case's network, and certify them before anything relies on them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from _launch import launch
from _problems import build_network

from symgeom.certify import certify
from symgeom.discover import discover
from symgeom.problem import Problem
from symgeom.randomness import stream
from symgeom.store import read_store
from symgeom.types import parameters


def main(*, data: str, network: Mapping, symmetry: str) -> None:
    store = read_store(data)
    inputs = torch.from_numpy(store["train_inputs"].values[:64]).double()
    targets = torch.from_numpy(store["train_targets"].values[:64])
    module = Problem(build_network(store, network).double(), inputs, targets).module
    spec = discover(module, inputs[:2])
    certify(spec, module, parameters(module), inputs=inputs, generator=stream("certificate", "architecture")).require()
    Path(symmetry).write_text(spec.to_json())


if __name__ == "__main__":
    launch(main, snakemake)
