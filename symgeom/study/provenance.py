"""Where a study comes from: its code, its machine, when it was made, and what its jobs took."""

import csv
import importlib.metadata
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from symgeom import __version__
from symgeom.ground.sealed_json import write_sealed_json

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "xarray",
    "zarr",
    "matplotlib",
    "snakemake",
)
"""What the numbers may depend on."""

SHOWN = ("rule", "jobs", "seconds", "longest", "memory")
"""What is told of each rule."""

Job = tuple[float, float, float]
"""How long a job took (s), its largest resident set (MB), and when it ended (s since 1970)."""


def describe_study(folder: str | Path, *, repository: str | Path) -> dict:
    """Say where a study comes from, while its report is written.

    Parameters
    ----------
    folder : str or Path
        The folder of the study, which holds the ``benchmarks`` of its jobs.
    repository : str or Path
        The checkout that ran.

    Returns
    -------
    dict
        As from :func:`describe_run`, without the rule that writes the report.
    """
    statistics = run_statistics(Path(folder) / "benchmarks")
    finished = [row for row in statistics if row["rule"] != "write_report"]
    return describe_run(finished, repository)


def write_provenance(path: str | Path, made: Mapping[str, object]) -> None:
    """Write where a study comes from as JSON.

    Parameters
    ----------
    path : str or Path
        The file to write.
    made : mapping of str to object
        As from :func:`describe_study`.
    """
    write_sealed_json(path, made)


def run_statistics(folder: str | Path) -> list[dict]:
    """Sum up what Snakemake measured of the jobs, rule by rule.

    Parameters
    ----------
    folder : str or Path
        Holds ``<rule>/<job>.tsv``, the benchmarks of the study's jobs.

    Returns
    -------
    list of dict
        ``rule``, ``jobs``, ``seconds`` (sum), ``longest`` (s), ``memory`` (largest resident set,
        MB), ``started`` and ``ended`` (s since 1970), and ``spans``, the start and the end of each
        job; in the order in which the rules began. What was never measured is NaN.
    """
    jobs_of_rules: dict[str, list[Job]] = {}
    for file in sorted(Path(folder).glob("*/*.tsv")):
        jobs_of_rules.setdefault(file.parent.name, []).extend(_jobs(file))
    table = [_sum_of_jobs(rule, jobs) for rule, jobs in jobs_of_rules.items() if jobs]

    def beginning(row: Mapping[str, float]) -> float:
        return row["started"]

    return sorted(table, key=beginning)


def _jobs(file: Path) -> list[Job]:
    """Read the benchmark of a job: one row unless it was repeated, none if it was truncated."""
    ended = file.stat().st_mtime
    jobs = []
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            seconds = _float(row.get("s"))
            if math.isfinite(seconds):
                jobs.append((seconds, _float(row.get("max_rss")), ended))
    return jobs


def _sum_of_jobs(rule: str, jobs: Sequence[Job]) -> dict:
    """Sum up the jobs of a rule."""
    seconds, memory, ended = (np.array(column) for column in zip(*jobs, strict=True))
    started = ended - seconds
    has_memory = np.isfinite(memory).any()
    return {
        "rule": rule,
        "jobs": len(jobs),
        "seconds": float(seconds.sum()),
        "longest": float(seconds.max()),
        "memory": float(np.nanmax(memory)) if has_memory else math.nan,
        "started": float(started.min()),
        "ended": float(ended.max()),
        "spans": list(zip(started.tolist(), ended.tolist(), strict=True)),
    }


def _float(text: str | None) -> float:
    """Read a number; what a short job could not measure is NaN."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def describe_run(statistics: Sequence[Mapping], repository: str | Path) -> dict:
    """Say with which code, on which machine and when the study was made.

    Parameters
    ----------
    statistics : sequence of mapping
        As from :func:`run_statistics`.
    repository : str or Path
        The checkout that ran.

    Returns
    -------
    dict
        Plain data for JSON; ``elapsed`` (s) leaves out pauses between runs. It differs from run to
        run: nothing else that a study writes does.
    """
    changed_files = _git(repository, "status", "--porcelain", "--untracked-files=no").splitlines()
    made = {
        "commit": _git(repository, "rev-parse", "HEAD") or "unknown",
        "changed_files": len(changed_files),
        "symgeom": __version__,
        "python": platform.python_version(),
        "packages": _packages(),
        "machine": _machine(),
    }
    spans = []
    if statistics:
        made["started"] = _time(min(row["started"] for row in statistics))
        made["ended"] = _time(max(row["ended"] for row in statistics))
    for row in statistics:
        spans.extend(row["spans"])
    made["elapsed"] = _busy(spans)
    made["written"] = _time(datetime.now(UTC).timestamp())
    made["rules"] = [{name: row[name] for name in SHOWN} for row in statistics]
    return made


def _machine() -> dict[str, object]:
    """Describe this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_GB": round(memory, 1),
    }


def _busy(spans: Sequence[tuple[float, float]]) -> float:
    """Return for how long at least one job ran: a study may be made in several runs."""
    total = 0.0
    until = -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _git(repository: str | Path, *arguments: str) -> str:
    """Ask git; nothing if there is no git or no repository."""
    command = ["git", *arguments]
    try:
        answer = subprocess.run(
            command,
            cwd=repository,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:
        return ""
    return answer.stdout.strip()


def _packages() -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
