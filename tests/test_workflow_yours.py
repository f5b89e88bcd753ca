"""Own data, own network, own optimizer and own checkpoints, through the real snakemake."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from clones import copy_repository, counted, environment, override, snakemake
from safetensors.torch import save_file
from torch import nn

from symgeom.claims.record import read_claims
from symgeom.store import open_study, read_store

SMALL = "tests/small_study.yaml"

pytestmark = pytest.mark.workflow

MODULE = '''
"""A network and an optimizer of one's own."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from symgeom.optimizers.method import Method


def network(width):
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


@dataclass(frozen=True)
class Signs(Method):
    name: ClassVar[str] = "signs"
    learning_rate: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    equivariant: ClassVar[bool] = False

    def start(self, params, seeds=None):
        return {}

    def direction(self, gradient_at, params, state):
        return {name: gradient.sign() for name, gradient in gradient_at(params).items()}, state
'''

STUDY = """
study: yours
cases:
  tiny: null
  blobs:
    data: {name: arrays, options: {path: blobs.npz, test_fraction: 0.25}}
    network: {name: "mine:network", options: {width: 8}}
arms:
  rsgd: null
  adam: null
  wild: null
  signs: {method: "mine:Signs", learning_rate: 0.01}
  known: {method: checkpoints, path: "weights/{case}"}
curvature: {samples: 100}
claims: {roles: {flat: known, reference: sgd, sharp: signs, adaptive: signs}}
"""

ONLY = (
    STUDY.replace("study: yours", "study: known")
    .replace('signs: {method: "mine:Signs", learning_rate: 0.01}', "sgd: null")
    .replace("reference: sgd, sharp: signs, adaptive: signs", "reference: known, sharp: known, adaptive: null")
)


def blobs():
    """Return inputs and labels of three classes."""
    random = np.random.default_rng(0)
    targets = np.arange(240) % 3
    return random.normal(size=(240, 6)) + 4 * np.eye(6)[targets], targets


def known_weights(place, width):
    """Train two networks with plain torch, and save one in each format."""
    inputs, targets = (torch.from_numpy(part) for part in blobs())
    place.mkdir(parents=True)
    for seed, suffix in enumerate((".pt", ".safetensors")):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))
        optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
        for _ in range(150):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs.float()), targets).backward()
            optimizer.step()
        save = save_file if suffix == ".safetensors" else torch.save
        save(network.state_dict(), place / f"run{seed}{suffix}")


@pytest.fixture(scope="module")
def yours(tmp_path_factory):
    """A finished study of everything of one's own, and the words that ask for it."""
    place = tmp_path_factory.mktemp("yours")
    clone = copy_repository(place / "clone", config=SMALL)
    (clone / "mine.py").write_text(MODULE)
    (clone / "data").mkdir()
    np.savez(clone / "data/blobs.npz", inputs=blobs()[0], targets=blobs()[1])
    known_weights(clone / "weights/blobs", 8)
    words = override(place, STUDY)
    run = snakemake(clone, *words, "--cores", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    return clone, words
