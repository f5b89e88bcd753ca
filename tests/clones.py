"""Copies of the repository in which snakemake runs, so that a test may edit what it likes."""

import atexit
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

import psutil
import warm_python

from symgeom.ground.sealed import write_sealed
from symgeom.study.planning.code import MEMORY

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

RULES_OF_KILLED = {
    "align_pairs",
    "canonicalise_minima",
    "check_training",
    "connect_chains",
    "discover_symmetry",
    "draw_figures",
    "evaluate_claims",
    "measure_curvature",
    "measure_distances",
    "measure_equilibria",
    "measure_flatness",
    "measure_orbits",
    "measure_paths",
    "measure_simplices",
    "prepare_data",
    "train_minima",
    "write_report",
}
"""Rules of the study that tests/test_workflow_kills.py runs as users run it.

Each of its jobs is an interpreter of its own there. Elsewhere they may be forks of a warm one.
"""


def copy_repository(folder: Path, *, config: str = "config/config.yaml") -> Path:
    """Copy the repository's files, without any results, with another study as the default one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.startswith("results/reference/"):
            continue
        copy_file(name, folder)
        if name.startswith("symgeom/") and name.endswith(".py"):
            copy_file(cache_from_source(name), folder)  # spares every copy the compilation
    if config != "config/config.yaml":
        shutil.copy2(folder / config, folder / "config/config.yaml")
    return folder


def copy_file(name: str, folder: Path) -> None:
    """Copy a file of the repository, if it is there."""
    if (ROOT / name).is_file():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def environment(clone: Path) -> dict[str, str]:
    """Return the environment of a copy: its own modules before all others, one thread."""
    path = os.pathsep.join(filter(None, [str(clone), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@cache
def warm_server() -> subprocess.Popen:
    """Start the Python in which snakemake and its jobs begin at once; it ends with the tests."""
    address = Path(tempfile.mkdtemp()) / "socket"
    command = [sys.executable, warm_python.__file__, "serve", str(address)]
    around = os.environ | {"OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, env=around, stdin=subprocess.PIPE)
    atexit.register(server.kill)
    while not address.exists():
        assert server.poll() is None, "the server of tests/warm_python.py did not start"
        time.sleep(0.05)
    os.environ[warm_python.SOCKET] = str(address)
    return server


def snakemake(
    clone: Path, *words: str, check: bool = False, cold: bool = False
) -> subprocess.CompletedProcess:
    """Run snakemake in a copy, on the copy's own modules and configuration.

    It and its jobs are forks of one Python that has imported the large libraries, unless they are
    to be cold: each an interpreter of its own, as users run them.
    """
    python = sys.executable
    if not cold:
        warm_server()
        python = warm_python.__file__
    command = [python, str(SNAKEMAKE), *words]
    return subprocess.run(
        command, cwd=clone, env=environment(clone), capture_output=True, text=True, check=check
    )


def started(clone: Path, *words: str, said: Path) -> subprocess.Popen:
    """Start a cold snakemake, as the first of a group of processes; a file gets what it says."""
    with said.open("a") as file:
        streams = {"stdout": file, "stderr": subprocess.STDOUT}
        command = [sys.executable, str(SNAKEMAKE), *words]
        return subprocess.Popen(
            command, cwd=clone, env=environment(clone), start_new_session=True, **streams
        )


def workers(ancestor: int, rule: str = "") -> list[psutil.Process]:
    """Return the processes below a cold snakemake that run jobs, or the jobs of one rule."""
    jobs = []
    for process in psutil.Process(ancestor).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            script = process.cmdline()[1:]
            is_job = len(script) == 1 and "/.snakemake/scripts/" in script[0]
            if is_job and script[0].endswith(f"{rule}.py"):
                jobs.append(process)
    return jobs


def edit(path: Path, pattern: str, text: str) -> None:
    """Replace what a pattern finds once in a file of a copy."""
    edited, count = re.subn(pattern, text, path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {path}"
    path.write_text(edited)


def draw_only(clone: Path, *figures: str) -> None:
    """Let the cases of a copy have these figures and no others: drawing all takes long."""
    drawn = f"[figure for figure in figures if figure.name in {figures}]"
    only = f"FIGURES = {{case: {drawn} for case, figures in FIGURES.items()}}\n"
    edit(clone / "workflow/rules/pictures.smk", r"^FIGURES \|= ", f"{only}FIGURES |= ")


def override(folder: Path, text: str) -> tuple[str, str]:
    """Write a configuration that is merged over the default one, and return the words for it.

    Nested numbers on the command line would become text.
    """
    (folder / "override.yaml").write_text(text)
    return "--configfile", str(folder / "override.yaml")


def counted(words: str) -> dict[str, int]:
    """Return the numbers of a job table."""
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", words, re.DOTALL)
    counts = {}
    for line in table[1].splitlines() if table else []:
        rule, count = line.rsplit(maxsplit=1)
        if rule not in ("total", "all"):
            counts[rule] = int(count)
    return counts


def planned(clone: Path, *words: str) -> dict[str, int]:
    """Return how many jobs of each rule snakemake would run now."""
    plan = snakemake(clone, *words, "--dry-run", "--cores", "2", "--quiet", "host")
    assert plan.returncode == 0, plan.stdout + plan.stderr
    return counted(plan.stdout)


class Job(NamedTuple):
    """What a job of a finished study has read and written, as snakemake remembers it."""

    inputs: list[str]
    outputs: list[str]


def first_jobs(clone: Path, *words: str) -> dict[str, Job]:
    """Return of every rule that a study ran its first job."""
    summary = snakemake(clone, *words, "--detailed-summary", check=True).stdout
    jobs: dict[tuple[str, str], Job] = {}
    for row in csv.DictReader(summary.splitlines(), delimiter="\t"):
        inputs = [name for name in row["input-file(s)"].split(",") if name not in ("", "-")]
        job = jobs.setdefault((row["rule"], row["log-file(s)"]), Job(inputs, []))
        job.outputs.append(row["output_file"])
    first: dict[str, Job] = {}
    for (rule, _), job in jobs.items():
        first[rule] = min(job, first.get(rule, job))
    return first


def alone(clone: Path, folder: Path, job: Job) -> Path:
    """Copy a finished study without any result but the files that a job says it reads.

    What snakemake parsed of the code is not parsed again.
    """
    shutil.copytree(clone, folder, ignore=shutil.ignore_patterns("results", ".snakemake"))
    for name in (*job.inputs, MEMORY):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(clone / name, folder / name)
    return folder


def written_by(store: Path, schema: int, package: str) -> None:
    """Make a store one that another symgeom wrote: whole and sealed, of another version."""
    with zipfile.ZipFile(store) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(entries["zarr.json"])
    described["attributes"] |= {"schema_version": schema, "package_version": package}
    write_sealed(store, entries | {"zarr.json": json.dumps(described).encode()})
