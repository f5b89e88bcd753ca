"""Where a study comes from: with which code, on which machine and when it was made, and what its jobs took."""

from __future__ import annotations

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

ENDS = {"started": min, "ended": max}
"""When the first job of a study started, and when the last one ended."""


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
    rules: dict[str, list[tuple[float, float, float]]] = {}
    for file in sorted(Path(folder).glob("*/*.tsv")):
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                rules.setdefault(file.parent.name, []).append(
                    (_float(row["s"]), _float(row["max_rss"]), file.stat().st_mtime)
                )
    table = []
    for rule, jobs in rules.items():
        seconds, memory, ended = (np.array(column) for column in zip(*jobs, strict=True))
        largest = float(np.nanmax(memory)) if np.isfinite(memory).any() else math.nan
        times = {"seconds": float(seconds.sum()), "longest": float(seconds.max())}
        ends = {"started": float((ended - seconds).min()), "ended": float(ended.max())}
        spans = list(zip((ended - seconds).tolist(), ended.tolist(), strict=True))
        table.append(
            {"rule": rule, "jobs": len(jobs), **times, "memory": largest, **ends, "spans": spans}
        )
    return sorted(table, key=lambda row: row["started"])


def _float(text: str) -> float:
    """Read a number; what a short job could not measure is NaN."""
    try:
        return float(text)
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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_GB": round(memory, 1),
    }
    ends = (
        {name: choose(row[name] for row in statistics) for name, choose in ENDS.items()}
        if statistics
        else {}
    )
    changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": _git(repository, "rev-parse", "HEAD") or "unknown",
        "changed_files": len(changed.splitlines()),
        "symgeom": __version__,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": machine,
        **{name: _time(seconds) for name, seconds in ends.items()},
        "elapsed": _busy([span for row in statistics for span in row["spans"]]),
        "written": _time(datetime.now(UTC).timestamp()),
        "rules": [
            {name: row[name] for name in ("rule", "jobs", "seconds", "longest", "memory")}
            for row in statistics
        ],
    }


def _busy(spans: Sequence[tuple[float, float]]) -> float:
    """Return for how long at least one job ran: a study may be made in several runs."""
    total, until = 0.0, -math.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _git(repository: str | Path, *arguments: str) -> str:
    """Ask git; nothing if there is no git or no repository."""
    try:
        return subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    lines = (
        Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    )
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
