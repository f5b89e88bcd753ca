"""Own data, own network, own optimizer and own checkpoints, through the real snakemake."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from clones import copy_repository, counted, environment, override, snakemake
from safetensors.torch import load_file, save_file
from torch import nn

from symgeom.claims.record import read_claims
from symgeom.store import dataset_to_parameters, open_study

SMALL = "tests/small_study.yaml"

pytestmark = pytest.mark.workflow

NETWORK = """
from torch import nn

def network(width):
    return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))
"""

OPTIMIZER = """
from dataclasses import dataclass
from typing import ClassVar

from symgeom.optimizers.method import Method


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
"""

STUDY = """
study: yours
cases:
  tiny: null
  blobs:
    data: {name: arrays, options: {path: blobs.npz, test_fraction: 0.25}}
    network: {name: "my_network:network", options: {width: 8}}
arms:
  rsgd: null
  adam: null
  wild: null
  signs: {method: "my_optimizer:Signs", learning_rate: 0.01}
  known: {method: checkpoints, path: "weights/{case}"}
curvature: {samples: 100}
valleys: null
perceptron: null
two_layer: null
claims: {roles: {flat: known, reference: sgd, sharp: signs, adaptive: signs}}
granularity: {arms_per_job: 4, arms_per_chain_job: 4}
"""


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
    (clone / "my_network.py").write_text(NETWORK)
    (clone / "my_optimizer.py").write_text(OPTIMIZER)
    (clone / "data").mkdir()
    np.savez(clone / "data/blobs.npz", inputs=blobs()[0], targets=blobs()[1])
    known_weights(clone / "weights/blobs", 8)
    known_weights(clone / "bad/blobs", 9)
    words = override(place, STUDY)
    run = snakemake(clone, *words, "--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    return clone, words


def test_imported_minima_are_the_files_and_are_measured_like_others(yours):
    study = open_study(yours[0] / "results/yours")["blobs"]
    minima = study["minima"].to_dataset()
    assert minima["status"].sel(arm=["known", "sgd", "signs"]).values.tolist() == [
        ["imported"] * 2,
        ["reached"] * 2,
        ["reached"] * 2,
    ]
    assert minima["usable"].all()
    data = study["data"].to_dataset()
    for seed, name in enumerate(("run0.pt", "run1.safetensors")):
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        network.load_state_dict(
            {key: torch.from_numpy(v) for key, v in dataset_to_parameters(minima.sel(arm="known", seed=seed)).items()}
        )
        file = yours[0] / "weights/blobs" / name
        saved = torch.load(file, weights_only=True) if name.endswith(".pt") else load_file(file)
        assert all(torch.equal(saved[key], tensor) for key, tensor in network.state_dict().items())
        for split in ("train", "test"):
            inputs, targets = (torch.from_numpy(data[f"{split}_{part}"].values) for part in ("inputs", "targets"))
            outputs = network.double()(inputs.double())
            found = minima.sel(arm="known", seed=seed)
            assert float(found[f"{split}_loss"]) == pytest.approx(nn.functional.cross_entropy(outputs, targets).item(), rel=1e-12)
            assert float(found[f"{split}_error"]) == pytest.approx((outputs.argmax(1) != targets).double().mean().item())
    for stage, name in (("canonical", "certificate"), ("flatness", "local_energy"), ("curvature", "eigenvalue")):
        assert np.isfinite(study[stage][name].sel(arm="known")).all()
    for stage, name in (("ledgers", "closure"), ("equilibria", "displacement")):
        assert np.isnan(study[stage][name].sel(arm="known")).all()
        assert np.isfinite(study[stage][name].sel(arm="sgd")).any()
    assert study["ledgers"]["equivariant"].sel(arm=["known", "sgd", "signs"]).values.tolist() == [False, True, False]
    assert ("known", "signs") in set(
        zip(study["distances"]["second_arm"].values, study["distances"]["first_arm"].values, strict=True)
    )


def test_claims_and_report_use_them_and_say_so(yours):
    folder = yours[0] / "results/yours"
    claims = {claim.identifier: claim for claim in read_claims(folder / "claims.csv")}
    assert claims["H1a"].n == 2
    assert all("imported, and used whatever their loss: known" in claim.note for claim in claims.values())
    report = (folder / "report.html").read_text()
    assert "3 arms hold 6 networks" in report
    assert "4 reached the stop rule, 2 were imported, trained elsewhere (used whatever their loss), and are compared" in report


def planned(yours, *more):
    """Count the jobs that would run."""
    run = snakemake(yours[0], *yours[1], *more, "--dry-run", "--cores", "1", "--quiet", "host")
    assert run.returncode == 0, run.stdout + run.stderr
    return counted(run.stdout)


def test_what_is_edited_runs_again_and_nothing_else(yours):
    assert planned(yours) == {}
    for name, first in (
        ("my_optimizer.py", {"train_minima": 1}),
        ("weights/blobs/run1.safetensors", {"import_minima": 1}),
        ("my_network.py", {"discover_symmetry": 1, "train_minima": 2, "import_minima": 1}),
    ):
        file = yours[0] / name
        before, content = file.stat(), file.read_bytes()
        file.write_bytes(content + b"\n")
        jobs = planned(yours)
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        learning = ("prepare_data", "discover_symmetry", "train_minima", "import_minima")
        assert {rule: jobs[rule] for rule in learning if rule in jobs} == first, name
        assert jobs["measure_flatness"] == 1


def test_checkpoints_that_do_not_fit_stop_with_one_sentence(yours, tmp_path):
    target = "results/yours/blobs/minima/known.zarr.zip"
    bad = override(tmp_path, STUDY.replace("weights/{case}", "bad/{case}"))
    wrong = snakemake(yours[0], target, *bad, "--cores", "1", "--rerun-triggers", "input")
    found = "Cannot use 'bad/blobs/run0.pt': tensor '0.weight' has shape (9, 6), expected (8, 6)"
    assert f"Error in import_minima (case blobs, arm known): {found}" in wrong.stderr
    few = snakemake(yours[0], *override(tmp_path, STUDY + "seeds: 3\n"), "--cores", "1", "--dry-run")  # and stores exist
    for run in (wrong, few):
        assert run.returncode != 0
        assert "Traceback" not in run.stdout + run.stderr
    assert "its folder 'weights/blobs' holds 2 files" in few.stdout + few.stderr


def test_the_stores_are_whole_until_one_is_not(yours):
    command = [sys.executable, "-m", "symgeom", "verify", "results/yours"]
    where = {"cwd": yours[0], "env": environment(yours[0]), "capture_output": True, "text": True, "check": False}
    whole = subprocess.run(command, **where)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    path = yours[0] / "results/yours/blobs/paths/0.zarr.zip"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"variant", b"VARIANT", 1))
    broken = subprocess.run(command, **where)
    path.write_bytes(content)
    assert broken.returncode == 1
    assert "blobs/paths/0.zarr.zip: entry '" in broken.stdout
