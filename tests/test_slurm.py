"""The default study on a real Slurm: the bytes of a local run, and what the cluster ends passes.

Two seeds make the same jobs as six, of fewer networks.

`make test-slurm` sets up the Slurm (tests/slurm_cluster.sh) and runs these tests; without being
asked for, they are left out.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clones import copy_repository, edit, snakemake, started

from symgeom.study.claims.record import read_claims

SMALL = "tests/small_study.yaml"
OFTEN = ("--seconds-between-status-checks", "2")
MODEL = "results/small/solutions/perceptron.zarr.zip"
COMPARED = [
    f"results/digits/{name}.zarr.zip"
    for name in ("ledgers/mlp/sgd", "ledgers/mlp/rsgd", "solutions/perceptron")
]
STALL = """    import os, pathlib, time
    once = pathlib.Path(snakemake.log[0] + ".stalled")
    if snakemake.wildcards.get("arm", "sgd") in ("sgd", "rsgd") and not once.exists():
        once.write_text(str(os.getpid()))
        time.sleep(600)
    launch(main, snakemake)
"""
"""In place of a script's last line: the first attempt leaves its process number and sleeps.

Of two trainings alone.
"""

pytestmark = pytest.mark.slurm


def jobs(rule: str) -> list[dict[str, str]]:
    """Return what Slurm remembers of a rule's jobs, the oldest first."""
    columns = {"number": "%A", "state": "%T", "minutes": "%l", "memory": "%m", "comment": "%k"}
    command = ["squeue", "--noheader", "--states=all", f"--format={'|'.join(columns.values())}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    listed = [dict(zip(columns, map(str.strip, line.split("|")), strict=True)) for line in lines]
    return sorted(
        (job for job in listed if rule in job["comment"]), key=lambda job: int(job["number"])
    )


def states(rule: str) -> list[str]:
    """Return how a rule's jobs ended, the oldest first."""
    return [job["state"] for job in jobs(rule)]


def stalled(running: subprocess.Popen, log: Path) -> int:
    """Wait for a job's first attempt and return its process number."""
    file = Path(f"{log}.stalled")
    deadline = time.monotonic() + 300
    while not (file.exists() and file.read_text()):
        assert running.poll() is None, "snakemake ended before the job began"
        assert time.monotonic() < deadline, f"{file} was not written"
        time.sleep(0.2)
    return int(file.read_text())


def lose_the_node() -> None:
    """Kill the node's daemon and all that runs on it, as when the power fails.

    When Slurm has noticed, start it again.
    """
    names = ("slurmd", "slurmstepd")
    victims = [process for process in psutil.process_iter() if process.name() in names]
    for daemon in list(victims):
        victims += daemon.children(recursive=True)
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + 120
    while "down" not in said_by("sinfo", "--noheader", "--format=%T"):
        assert time.monotonic() < deadline, "Slurm does not notice that its node is lost"
        time.sleep(0.5)
    subprocess.run(["slurmd"], check=True)


def said_by(*command: str) -> str:
    """Run a command that must end well, and return what it says."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def end_trainings(running: subprocess.Popen, logs: Path) -> None:
    """Kill the first attempt of one training, and cancel that of the other."""
    os.kill(stalled(running, logs / "mlp-sgd.log"), signal.SIGKILL)
    stalled(running, logs / "mlp-rsgd.log")
    of_rsgd = [job for job in jobs("train_minima") if job["comment"].endswith("_rsgd_")]
    subprocess.run(["scancel", *(job["number"] for job in of_rsgd)], check=True)


def needs(rules: Path, rule: str, words: str) -> None:
    """Let the jobs of a rule ask for other resources."""
    text = rules.read_text()
    begin = text.index(f" as {rule} with:")
    end = text.index("    params:", begin)
    asked, count = re.subn(r"\*\*needs\(.*?\)", f"**needs({words})", text[begin:end])
    if count == 0:
        asked = f"{asked}    resources:\n        **needs({words}),\n"
    rules.write_text(text[:begin] + asked + text[end:])


def default_study(folder: Path) -> Path:
    """Copy the repository with the default study, of two seeds."""
    clone = copy_repository(folder / "clone")
    edit(clone / "config/config.yaml", "^seeds: 6$", "seeds: 2")
    return clone


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A copy of the repository in which targets of the small study are made without a cluster."""
    return copy_repository(tmp_path_factory.mktemp("small") / "clone", config=SMALL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A copy in which Slurm made the default study, though jobs ended before their time.

    Two trainings by hand, a job for memory and one for time.
    """
    folder = tmp_path_factory.mktemp("cluster")
    clone = default_study(folder)
    needs(clone / "workflow/rules/models.smk", "solve_perceptron", "minutes=1, gpu=0")
    needs(clone / "workflow/rules/dynamics.smk", "measure_equilibria", "memory=250")
    for script in ("train_minima", "solve_perceptron"):
        edit(clone / f"scripts/{script}.py", r"^    launch\(main, snakemake\)\n", STALL)
    said = folder / "said"
    running = started(clone, "--workflow-profile", "workflow/profiles/slurm", *OFTEN, said=said)
    try:
        end_trainings(running, clone / "results/digits/logs/train_minima")
        assert running.wait(1200) == 0, said.read_text()
    finally:
        running.send_signal(signal.SIGINT)  # cancels its jobs, if a check failed before it ended
        running.wait(60)
    return clone


def test_slurm_makes_the_default_study(cluster):
    folder = cluster / "results/digits"
    verified = said_by(sys.executable, "-m", "symgeom", "verify", str(folder))
    assert verified.endswith("all whole.\n")
    assert {claim.case for claim in read_claims(folder / "claims.csv")} == {"mlp", "perceptron"}
    assert (folder / "report.html").is_file()


def test_arrays_have_the_bytes_of_a_local_run(cluster, tmp_path):
    local = default_study(tmp_path)
    made = snakemake(local, *COMPARED, "--cores", "2", cold=True)
    assert made.returncode == 0, made.stdout + made.stderr
    stores = sorted((local / "results").rglob("*.zarr.zip"))
    names = [str(path.relative_to(local)) for path in stores]
    assert {*COMPARED} < set(names)
    for name in names:
        assert (local / name).read_bytes() == (cluster / name).read_bytes(), name


def test_a_job_over_its_memory_is_retried_with_more(cluster):
    ended = jobs("measure_equilibria")
    assert ended[0]["memory"] == "250M"
    log = cluster / f".snakemake/slurm_logs/rule_measure_equilibria/mlp_0/{ended[0]['number']}.log"
    assert re.search("memory limit|out.of.memory", log.read_text(), re.IGNORECASE)
    assert [job["memory"] for job in ended] == ["250M", "500M", "1000M"][: len(ended)]
    assert ended[-1]["state"] == "COMPLETED"


def test_a_job_over_its_time_is_retried_with_more(cluster):
    assert [(job["state"], job["minutes"]) for job in jobs("solve_perceptron")] == [
        ("TIMEOUT", "1:00"),
        ("COMPLETED", "2:00"),
    ]


def test_a_killed_and_a_cancelled_job_are_retried(cluster):
    for arm, first in (("sgd", "FAILED"), ("rsgd", "CANCELLED")):
        of_arm = [job for job in jobs("train_minima") if job["comment"].endswith(f"_{arm}_")]
        assert [job["state"] for job in of_arm] == [first, "COMPLETED"]


def test_what_takes_seconds_runs_beside_snakemake(cluster):
    assert states("prepare_data") == []
    assert states("measure_distances") == ["COMPLETED"]


def test_a_job_on_a_node_that_is_lost_runs_again(small, tmp_path):
    clone = copy_repository(tmp_path / "clone", config=SMALL)
    assert snakemake(small, MODEL, "--cores", "1", cold=True).returncode == 0
    edit(clone / "scripts/solve_perceptron.py", r"^    launch\(main, snakemake\)\n", STALL)
    said = tmp_path / "said"
    profile = ("--workflow-profile", "workflow/profiles/slurm")
    running = started(clone, MODEL, *profile, *OFTEN, said=said)
    try:
        stalled(running, clone / "results/small/logs/solve_perceptron.log")
        lose_the_node()
        assert running.wait(300) == 0, said.read_text()
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)
    assert (clone / MODEL).read_bytes() == (small / MODEL).read_bytes()
    number = jobs("solve_perceptron")[-1]["number"]
    assert "Restarts=1 " in said_by("scontrol", "show", "job", number)


def test_the_generic_profile_retries_and_makes_the_same_bytes(small, tmp_path):
    clone = copy_repository(tmp_path / "clone", config=SMALL)
    target = "results/small/symmetry/tiny.json"
    assert snakemake(small, target, "--cores", "1", cold=True).returncode == 0
    needs(clone / "workflow/rules/learning.smk", "discover_symmetry", "memory=300, minutes=10")
    profile = ("--workflow-profile", "workflow/profiles/cluster-generic")
    run = snakemake(clone, target, *profile, *OFTEN, cold=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (clone / target).read_bytes() == (small / target).read_bytes()
    assert len(list((clone / ".snakemake/cluster_logs").glob("discover_symmetry-*.log"))) > 1


def test_a_gpu_is_asked_for_and_what_slurm_refuses_is_said(cluster, tmp_path):
    clone = shutil.copytree(cluster, tmp_path / "clone", symlinks=True)
    target = "results/digits/symmetry/mlp.json"
    profile = ("--workflow-profile", "workflow/profiles/slurm")
    words = ("--config", "device=cuda", "--retries", "0")
    run = snakemake(clone, target, *profile, *words, cold=True)
    assert run.returncode != 0
    assert "SLURM sbatch failed" in run.stderr
    assert re.search("sbatch --parsable .* --gpus=1 ", run.stderr)  # the node has none
