"""Copies of the repository in which snakemake runs, so that a test may edit what it likes."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from symgeom.ground.sealed import write_sealed

ROOT = Path(__file__).parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


def copy_repository(place: Path, *, config: str = "config/config.yaml") -> Path:
    """Copy the repository's files (results and environments excepted), with another study as the default one."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\n")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    if config != "config/config.yaml":
        shutil.copy2(place / config, place / "config/config.yaml")
    return place


def environment(clone: Path) -> dict[str, str]:
    """Return the environment in which snakemake runs in a copy: the copy's own modules before all others, one thread."""
    path = os.pathsep.join(filter(None, [str(clone), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def snakemake(clone: Path, *words: str, check: bool = False) -> subprocess.CompletedProcess:
    """Run snakemake in a copy, on the copy's own modules and configuration."""
    command = [sys.executable, str(SNAKEMAKE), *words]
    return subprocess.run(
        command, cwd=clone, env=environment(clone), capture_output=True, text=True, check=check
    )


def started(clone: Path, *words: str, said: Path) -> subprocess.Popen:
    """Start snakemake in a copy, as the first of a group of processes; what it says is added to a file."""
    with said.open("a") as file:
        streams = {"stdout": file, "stderr": subprocess.STDOUT}
        command = [sys.executable, str(SNAKEMAKE), *words]
        return subprocess.Popen(
            command, cwd=clone, env=environment(clone), start_new_session=True, **streams
        )


def workers(ancestor: int, rule: str = "") -> list[psutil.Process]:
    """Return the processes below a snakemake that run jobs, or the jobs of one rule."""
    found = []
    for process in psutil.Process(ancestor).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if (
                len(words) == 2
                and "/.snakemake/scripts/" in words[1]
                and words[1].endswith(f"{rule}.py")
            ):
                found.append(process)
    return found


def edit(path: Path, pattern: str, text: str) -> None:
    """Replace what a pattern finds once in a file of a copy."""
    edited, count = re.subn(pattern, text, path.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert count == 1, f"{pattern} is {count} times in {path}"
    path.write_text(edited)


def draw_only(clone: Path, *figures: str) -> None:
    """Let the cases of a copy have these figures and no others: drawing takes longer than most of what tests disturb."""
    drawn = f"[figure for figure in figures if figure.name in {figures}]"
    only = f"FIGURES = {{case: {drawn} for case, figures in FIGURES.items()}}\n"
    edit(clone / "workflow/rules/figures.smk", r"^FIGURES \|= ", f"{only}FIGURES |= ")


def override(place: Path, text: str) -> tuple[str, str]:
    """Write a configuration that is merged over the default one (nested numbers on the command line would become text)."""
    (place / "override.yaml").write_text(text)
    return "--configfile", str(place / "override.yaml")


def counted(words: str) -> dict[str, int]:
    """Return the numbers of a job table."""
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", words, re.DOTALL)
    rows = dict(line.rsplit(maxsplit=1) for line in table.group(1).splitlines()) if table else {}
    return {rule: int(count) for rule, count in rows.items() if rule not in ("total", "all")}


class Job(NamedTuple):
    """What a job of a finished study has read and written, as snakemake remembers it."""

    inputs: list[str]
    outputs: list[str]


def first_jobs(clone: Path, *words: str) -> dict[str, Job]:
    """Return of every rule that a study ran its first job."""
    jobs: dict[tuple[str, str], Job] = {}
    rows = csv.DictReader(
        snakemake(clone, *words, "--detailed-summary", check=True).stdout.splitlines(),
        delimiter="\t",
    )
    for row in rows:
        read = [name for name in row["input-file(s)"].split(",") if name not in ("", "-")]
        jobs.setdefault((row["rule"], row["log-file(s)"]), Job(read, [])).outputs.append(
            row["output_file"]
        )
    return {
        rule: min((job for (name, _), job in jobs.items() if name == rule), key=str)
        for rule, _ in jobs
    }


def alone(clone: Path, place: Path, job: Job, *words: str) -> subprocess.CompletedProcess:
    """Run a job again in a copy that holds code, configuration and the files that the job says it reads, and no other result."""
    shutil.copytree(clone, place, ignore=shutil.ignore_patterns("results", ".snakemake"))
    for name in job.inputs:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(clone / name, place / name)
    return snakemake(place, *job.outputs, "--cores", "1", *words)


def written_by(store: Path, schema: int, package: str) -> None:
    """Make a store one that another symgeom wrote: whole and sealed, of another version."""
    with zipfile.ZipFile(store) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(entries["zarr.json"])
    described["attributes"] |= {"schema_version": schema, "package_version": package}
    write_sealed(store, entries | {"zarr.json": json.dumps(described).encode()})
