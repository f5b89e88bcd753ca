"""How long Snakemake plans a study of 10,000 jobs, and a workflow of as many jobs that holds
nothing else, for `make bench`.

The study is the default one on fifty cases, with 24 seeds in blocks of six. Both are planned twice,
in turns, from nothing; the better times count. Figures are of this machine; compare ratios, not
digits. Nothing here is a test.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clones import SNAKEMAKE, copy_repository, environment, override

CASES, TURNS = 50, 2
CASE = (
    "  mlp{number}: {{data: {{name: digits}}, network: {{name: mlp, options: {{widths: "
    "[{width}]}}}}}}\n"
)
GRANULARITY = "granularity: {arms_per_job: 1, arms_per_chain_job: 1, seeds_per_job: 6}\n"
EMPTY = """
rule all:
    input:
        [f"made/{{number}}" for number in range({jobs})],


rule one:
    output:
        "made/{{number}}",
    shell:
        "touch {{output}}"
"""
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stdout)
print("MB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""
"""A process of its own, which has no other child whose memory could be the largest."""


def plan(folder: Path, *words: str) -> tuple[float, float, int]:
    """Return the wall time of a dry run in seconds, its memory in MB and the number of jobs."""
    command = [
        sys.executable,
        "-c",
        MEASURE,
        sys.executable,
        SNAKEMAKE,
        "--dry-run",
        "--quiet",
        "host",
        "--cores",
        "2",
        *words,
    ]
    begun = time.perf_counter()
    ran = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - begun
    return (
        wall,
        float(re.search(r"^MB (.*)$", ran.stdout, re.MULTILINE).group(1)),
        int(re.search(r"total +(\d+)", ran.stdout).group(1)),
    )


def main() -> None:
    """Run the benchmark and print its table."""
    with tempfile.TemporaryDirectory() as place:
        study, empty = copy_repository(Path(place) / "study"), Path(place) / "empty"
        cases = "".join(
            CASE.format(number=number, width=64 + number) for number in range(CASES - 1)
        )
        words = override(Path(place), f"seeds: 24\ncases:\n{cases}{GRANULARITY}")
        found: dict[str, list[tuple[float, float, int]]] = {"study": [], "empty workflow": []}
        for _ in range(TURNS):
            found["study"].append(plan(study, *words))
            empty.mkdir(exist_ok=True)
            (empty / "Snakefile").write_text(EMPTY.format(jobs=found["study"][0][2] - 1))
            found["empty workflow"].append(plan(empty))
    best = {name: min(rows) for name, rows in found.items()}
    lines = [f"{'plan of':22} {'jobs':>6} {'wall s':>8} {'MB':>6}"]
    lines += [
        f"{name:22} {jobs:6} {wall:8.1f} {megabytes:6.0f}"
        for name, (wall, megabytes, jobs) in best.items()
    ]
    ratio = best["study"][0] / best["empty workflow"][0]
    sys.stdout.write(
        "\n".join(
            [*lines, f"The study's plan takes {ratio:.1f} times as long as the empty workflow's."]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
