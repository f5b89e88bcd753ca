"""Whatever is killed, full or damaged, the next run completes, with the arrays, tables and figures of an undisturbed one.

What is killed when is random, but the same each time: the environment variable SYMGEOM_KILLS draws
other moments.
"""

import hashlib
import os
import random
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
two_layer: null
valleys: null
"""
FIGURES = "training", "barriers", "claims"
KILLS = {"worker": 6, "writer": 5, "snakemake": 4, "group": 4, "beginning": 2}
"""How often what is killed: any job; one in the middle of a store; snakemake, whose jobs live on; all of it; as it begins."""

pytestmark = pytest.mark.workflow


def small_clone(place: Path) -> tuple[Path, tuple[str, ...]]:
    """Copy the repository, with few figures; return the copy and what a small study in it is asked for with."""
    clone = copy_repository(place / "clone", config="tests/small_study.yaml")
    draw_only(clone, *FIGURES)
    return clone, (*override(place, STUDY), "--cores", "2")


def files(clone: Path) -> dict[str, Path]:
    """Return every file of the study, by name, but those that tell times."""
    folder = clone / "results/killed"
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    timed = ("logs/", "benchmarks/", "provenance.json", "report.html")
    return {name: path for name, path in found.items() if not name.startswith(timed)}


def contents(clone: Path) -> dict[str, str]:
    """Return a digest of each of these files."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files(clone).items()
    }


def verify(clone: Path) -> subprocess.CompletedProcess:
    """Let symgeom look at every store of the study."""
    command = [sys.executable, "-m", "symgeom", "verify", "results/killed"]
    return subprocess.run(
        command, cwd=clone, env=environment(clone), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that nothing disturbed, and what it is asked for with."""
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
    """Wait until the study is ready and for a random moment of what is to be killed; return False if snakemake ends before."""
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
            (os.killpg if kind == "group" else os.kill)(running.pid, signal.SIGKILL)
            running.wait()
            return True
        time.sleep(0.01)
    return False


def drawn(chance: random.Random) -> list[str]:
    """Return what is killed in which order: writers in the first half of the study, where stores are written."""
    others = [kind for kind, count in KILLS.items() for _ in range(count) if kind != "writer"]
    chance.shuffle(others)
    first = others[::2] + ["writer"] * KILLS["writer"]
    chance.shuffle(first)
    return first + others[1::2]


def orphans(clone: Path) -> list[psutil.Process]:
    """Return the processes that work in a copy."""
    return [
        process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(clone)
    ]


def test_a_study_that_is_killed_at_random_ends_with_the_same_bytes(finished, tmp_path):
    seed = int(os.environ.get("SYMGEOM_KILLS", "0"))
    sys.stdout.write(f"To replay: SYMGEOM_KILLS={seed}\n")
    chance, said, killed = random.Random(seed), tmp_path / "said", Counter()
    clone, words = small_clone(tmp_path)
    edit(
        clone / "symgeom/ground/sealed.py",
        r"^(            )(archive\.writestr)",
        r"\1__import__('time').sleep(0.01)\n\1\2",
    )
    plan, goal = drawn(chance), 0.8 * len(files(finished[0]))
    running = started(clone, *words, said=said)
    while plan:
        share = 1 - len(plan) / sum(KILLS.values())
        if strike(plan[0], running, lambda share=share: len(files(clone)) >= share * goal, chance):
            killed[plan.pop(0)] += 1
        if running.poll() == 0 and plan:  # all is done before all is killed
            for name in ("paths/tiny/0.zarr.zip", "claims.csv"):
                (clone / "results/killed" / name).unlink()
        if running.poll() is not None:
            running = started(clone, *words, said=said)
    running.wait()
    run = snakemake(clone, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    assert psutil.wait_procs(orphans(clone), timeout=300)[1] == []
    assert killed == Counter(KILLS)
    assert contents(clone) == contents(finished[0])
    heard = said.read_text()
    assert [word for word in ("Traceback", "Cannot", "locked") if word in heard] == []
    assert (
        heard.count("Removed the lock of a snakemake that was killed in this folder.")
        >= KILLS["snakemake"]
    )
    assert verify(clone).stdout.endswith("all whole.\n")


def torn(finished: tuple[Path, tuple[str, ...]], place: Path, *missing: str) -> Path:
    """Copy a finished study, and take files out of it that have to be made again."""
    clone = place / "clone"
    shutil.copytree(finished[0], clone)
    for name in missing:
        (clone / "results/killed" / name).unlink()
    return clone


def test_of_two_at_once_the_second_is_refused_and_harms_nothing(finished, tmp_path):
    clone, said = (
        torn(finished, tmp_path, "distances/tiny/0.zarr.zip", "claims.csv"),
        tmp_path / "said",
    )
    first, locks = started(clone, *finished[1], said=said), clone / ".snakemake/locks"
    while not (locks.is_dir() and len(list(locks.iterdir())) == 2):
        assert first.poll() is None, said.read_text()
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGSTOP)  # alive, for as long as the second takes
    try:
        second = snakemake(clone, *finished[1])
        assert second.returncode != 0
        assert (
            "Directory cannot be locked. Please make sure that no other Snakemake process"
            in second.stderr
        )
        assert "Traceback" not in second.stderr
        assert sorted(path.name for path in locks.iterdir()) == ["0.input.lock", "0.output.lock"]
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(600) == 0, said.read_text()
    assert contents(clone) == contents(finished[0])
    assert not locks.exists()


def test_damaged_stores_are_named_and_made_again(finished, tmp_path):
    clone = torn(
        finished, tmp_path, "figures/tiny/barriers.png", "claims.csv"
    )  # each is made from one of the two
    truncated, flipped = (
        clone / f"results/killed/{stage}/tiny/0.zarr.zip" for stage in ("paths", "distances")
    )
    entry = next(
        entry
        for entry in zipfile.ZipFile(flipped).infolist()
        if entry.filename.startswith("distance/c/")
    )
    for path in (truncated, flipped):
        whole, times = bytearray(path.read_bytes()), path.stat()
        whole[entry.header_offset + 30 + len(entry.filename) + entry.file_size // 2] ^= 1
        path.write_bytes(whole if path == flipped else whole[: len(whole) // 2])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as disks do it, unseen
    run = snakemake(clone, *finished[1])
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    for path in (truncated, flipped):
        name = path.relative_to(clone)
        assert (
            f"Cannot read '{name}': it is truncated or no zarr store (BadZipFile). Delete it and run snakemake"
            in run.stderr
        )
    found = verify(clone)
    assert found.returncode == 1
    assert (
        f"distances/tiny/0.zarr.zip: entry '{entry.filename}' is damaged: its checksum does not fit"
        in found.stdout
    )
    assert "paths/tiny/0.zarr.zip: truncated or no zip" in found.stdout
    assert "2 of them not whole" in found.stdout
    for path in (truncated, flipped):
        path.unlink()
    run = snakemake(clone, *finished[1])
    assert run.returncode == 0, run.stdout + run.stderr
    assert contents(clone) == contents(finished[0])


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "symgeom", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(
            f"Cannot fill a disk: none can be mounted here ({mounted.stderr.strip()}). Run as root, outside a sandbox."
        )
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_on_a_full_disk_files_are_named_and_with_room_the_study_goes_on(finished, disk, tmp_path):
    missing = "paths/tiny/0.zarr.zip", "figures/tiny/training.svg"
    clone = torn(
        finished,
        tmp_path,
        *missing,
        "figures/tiny/training.png",
        "figures/tiny/training.pdf",
        "claims.csv",
    )
    results = clone / "results"
    shutil.copytree(results, disk / "results")
    shutil.rmtree(results)
    results.symlink_to(disk / "results")
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    assert shutil.disk_usage(disk).free == 0
    before = contents(clone)
    run = snakemake(clone, *finished[1])
    assert run.returncode != 0
    for name in missing:
        assert (
            f"Cannot write 'results/killed/{name}': No space left on device. Nothing half-written is left"
            in run.stderr
        )
    assert "Traceback" not in run.stderr
    assert contents(clone).items() <= before.items()
    (disk / "ballast").unlink()
    run = snakemake(clone, *finished[1])
    assert run.returncode == 0, run.stdout + run.stderr
    assert contents(clone) == contents(finished[0])
