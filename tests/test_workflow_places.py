"""Wherever a study lies and from wherever it is run, it ends with the same bytes.

One study lies behind a link, with spaces and letters of other alphabets in its path; the other is
run from a folder of its own, stopped by Ctrl-C, and continued.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clones import (
    SNAKEMAKE,
    copy_repository,
    draw_only,
    environment,
    override,
    planned,
    snakemake,
    workers,
)

from symgeom.__main__ import main
from symgeom.store import open_study

STUDY = """
study: placed
arms: {rsgd: null}
claims: {roles: {flat: sgd, reference: sgd, sharp: adam}}
"""
NAMES = ("claims.csv", "figures/tiny/claims.svg")
TARGETS = tuple(f"results/placed/{name}" for name in NAMES)
PLACE = "Ein Ort für Läufe – 研究"

pytestmark = pytest.mark.workflow


def contents(results: Path) -> dict[str, str]:
    """Return a digest of every file of the study but those that tell times."""
    digests = {}
    for path in sorted((results / "placed").rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.is_file() and "/logs/" not in name and "/benchmarks/" not in name:
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """A finished study behind a link, in folders with spaces and other letters."""
    folder = tmp_path_factory.mktemp("places") / PLACE
    clone = copy_repository(folder / "clone", config="tests/small_pairs.yaml")
    draw_only(clone, "claims")
    elsewhere = folder / "another disk"
    elsewhere.mkdir()
    (clone / "results").rename(folder / "committed")
    (clone / "results").symlink_to(elsewhere)
    words = (*TARGETS, *override(folder, STUDY), "--cores", "2")
    run = snakemake(clone, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    return clone, words


def test_a_study_behind_a_link_with_other_letters_in_its_path_is_whole(placed, capsys):
    clone, words = placed
    elsewhere = clone.parent / "another disk"
    assert (elsewhere / TARGETS[0].removeprefix("results/")).is_file()
    assert planned(clone, *words) == {}
    assert main(["verify", str(clone / "results/placed")]) == 0
    assert capsys.readouterr().out.endswith("all whole.\n")
    tree = open_study(clone / "results/placed")
    assert tree["tiny/minima"]["arm"].values.tolist() == ["adam", "sgd"]


def running_job(snake: subprocess.Popen, rule: str) -> None:
    """Wait until a job of a rule runs our code."""
    deadline = time.monotonic() + 300
    while not workers(snake.pid, rule):
        assert snake.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_study_that_is_stopped_in_another_folder_goes_on_to_the_same_bytes(placed, tmp_path):
    clone, (*_, file, _, cores) = placed
    shutil.copytree(clone / "config", tmp_path / "config")
    words = [*TARGETS, "--configfile", file, "--cores", cores]
    words += ["--snakefile", str(clone / "workflow/Snakefile"), "--directory", str(tmp_path)]
    said = tmp_path / "said"
    command = [sys.executable, str(SNAKEMAKE), *words]
    with said.open("w") as stream:
        running = subprocess.Popen(
            command,
            cwd=clone.parent,
            env=environment(clone),
            start_new_session=True,
            stdout=stream,
            stderr=stream,
        )
    running_job(running, "train_minima")
    log = tmp_path / "results/placed/logs/train_minima"
    while running.poll() is None and not list(log.glob("*")):
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(60) != 0
    heard = said.read_text()
    assert "Stopped. What is done is kept: the same command goes on." in heard
    assert "Traceback" not in heard, heard
    assert "KeyboardInterrupt" not in heard
    assert list((tmp_path / "results").rglob("*.part*")) == []
    run = snakemake(clone.parent, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    assert contents(tmp_path / "results") == contents(clone / "results")


@pytest.fixture
def read_only(placed, tmp_path):
    """The finished study, on a file system that nobody can write to."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "symgeom", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"No file system can be mounted here ({mounted.stderr.strip()}).")
    shutil.copytree(placed[0], tmp_path / "clone", symlinks=True)
    (tmp_path / "clone/results").unlink()
    shutil.copytree(placed[0] / "results/placed", disk / "placed")
    shutil.rmtree(disk / "placed/figures")
    (tmp_path / "clone/results").symlink_to(disk)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield tmp_path / "clone"
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_read_only_results_are_read_and_what_would_write_says_so(read_only, placed):
    (table, figure), options = placed[1][:2], placed[1][2:]
    before = contents(read_only / "results")
    assert open_study(read_only / "results/placed")["tiny/minima"].sizes["arm"] == 2
    run = snakemake(read_only, table, *options)
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
    run = snakemake(read_only, figure, *options)
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "Cannot write into 'results/placed', where the results of the study lie: it is" in said
    assert "Traceback" not in said
    assert contents(read_only / "results") == before
