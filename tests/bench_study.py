"""Speed and memory of the default study, for `make bench`: one run from nothing, one with nothing
to do, and where the time goes.

Figures are of this machine; compare shares and ratios, not digits. Nothing here is a test.
"""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from clones import copy_repository, snakemake

MODULES = {
    "measuring jobs": "torch, symgeom.store, symgeom.landscape.problem",
    "figures": "symgeom.store, symgeom.study.figures.style",
}


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Return the wall time of an action in seconds, and its result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def per_rule(folder: Path) -> dict[str, list[tuple[float, float, float]]]:
    """Return wall seconds, peak memory (MB) and CPU seconds of every job, by rule."""
    found = defaultdict(list)
    for path in sorted(folder.glob("results/digits/benchmarks/*/*.tsv")):
        row = next(csv.DictReader(path.open(), delimiter="\t"))
        found[path.parent.name].append(
            (float(row["s"]), float(row["max_rss"]), float(row["cpu_time"]))
        )
    return found


def import_time(modules: str) -> float:
    """Return the wall time of a process that only imports, in seconds, the best of three."""
    return min(
        timed(lambda: subprocess.run([sys.executable, "-c", f"import {modules}"], check=True))[0]
        for _ in range(3)
    )


def main() -> None:
    """Run the benchmark and print its table."""
    with tempfile.TemporaryDirectory() as place:
        folder = copy_repository(Path(place))
        wall, _ = timed(lambda: snakemake(folder, "--cores", "all", check=True))
        again, second = timed(lambda: snakemake(folder, "--cores", "all", check=True))
        rules = per_rule(folder)
    imports = {name: import_time(modules) for name, modules in MODULES.items()}
    cores, jobs = os.cpu_count(), sum(map(len, rules.values()))
    table = [f"{'rule':22} {'jobs':>5} {'wall s':>8} {'cpu s':>8} {'MB':>6}"]
    for rule, rows in sorted(rules.items(), key=lambda item: -sum(row[0] for row in item[1])):
        seconds, memory, work = (list(column) for column in zip(*rows, strict=True))
        table.append(
            f"{rule:22} {len(rows):5} {sum(seconds):8.1f} {sum(work):8.1f} {max(memory):6.0f}"
        )
    largest = max(row[1] for rows in rules.values() for row in rows)
    mother = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    share = (jobs * max(imports.values()) / cores + again) / wall
    nothing = "Nothing to be done" in second.stdout + second.stderr
    table += [
        "",
        f"default study           {wall:6.1f} s on {cores} cores (limit 150 s)",
        f"run again               {again:6.1f} s (limit 8 s), nothing to be done: {nothing}",
        (
            f"peak memory             {cores * largest + mother:6.0f} MB at most (limit 2000 "
            f"MB): Snakemake and two largest jobs"
        ),
        (
            f"Snakemake and imports   {100 * share:6.1f} % of the wall time (limit 33 %): "
            f"{jobs} jobs, {again:.1f} s of Snakemake;"
        ),
        *(
            f"{'':24}{seconds:6.1f} s to import what {name} import"
            for name, seconds in imports.items()
        ),
    ]
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
