"""The report of a study: one HTML file that holds everything a reader wants first, and needs nothing beside it.

This module gathers what the report says (claims, figures, minima, the run itself) as plain data; the page's look is a Jinja
template. Figures are embedded as pictures; the page asks the network for nothing and reads the same without scripts, which only
sort tables.
"""

from __future__ import annotations

import base64
import csv
import importlib.metadata
import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup, escape

from symgeom import __version__

VERDICTS = {"supported": "●", "not supported": "✕", "undecided": "◇"}
"""Symbol of each verdict; the word stands beside it."""

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "xarray", "zarr", "matplotlib", "snakemake")
"""What the numbers may depend on."""

ENDS = {"started": min, "ended": max}
"""When the first job of a study started, and when the last one ended."""


def number(value: float, digits: int = 3) -> str:
    """Write a number for people.

    Parameters
    ----------
    value : float
        Any number.
    digits : int
        Significant digits.

    Returns
    -------
    str
        With a true minus sign; a dash if there is no number.

    Examples
    --------
    >>> number(-0.012345), number(1e-10), number(float("nan"))
    ('−0.0123', '1e−10', '–')
    """
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("-", "−") if math.isfinite(value) else "–"


def markup(text: str) -> Markup:
    r"""Turn a caption into HTML: paragraphs, ``**strong**``, ``*emphasis*`` and literals; a backslash keeps the next character.

    Parameters
    ----------
    text : str
        A caption in this small part of reStructuredText.

    Returns
    -------
    Markup
        HTML.

    Examples
    --------
    >>> str(markup("**Flatness.**\nSee *a* < b."))
    '<p><strong>Flatness.</strong> See <em>a</em> &lt; b.</p>'
    """
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    html = []
    for paragraph in paragraphs:
        line = str(escape(re.sub(r"\\(.)", r"\1", paragraph)))
        for pattern, tag in ((r"``(.+?)``", "code"), (r"\*\*(.+?)\*\*", "strong"), (r"(?<!\w)\*(\w.*?\w|\w)\*(?!\w)", "em")):
            line = re.sub(pattern, rf"<{tag}>\1</{tag}>", line)
        html.append(f"<p>{line}</p>")
    return Markup("\n".join(html))


def embed(path: str | Path, captions: Mapping[str, str], shown: Mapping[str, Mapping]) -> dict:
    """Turn a figure's file into what the page needs to show it.

    Parameters
    ----------
    path : str or Path
        ``.../<case>/<figure>.svg``.
    captions : mapping of str to str
        Caption of each figure; its first sentence names the figure to those who cannot see it.
    shown : mapping of str to mapping
        Of each figure the ``question`` that it answers and the ``stages`` that it is drawn from.

    Returns
    -------
    dict
        ``case``, ``name``, ``path``, ``source`` (an address that holds the picture), ``inches`` (its printed width), ``alt``,
        ``caption``, ``question``, ``stages``.
    """
    path = Path(path)
    content, caption = path.read_bytes(), captions[path.stem]
    points = re.search(rb'<svg[^>]*\swidth="([0-9.]+)pt"', content)
    return {
        "case": path.parent.name,
        "name": path.stem,
        "path": path.as_posix(),
        "source": f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}",
        "inches": float(points[1]) / 72 if points else 7.0,
        "alt": caption.split("**")[1],
        "caption": caption,
        **shown[path.stem],
    }


def minima_rows(minima: Mapping, canonical: Mapping, arms: Sequence[str]) -> list[dict]:
    """List the trained networks of a case.

    Parameters
    ----------
    minima : xr.Dataset
        With ``status``, ``usable``, ``epochs``, ``gradient_evaluations`` and the errors and losses over (arm, seed).
    canonical : xr.Dataset
        With ``certificate`` over (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    list of dict
        One row per run, none left out.
    """
    names = ("train_error", "test_error", "train_loss", "test_loss", "epochs", "gradient_evaluations")
    rows = []
    for arm in (arm for arm in arms if arm in minima["arm"].values):
        for seed in minima["seed"].values.tolist():
            run = {"arm": arm, "seed": seed}
            status, certificate = str(minima["status"].sel(run).item()), canonical["certificate"].sel(run).item()
            if status:
                measured = {name: float(minima[name].sel(run)) for name in names}
                usable = bool(minima["usable"].sel(run))
                rows.append(run | {"status": status, "usable": usable, "certificate": certificate} | measured)
    return rows


def arm_rows(rows: Sequence[Mapping], arms: Sequence[str]) -> list[dict]:
    """Average the runs of each arm that can be used.

    Parameters
    ----------
    rows : sequence of mapping
        As from :func:`minima_rows`.
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    list of dict
        One row per arm: ``runs``, ``usable``, and mean and standard deviation of errors, losses and epochs.
    """
    summary = []
    for arm in arms:
        runs = [row for row in rows if row["arm"] == arm]
        kept = [row for row in runs if row["usable"]]
        means = {name: float(np.mean([row[name] for row in kept])) if kept else math.nan for name in ("train_error", "epochs")}
        errors = [row["test_error"] for row in kept]
        means["test_error"] = float(np.mean(errors)) if kept else math.nan
        means["test_error_deviation"] = float(np.std(errors, ddof=1)) if len(kept) > 1 else math.nan
        summary.append({"arm": arm, "runs": len(runs), "usable": len(kept)} | means)
    return summary


def run_statistics(folder: str | Path) -> list[dict]:
    """Sum up what Snakemake measured of the jobs, rule by rule.

    Parameters
    ----------
    folder : str or Path
        Holds ``<rule>/<job>.tsv``, the benchmarks of the study's jobs.

    Returns
    -------
    list of dict
        ``rule``, ``jobs``, ``seconds`` (sum), ``longest`` (s), ``memory`` (largest resident set, MB), ``started`` and ``ended``
        (s since 1970), in the order in which the rules began. What was never measured is NaN.
    """
    rules: dict[str, list[tuple[float, float, float]]] = {}
    for file in sorted(Path(folder).glob("*/*.tsv")):
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                rules.setdefault(file.parent.name, []).append((_float(row["s"]), _float(row["max_rss"]), file.stat().st_mtime))
    table = []
    for rule, jobs in rules.items():
        seconds, memory, ended = (np.array(column) for column in zip(*jobs, strict=True))
        largest = float(np.nanmax(memory)) if np.isfinite(memory).any() else math.nan
        times = {"seconds": float(seconds.sum()), "longest": float(seconds.max())}
        ends = {"started": float((ended - seconds).min()), "ended": float(ended.max())}
        table.append({"rule": rule, "jobs": len(jobs), **times, "memory": largest, **ends})
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
        Plain data for JSON. It differs from run to run: nothing else that a study writes does.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count(), "memory_GB": round(memory, 1)}
    ends = {name: choose(row[name] for row in statistics) for name, choose in ENDS.items()} if statistics else {}
    changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": _git(repository, "rev-parse", "HEAD") or "unknown",
        "changed_files": len(changed.splitlines()),
        "symgeom": __version__,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "machine": machine,
        **{name: _time(seconds) for name, seconds in ends.items()},
        "elapsed": ends.get("ended", 0.0) - ends.get("started", 0.0),
        "written": _time(datetime.now(UTC).timestamp()),
        "rules": [{name: row[name] for name in ("rule", "jobs", "seconds", "longest", "memory")} for row in statistics],
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _git(repository: str | Path, *arguments: str) -> str:
    """Ask git; nothing if there is no git or no repository."""
    try:
        return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def render(template: str | Path, **context: object) -> str:
    """Fill in the template of the report.

    Parameters
    ----------
    template : str or Path
        A Jinja file.
    **context
        What the template names; a name that is missing is an error.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "markup": markup}
    return environment.from_string(Path(template).read_text(encoding="utf-8")).render(VERDICTS=VERDICTS, **context)
