"""What goes wrong is said, and stops nothing else: a configuration, a kill, data, memory."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clones import (
    SNAKEMAKE,
    copy_repository,
    draw_only,
    environment,
    override,
    snakemake,
    workers,
)
from PIL import Image

from symgeom.store import open_study
from symgeom.study.claims.record import read_claims

SMALL = "tests/small_study.yaml"

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the repository without results."""
    clone = copy_repository(tmp_path_factory.mktemp("faults") / "clone", config=SMALL)
    draw_only(clone, "training", "maps", "claims")
    return clone


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(clone, tmp_path):
    training = "{epochs: 80, stop_error: 0.0, stop_loss: 1.0e-9, checkpoint_every: 1}"
    long = f"{{study: killed, training: {training}}}"
    folder = clone / "results/killed"
    made = [folder / stage / "tiny/sgd.zarr.zip" for stage in ("minima", "ledgers")]
    checkpoint = folder / "checkpoints/tiny/sgd.checkpoint"
    words = ("results/killed/minima/tiny/sgd.zarr.zip", *override(tmp_path, long))
    command = [sys.executable, str(SNAKEMAKE), *words, "--cores", "1"]
    with subprocess.Popen(
        command,
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        deadline = time.monotonic() + 300
        written = set()
        while len(written) < 5:  # the first is written before the first epoch
            assert running.poll() is None
            assert time.monotonic() < deadline
            written |= {checkpoint.stat().st_mtime_ns} if checkpoint.exists() else set()
            time.sleep(0.005)
        workers(running.pid, "train_minima")[0].kill()
        assert running.wait() != 0
    assert checkpoint.is_file()
    assert not any(path.exists() for path in made)
    run = snakemake(clone, *words, "--cores", "1")
    assert run.returncode == 0, run.stderr
    log = (clone / "results/killed/logs/train_minima/tiny-sgd.log").read_text()
    assert "Went on from epoch" in log
    assert not checkpoint.exists()
    resumed = [path.read_bytes() for path in made]
    assert snakemake(clone, *words, "--cores", "1", "--forcerun", "train_minima").returncode == 0
    assert "Went on" not in (clone / "results/killed/logs/train_minima/tiny-sgd.log").read_text()
    assert [path.read_bytes() for path in made] == resumed


@pytest.mark.parametrize(
    ("words", "text", "sentence"),
    [
        ((), "training: {epoch: 3}", "unknown key 'training.epoch'. Did you mean 'epochs'?"),
        ((), "seeds: 0", "key 'seeds' cannot be used: it is 0, expected a number of seeds"),
        ((), "study: ../elsewhere", "key 'study' cannot be used"),
        ((), "claims: {level: .nan}", "key 'claims.level' is nan. Give a finite number."),
        ((), "arms: {mine: {method: sgd}, mine: {}}", "key 'arms.mine' stands twice"),
        (("--config", "seeds=100000"), "", "--config: key 'seeds' asks for 100,000 minima"),
    ],
)
def test_a_wrong_configuration_stops_with_one_sentence(clone, tmp_path, words, text, sentence):
    named = override(tmp_path, text) if text else ()
    run = snakemake(clone, *named, *words, "--dry-run", "--cores", "1")
    said = run.stdout + run.stderr
    assert run.returncode != 0
    assert f"{tmp_path}/override.yaml: " in said or not text
    assert sentence in said
    assert "Traceback" not in said


def pictures(place: Path, classes: int) -> Path:
    """Write three small pictures of each class."""
    grey = np.random.default_rng(0)
    for label in range(classes):
        for number in range(3):
            path = place / f"class{label}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(grey.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    return place


def test_pictures_that_cannot_be_used_stop_their_case_alone(clone, tmp_path):
    single = pictures(tmp_path / "single", 1)
    broken = pictures(tmp_path / "broken", 2)
    usable = pictures(tmp_path / "usable", 2)
    (broken / "class1/1.png").write_bytes(b"no picture")
    (usable / "notes.txt").write_text("no picture")
    network = "{name: mlp, options: {widths: [4]}}"
    cases = ""
    for path in (single, broken, usable):
        data = f"{{name: image_folder, options: {{path: {path}, test_fraction: 0.34}}}}"
        cases += f"  {path.name}: {{data: {data}, network: {network}}}\n"
    drawn = "{name: teacher, options: {samples: 10000000, features: 100000}}"
    cases += f"  huge: {{data: {drawn}, network: {network}}}\n"
    names = ("single", "broken", "usable", "huge")
    targets = [f"results/pictures/symmetry/{case}.json" for case in names]
    words = override(tmp_path, f"study: pictures\ncases:\n{cases}")
    run = snakemake(clone, *targets, *words, "--cores", "2")
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    assert "Error in prepare_data (case single): Cannot classify the pictures of" in run.stderr
    assert "has 1 class folders ['class0']. Give at least two" in run.stderr
    unread = "Cannot read the picture 'class1/1.png' of class 'class1'"
    assert f"Error in prepare_data (case broken): {unread}" in run.stderr
    assert [(clone / target).is_file() for target in targets] == [False, False, True, False]
    assert "Error in prepare_data (case huge): Cannot hold " in run.stderr
    assert "that takes 8001 GB of memory, and this machine has" in run.stderr


LOST = """
study: lost
seeds: 1
arms: {rsgd: null, adam: null, sgd: {learning_rate: 3.0e+3, momentum: 0.9}}
claims: {roles: {flat: sgd, reference: sgd, sharp: wild, adaptive: wild}}
perceptron: null
ellipse: null
two_layer: null
noise_models: null
training: {go_on_without_usable: GO_ON}
neighbours: {beside: [], kinds: [orbit, perturbation]}
"""
"""One seed of two arms: weights of one become huge, those of the other infinite."""


def test_a_study_that_loses_all_its_networks_goes_on_to_a_report_if_asked_to(clone, tmp_path):
    words = override(tmp_path, LOST.replace("GO_ON", "false"))
    run = snakemake(clone, *words, "--cores", "2")
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    counted = "Case tiny: 0 of 2 networks reached the stop rule.\n  sgd: 0 of 1; 1 diverged: lower "
    assert counted + "arms.sgd.learning_rate\n  wild: 0 of 1; 1 diverged: lower arms" in run.stderr
    assert "Error in check_training (case tiny, part 0): Cannot compare the minima" in run.stderr
    assert "training.go_on_without_usable: true" in run.stderr
    folder = clone / "results/lost"
    # Of several parts none knows the others: the case stops when all of them have spoken.
    words = override(tmp_path, LOST.replace("GO_ON", "false") + "granularity: {arms_per_job: 1}")
    run = snakemake(clone, "results/lost/claims.csv", *words, "--cores", "2")
    assert run.returncode != 0
    assert "Case tiny: 0 of 1 networks reached the stop rule.\n  sgd: 0 of 1" in run.stderr
    assert "Error in check_case (case tiny): Cannot compare the minima of case 'tiny'" in run.stderr
    for stage in ("canonical", "flatness", "curvature", "equilibria", "valleys", "paths"):
        assert not (folder / stage).exists()
    words = override(tmp_path, LOST.replace("GO_ON", "true"))
    run = snakemake(clone, *words, "--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    assert counted in run.stderr
    assert "train_minima" not in run.stdout + run.stderr
    tree = open_study(folder)["tiny"]
    assert tree["minima"]["status"].values.tolist() == [["diverged"], ["diverged"]]
    assert np.isfinite(tree["minima"]["parameter.0.weight"].sel(arm="sgd")).all()
    for stage, name in (("flatness", "local_energy"), ("valleys", "rate"), ("paths", "error")):
        assert tree[stage][name].isnull().all()
    claims = read_claims(folder / "claims.csv")
    assert {claim.verdict for claim in claims} == {"undecided"}
    assert all("too few data" in claim.note for claim in claims)
    assert any("sgd/0 (diverged), wild/0 (diverged)" in claim.note for claim in claims)
    page = (folder / "report.html").read_text()
    assert "sgd seed 0 (diverged), wild seed 0 (diverged)" in page
