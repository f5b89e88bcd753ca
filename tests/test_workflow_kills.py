"""Whatever is killed, full or damaged, the next run completes the study as if nothing had happened.

What is killed when is random, but the same each time: the environment variable SYMGEOM_KILLS draws
other moments.
"""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from clones import (
    RULES_OF_KILLED,
    copy_repository,
    draw_only,
    edit,
    environment,
    override,
    snakemake,
    started,
    workers,
)

STUDY = """
study: killed
arms: {rsgd: null, wild: null}
claims: {roles: {flat: sgd, reference: sgd, sharp: adam, adaptive: adam}}
training: {checkpoint_every: 1}
granularity: {arms_per_chain_job: 2}
perceptron: null
ellipse: null
two_layer: null
noise_models: null
valleys: null
neighbours: null
"""
FIGURES = ("training", "barriers", "claims")
KILLS = {"worker": 3, "writer": 3, "snakemake": 2, "group": 2, "beginning": 1}
"""How often what is killed: any job; one in the middle of a store; snakemake, whose jobs live on;
all of it; snakemake as it begins."""

pytestmark = pytest.mark.workflow


def small_clone(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Copy the repository, with few figures; return it and the words that ask for the study."""
    clone = copy_repository(folder / "clone", config="tests/small_study.yaml")
    draw_only(clone, *FIGURES)
    return clone, (*override(folder, STUDY), "--cores", "2")


def files(clone: Path) -> dict[str, Path]:
    """Return every file of the study, by name, but those that tell times."""
    folder = clone / "results/killed"
    timed = ("logs/", "benchmarks/", "provenance.json", "report.html")
    named = {}
    for parent, _, names in os.walk(folder):  # folders may vanish on the way
        for path in (Path(parent, name) for name in names):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.startswith(timed):
                named[name] = path
    return dict(sorted(named.items()))


def contents(clone: Path) -> dict[str, str]:
    """Return a digest of each of these files."""
    digests = {}
    for name, path in files(clone).items():
        digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


def verify(clone: Path) -> subprocess.CompletedProcess:
    """Let symgeom look at every store of the study."""
    command = [sys.executable, "-m", "symgeom", "verify", "results/killed"]
    return subprocess.run(
        command, cwd=clone, env=environment(clone), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that nothing disturbed, and the words that ask for it."""
    clone, words = small_clone(tmp_path_factory.mktemp("finished"))
    run = snakemake(clone, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    return clone, words


def writes(process: psutil.Process) -> bool:
    """Return whether a process has a half-written store open."""
    try:
        return any(".zarr.zip.part" in file.path for file in process.open_files())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def strike(
    kind: str, running: subprocess.Popen, ready: Callable[[], bool], chance: random.Random
) -> bool:
    """Kill at a random moment of what is to be killed, once the study is ready for it.

    Returns False if snakemake ends before.
    """
    while running.poll() is None and not ready():
        time.sleep(0.05)
    time.sleep(chance.uniform(0, 1.5))
    while running.poll() is None:
        jobs = workers(running.pid) if kind != "beginning" else []
        victims = [process for process in jobs if writes(process)] if kind == "writer" else jobs
        if kind in ("worker", "writer") and victims:
            chance.choice(victims).kill()
            return True
        if kind == "beginning" or (kind != "writer" and victims):
            kill = os.killpg if kind == "group" else os.kill
            kill(running.pid, signal.SIGKILL)
            running.wait()
            return True
        time.sleep(0.05)  # a store is half-written for longer
    return False


def order_of_kills(chance: random.Random) -> list[str]:
    """Return what is killed in which order: writers while the study is in its first half."""
    others = []
    for kind, count in KILLS.items():
        if kind != "writer":
            others += [kind] * count
    chance.shuffle(others)
    first = others[::2] + ["writer"] * KILLS["writer"]
    chance.shuffle(first)
    return first + others[1::2]


def orphans(clone: Path) -> list[psutil.Process]:
    """Return the processes that work in a copy."""
    processes = psutil.process_iter(["cwd"])
    return [process for process in processes if process.info["cwd"] == str(clone)]


def test_a_study_that_is_killed_at_random_ends_with_the_same_bytes(finished, tmp_path):
    seed = int(os.environ.get("SYMGEOM_KILLS", "0"))
    sys.stdout.write(f"To replay: SYMGEOM_KILLS={seed}\n")
    chance = random.Random(seed)
    said = tmp_path / "said"
    killed: Counter[str] = Counter()
    clone, words = small_clone(tmp_path)
    slowly = r"\1__import__('time').sleep(0.01)\n\1\2"
    edit(clone / "symgeom/ground/sealed.py", r"^(            )(archive\.writestr)", slowly)
    plan = order_of_kills(chance)
    goal = 0.8 * len(files(finished[0]))
    running = started(clone, *words, said=said)
    while plan:
        wanted = goal * (1 - len(plan) / sum(KILLS.values()))
        if strike(plan[0], running, lambda wanted=wanted: len(files(clone)) >= wanted, chance):
            killed[plan.pop(0)] += 1
        if running.poll() == 0 and plan:  # all is done before all is killed
            for name in ("paths/tiny/0.zarr.zip", "claims.csv"):
                (clone / "results/killed" / name).unlink()
        if running.poll() is not None:
            running = started(clone, *words, said=said)
    running.wait()
    run = snakemake(clone, *words, cold=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert psutil.wait_procs(orphans(clone), timeout=300)[1] == []
    assert killed == Counter(KILLS)
    assert contents(clone) == contents(finished[0])
    timed = (clone / "results/killed/benchmarks").iterdir()
    assert {folder.name for folder in timed} == RULES_OF_KILLED
    heard = said.read_text()
    complaints = re.findall(r"^.*(?:Traceback|Cannot|locked).*$", heard, re.MULTILINE)
    assert complaints == []
    removed = heard.count("Removed the lock of a snakemake that was killed in this folder.")
    assert removed >= KILLS["snakemake"]
    assert verify(clone).stdout.endswith("all whole.\n")


def torn(finished: tuple[Path, tuple[str, ...]], folder: Path, *missing: str) -> Path:
    """Copy a finished study, and take files out of it that have to be made again."""
    clone = folder / "clone"
    shutil.copytree(finished[0], clone)
    for name in missing:
        (clone / "results/killed" / name).unlink()
    return clone


def test_of_two_at_once_the_second_is_refused_and_harms_nothing(finished, tmp_path):
    clone = torn(finished, tmp_path, "distances/tiny/0.zarr.zip", "claims.csv")
    said = tmp_path / "said"
    first = started(clone, *finished[1], said=said)
    locks = clone / ".snakemake/locks"
    while not (locks.is_dir() and len(list(locks.iterdir())) == 2):
        assert first.poll() is None, said.read_text()
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGSTOP)  # alive, for as long as the second takes
    try:
        second = snakemake(clone, *finished[1])
        assert second.returncode != 0
        assert "Directory cannot be locked. Please make sure that no other" in second.stderr
        assert "Traceback" not in second.stderr
        assert sorted(path.name for path in locks.iterdir()) == ["0.input.lock", "0.output.lock"]
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(600) == 0, said.read_text()
    assert contents(clone) == contents(finished[0])
    assert not locks.exists()


def damage(path: Path, entry: zipfile.ZipInfo | None = None) -> None:
    """Change a byte of an entry of a store, or cut half of it off; as disks do it, unseen."""
    content = bytearray(path.read_bytes())
    times = path.stat()
    if entry is None:
        content = content[: len(content) // 2]
    else:
        begin = entry.header_offset + 30 + len(entry.filename)
        content[begin + entry.file_size // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_damaged_stores_are_named_and_made_again(finished, tmp_path):
    made_from_them = ("curvature/tiny/0.zarr.zip", "distances/tiny/0.zarr.zip")
    clone = torn(finished, tmp_path, *made_from_them, "claims.csv")
    truncated = clone / "results/killed/canonical/tiny/0.zarr.zip"
    flipped = clone / "results/killed/minima/tiny/sgd.zarr.zip"
    entries = zipfile.ZipFile(flipped).infolist()
    entry = next(entry for entry in entries if entry.filename.startswith("parameter.0.weight/c/"))
    damage(truncated)
    damage(flipped, entry)
    run = snakemake(clone, *finished[1])
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    for path in (truncated, flipped):
        sentence = f"Cannot read '{path.relative_to(clone)}': it is truncated or no zarr store"
        assert f"{sentence} (BadZipFile). Delete it and run snakemake" in run.stderr, run.stderr
    report = verify(clone)
    assert report.returncode == 1
    damaged = f"entry '{entry.filename}' is damaged: its checksum does not fit"
    assert f"minima/tiny/sgd.zarr.zip: {damaged}" in report.stdout
    assert "canonical/tiny/0.zarr.zip: truncated or no zip" in report.stdout
    assert "claims.csv: there is no such file" in report.stdout
    assert "3 of them not whole" in report.stdout
    for path in (truncated, flipped):
        path.unlink()
    run = snakemake(clone, *finished[1])
    assert run.returncode == 0, run.stdout + run.stderr
    assert contents(clone) == contents(finished[0])


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "symgeom", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(
            f"Cannot fill a disk: none can be mounted here ({mounted.stderr.strip()}). "
            "Run as root, outside a sandbox."
        )
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_on_a_full_disk_files_are_named_and_with_room_the_study_goes_on(finished, disk, tmp_path):
    missing = ("curvature/tiny/0.zarr.zip", "figures/tiny/training.svg")
    clone = torn(finished, tmp_path, *missing)
    results = clone / "results"
    shutil.copytree(results, disk / "results")
    shutil.rmtree(results)
    results.symlink_to(disk / "results")
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    before = contents(clone)
    for name in missing:
        run = snakemake(clone, f"results/killed/{name}", *finished[1])
        assert run.returncode != 0
        sentence = f"Cannot write 'results/killed/{Path(name).parent}/.*': No space left on device"
        assert re.search(f"{sentence}. Nothing half-written is left", run.stderr), run.stderr
        assert "Traceback" not in run.stderr
        assert contents(clone).items() <= before.items()
    (disk / "ballast").unlink()
    run = snakemake(clone, *finished[1])
    assert run.returncode == 0, run.stdout + run.stderr
    assert contents(clone) == contents(finished[0])
