"""Own data, network, optimizer and checkpoints, as `config/README.md` shows them, run in small."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from clones import (
    ROOT,
    alone,
    copy_repository,
    counted,
    draw_only,
    environment,
    first_jobs,
    override,
    snakemake,
)
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from torch import nn

from symgeom.store import dataset_to_parameters, open_study, read_store
from symgeom.study.claims.record import read_claims

MINE, KNOWN = (("--configfile", f"config/{name}.yaml") for name in ("mine", "known"))
OWN = (
    "study",
    "data_root",
    "cases",
    "arms",
    "seeds",
    "valleys",
    "neighbours",
    "perceptron",
    "ellipse",
    "two_layer",
    "noise_models",
    "claims",
    "granularity",
)
"""What the default study keeps when it is made small."""

pytestmark = pytest.mark.workflow


def pasted(clone: Path) -> list[str]:
    """Write the files that the guide shows below their names.

    Returns the commands between them, in order.
    """
    text = (ROOT / "config/README.md").read_text()
    section = text[text.index("## Your own data") : text.index("## All keys")]
    commands = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE):
        if language == "sh":
            commands += block.splitlines()
        else:
            (clone / re.match(r"# (\S+)\n", block).group(1)).write_text(block)
    return commands


def run(clone: Path, command: str) -> subprocess.CompletedProcess:
    """Run a command of the guide in a copy, in the activated environment; snakemake is warm."""
    program, *words = command.split()
    if program == "snakemake":
        return snakemake(clone, *words)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    around = {"cwd": clone, "env": environment(clone) | {"PATH": path}}
    return subprocess.run([program, *words], **around, capture_output=True, text=True, check=False)


def done(clone: Path, command: str) -> str:
    """Run a command that must end well, and return what it said."""
    ended = run(clone, command)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def yours(tmp_path_factory):
    """A copy of the repository in which the guide was followed on a default study made small.

    And the plans on the default study as it is.
    """
    clone = copy_repository(tmp_path_factory.mktemp("yours") / "clone")
    plans = []
    default = yaml.safe_load((clone / "config/config.yaml").read_text())
    small = yaml.safe_load((clone / "tests/small_study.yaml").read_text())
    smaller = {section: small[section] for section in small if section not in OWN}
    text = yaml.safe_dump(default | smaller, sort_keys=False)
    make_data, study, make_checkpoints, known = pasted(clone)
    for make, command in ((make_data, study), (make_checkpoints, known)):
        done(clone, make)
        plans.append(counted(done(clone, f"{command} --dry-run --quiet host")))
    (clone / "config/config.yaml").write_text(text)
    # What differs for such minima.
    draw_only(clone, "training", "measures", "maps", "charges", "equilibria")
    for command in (study, known):
        done(clone, command)
    return clone, plans


def test_on_the_default_study_one_trains_and_the_other_does_not(yours):
    for plan, learnt in zip(yours[1], ({"train_minima": 4}, {"import_minima": 2}), strict=True):
        learning = [rule for rule in ("train_minima", "import_minima") if rule in plan]
        assert {rule: plan[rule] for rule in learning} == learnt


def test_data_come_from_pictures_a_zarr_and_an_npz(yours):
    digits, (mine, known) = (
        load_digits(),
        (open_study(yours[0] / f"results/{study}") for study in ("mine", "known")),
    )
    data = {"pictures": mine["pictures/data"], "zarr": mine["zarr/data"], "npz": known["npz/data"]}
    levels = (15 * digits.images).astype(np.uint8)
    shapes = {"pictures": (1, 8, 8), "zarr": (64,), "npz": (1, 8, 8)}
    assert {form: each["train_inputs"].shape[1:] for form, each in data.items()} == shapes
    np.testing.assert_array_equal(data["npz"]["test_targets"], digits.target[1400:])
    assert data["pictures"]["class"].values.tolist() == [f"class{label}" for label in range(10)]
    for each in data.values():
        inputs, targets = (
            np.concatenate([each[f"{part}_{what}"].values for part in ("train", "test")])
            for what in ("inputs", "targets")
        )
        found = np.column_stack([np.rint(255 * inputs.reshape(-1, 64)), targets])
        expected = np.column_stack([levels.reshape(-1, 64), digits.target])
        assert sorted(map(tuple, found)) == sorted(map(tuple, expected))


def test_networks_take_their_options_and_optimizers_train_them(yours):
    study = open_study(yours[0] / "results/mine")
    layers = {
        case: [tensor.shape[2:] for name, tensor in minima(study, case) if "weight" in name]
        for case in study.children
    }
    assert layers == {"pictures": [(16, 64), (16, 16), (10, 16)], "zarr": [(20, 64), (10, 20)]}
    for case in study.children:
        assert study[case]["minima"]["status"].values.tolist() == [["reached"] * 3] * 2
        ledgers = study[case]["ledgers"]
        assert ledgers["equivariant"].sel(arm=["lion", "sgd"]).values.tolist() == [False, True]
        assert (ledgers["first_order"].sel(arm="lion") > 1e-3).all()
        assert (ledgers["first_order"].sel(arm="sgd") == 0).all()
    assert read_store(yours[0] / "results/mine/minima/zarr/lion.zarr.zip").attrs["method"] == "lion"


def minima(study, case):
    """List the stacked tensors of a case's minima by name."""
    return dataset_to_parameters(study[case]["minima"].to_dataset()).items()


def test_both_studies_end_with_claims_and_a_report(yours):
    for name, cases, lead in (
        ("mine", {"pictures", "zarr"}, "2 optimizers trained 12 networks on 2 cases"),
        (
            "known",
            {"npz"},
            "6 were imported, trained elsewhere (used whatever their loss), and are compared here",
        ),
    ):
        claims = read_claims(yours[0] / f"results/{name}/claims.csv")
        assert {claim.case for claim in claims} == cases
        identifiers = {claim.identifier for claim in claims}
        assert {"H1b", "H2a", "H3a", "H4", "C1", "C2"} <= identifiers
        assert "H1a" not in identifiers  # one arm plays both of its roles
        assert lead in re.sub(r"\s+", " ", (yours[0] / f"results/{name}/report.html").read_text())


def saved(clone: Path, arm: str, seed: int) -> dict[str, torch.Tensor]:
    """Read a checkpoint as whoever made it would."""
    folder = clone / "checkpoints/npz" / arm
    return (
        load_file(folder / f"{seed}.safetensors")
        if arm == "adam"
        else torch.load(folder / f"{seed}.pt", weights_only=True)
    )


def model(tensors: dict) -> nn.Module:
    """Return the network of the guide's example with these weights."""
    layers = nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10)
    network = nn.Sequential(nn.Flatten(), *layers)
    network.load_state_dict(tensors)
    return network.double()


@pytest.mark.parametrize("arm", ["adam", "heavy_ball"])
def test_imported_minima_are_the_files_and_everything_is_measured_of_them(yours, arm):
    study = open_study(yours[0] / "results/known")["npz"]
    data, imported = (study[stage].to_dataset() for stage in ("data", "minima"))
    assert (imported["status"] == "imported").all()
    for seed in range(3):
        tensors, found = saved(yours[0], arm, seed), imported.sel(arm=arm, seed=seed)
        kept = dataset_to_parameters(found)
        assert all(np.array_equal(kept[name], tensor.numpy()) for name, tensor in tensors.items())
        network = model(tensors)
        for split in ("train", "test"):
            inputs, targets = (
                torch.from_numpy(data[f"{split}_{part}"].values) for part in ("inputs", "targets")
            )
            outputs = network(inputs.double())
            assert float(found[f"{split}_loss"]) == pytest.approx(
                nn.functional.cross_entropy(outputs, targets).item(), rel=1e-9
            )
            assert float(found[f"{split}_error"]) == pytest.approx(
                (outputs.argmax(1) != targets).double().mean().item()
            )
        for group, first, second in (("hidden1", 1, 3), ("hidden2", 3, 5)):
            weight, bias, after = (
                tensors[name].double()
                for name in (f"{first}.weight", f"{first}.bias", f"{second}.weight")
            )
            charge = weight.square().sum(1) + bias.square() - after.square().sum(0)
            stored = study["ledgers"][f"charge_{group}"].sel(arm=arm, seed=seed, step=0)
            np.testing.assert_allclose(stored, charge, rtol=1e-12)
    for stage, name in (
        ("canonical", "certificate"),
        ("flatness", "local_energy"),
        ("curvature", "eigenvalue"),
    ):
        assert np.isfinite(study[stage][name].sel(arm=arm)).all()
    assert np.isfinite(
        study["paths"]["barrier"].sel(variant="geodesic both")
    ).all()  # of pairs across arms no other is measured
    for stage, name in (("distances", "distance"), ("chains", "error"), ("maps", "error")):
        assert np.isfinite(study[stage][name]).all(), stage
    assert {stage: study[stage].sizes["pair"] for stage in ("distances", "paths", "chains")} == {
        "distances": 15,
        "paths": 15,
        "chains": 6,
    }
    for stage, name in (
        ("ledgers", "closure"),
        ("ledgers", "first_order"),
        ("equilibria", "displacement"),
    ):
        assert np.isnan(study[stage][name]).all()
    assert not study["ledgers"]["equivariant"].any()
    assert all(
        "imported, and used whatever their loss: adam, heavy_ball" in claim.note
        for claim in claims_of(yours[0], "known")
    )


def claims_of(clone: Path, study: str) -> list:
    return read_claims(clone / f"results/{study}/claims.csv")


def test_an_imported_arm_stands_beside_one_that_is_trained(yours, tmp_path):
    text = """
study: beside
arms:
  sgd: {method: sgd, learning_rate: 0.1, momentum: 0.9}
  lion: {method: "mine:Lion", learning_rate: 2.0e-3}
  known: {path: "checkpoints/{case}/adam"}
claims: {roles: {flat: known, reference: sgd, sharp: lion, adaptive: lion}}
"""
    beside = override(tmp_path, text)
    ended = snakemake(yours[0], "results/beside/claims.csv", "--cores", "2", *KNOWN, beside[1])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ledgers = open_study(yours[0] / "results/beside")["npz/ledgers"]
    assert ledgers["equivariant"].sel(arm=["known", "lion", "sgd"]).values.tolist() == [
        False,
        False,
        True,
    ]
    assert np.isfinite(ledgers["charge_hidden1"].sel(step=0)).all()
    assert np.isfinite(ledgers["closure"]).any("seed").values.tolist() == [False, True, True]
    claims = {claim.identifier: claim for claim in claims_of(yours[0], "beside")}
    assert claims["H1a"].n == 3
    assert all(
        "imported, and used whatever their loss: known" in claim.note for claim in claims.values()
    )


def planned(clone: Path, *words: str) -> dict[str, int]:
    """Count the jobs that would run."""
    plan = snakemake(clone, *words, "--dry-run", "--cores", "1", "--quiet", "host")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    return counted(plan.stdout)


def test_what_is_edited_runs_again_and_nothing_else(yours):
    assert [planned(yours[0], *MINE), planned(yours[0], *KNOWN)] == [{}, {}]
    for words, name, first in (
        (MINE, "mine.py", {"discover_symmetry": 2, "train_minima": 4}),
        (KNOWN, "mine.py", {"discover_symmetry": 1, "import_minima": 2}),
        (KNOWN, "checkpoints/npz/adam/1.safetensors", {"import_minima": 1}),
    ):
        file = yours[0] / name
        before, content = file.stat(), file.read_bytes()
        file.write_bytes(content + b"\n")
        jobs = planned(yours[0], *words)
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        learning = ("prepare_data", "discover_symmetry", "train_minima", "import_minima")
        assert {rule: jobs[rule] for rule in learning if rule in jobs} == first, name
        assert "measure_flatness" in jobs


def test_an_import_alone_gives_the_same_bytes(yours, tmp_path):
    job = first_jobs(yours[0], *KNOWN)["import_minima"]
    clone = alone(yours[0], tmp_path / "clone", job)
    words = (*job.outputs, "--cores", "1", *KNOWN, "--allowed-rules", "import_minima")
    again = snakemake(clone, *words)
    assert again.returncode == 0, again.stderr
    assert "checkpoints/npz/adam/0.safetensors" in job.inputs
    for name in job.outputs:
        assert (clone / name).read_bytes() == (yours[0] / name).read_bytes()


def test_checkpoints_that_do_not_fit_stop_with_one_sentence(yours, tmp_path):
    for seed in range(3):
        tensors = saved(yours[0], "adam", seed)
        (tmp_path / "bad/wide").mkdir(parents=True, exist_ok=True)
        save_file(
            tensors | {"1.weight": torch.zeros(9, 64)}, tmp_path / f"bad/wide/{seed}.safetensors"
        )
    bad = f"study: bad\narms: {{known: {{path: {tmp_path}/bad/*}}}}\n"
    roles = "claims: {roles: {flat: wide, reference: wide, sharp: wide, adaptive: wide}}\n"

    def asked(text: str, *words: str) -> subprocess.CompletedProcess:
        change = override(tmp_path, text)[1]
        return snakemake(yours[0], *words, "--cores", "1", *KNOWN, change)

    none = asked(bad, "--dry-run")
    wrong = asked(bad + roles, "results/bad/minima/npz/wide.zarr.zip")
    few = asked("seeds: 4", "--dry-run")  # and stores exist
    unfit = "tensor '1.weight' has shape (9, 64), expected (16, 64)"
    sentence = f"Cannot use '{tmp_path}/bad/wide/0.safetensors': {unfit}"
    assert f"Error in import_minima (case npz, arm wide): {sentence}" in wrong.stderr
    assert (
        "key 'claims.roles.flat' names the arm 'heavy_ball', which is not among the arms: wide"
        in none.stdout + none.stderr
    )
    assert "its folder 'checkpoints/npz/adam' holds 3 files" in few.stdout + few.stderr
    for failed in (none, wrong, few):
        assert failed.returncode != 0
        assert "Traceback" not in failed.stdout + failed.stderr


def test_the_stores_are_whole_until_one_is_not(yours):
    command = "python -m symgeom verify results/known"
    whole = run(yours[0], command)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    path = yours[0] / "results/known/paths/npz/0.zarr.zip"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"variant", b"VARIANT", 1))
    broken = run(yours[0], command)
    path.write_bytes(content)
    assert broken.returncode == 1
    assert "paths/npz/0.zarr.zip: entry '" in broken.stdout
