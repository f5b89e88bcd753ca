"""How time, memory, files and bytes of a study grow with its number of networks, for `make bench`.

Real studies of networks 784-280-280-10 (301,290 weights each) on data that a random network labels,
of a few steps each: what is measured is what surrounds the mathematics. The stages without pairs
are run whole; of each stage of pairs the first job of the last part, and the plan of all jobs.
`python tests/bench_size.py 20 200 2000` takes these sizes (2,000 networks: about an hour of
processor time). Wall seconds of a rule are sums over its jobs; processor seconds are those of all
of them, and of Snakemake. Memory is that of the largest job. Nothing here is a test.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clones import copy_repository, counted, environment, override, snakemake

SIZES = (20, 200)
PART, PIECE, FEW = 100, 500, 50
"""Networks of a job, pairs of a job as planned, and pairs of a job as run."""

STAGES = {
    "train_minima": ("minima", "ledgers"),
    "canonicalise_minima": ("canonical",),
    "measure_flatness": ("flatness",),
    "measure_curvature": ("curvature",),
    "measure_equilibria": ("equilibria",),
    "measure_orbits": ("orbits",),
}
OF_PAIRS = {
    "align_pairs": ("alignments",),
    "measure_distances": ("distances",),
    "measure_paths": ("paths",),
    "connect_chains": ("chains",),
}
"""Rules and the stages that they write."""

STUDY = """
study: size
device: cpu
cases:
  mlp: null
  teacher:
    data:
      name: teacher
      options: {{features: 784, classes: 10, samples: 250, test_samples: 50, widths: [32]}}
    network: {{name: mlp, options: {{widths: [280, 280]}}}}
arms: {{rsgd: null, sam: null, adam: null, adversarial: null, sgd: {{learning_rate: 0.05}}}}
training: {{precision: float32, epochs: 2, batch_size: 50, evaluate_every: 2,
  checkpoint_every: 100, ledger_snapshots: 3, go_on_without_usable: true}}
symmetry: {{certificate_draws: 1}}
alignment: {{method: greedy, controls: [random]}}
paths: {{points: 3, refinements: 0, cross_arm: none, star: [], compare: none, samples: 50}}
chains: {{within: ring, epochs: 1, evaluate_every: 1, points: 3, samples: 50}}
flatness: {{amplitudes: [0.1, 0.2], draws: 2, noises: [], layers: false, samples: 50}}
curvature: {{eigenvalues: 1, eigenvalue_tolerance: 0.2, probes: 0, density_steps: 0,
  layers: false, samples: 20}}
equilibria: {{samples: 10}}
orbits: {{samples: 10, eigenvalue_tolerance: 0.1}}
valleys: null
neighbours: null
perceptron: null
ellipse: null
two_layer: null
noise_models: null
claims: {{roles: {{flat: sgd, reference: sgd, sharp: sgd, adaptive: sgd}}}}
granularity: {{arms_per_job: 1, arms_per_chain_job: 1, seeds_per_job: {part},
  pairs_per_job: {pairs}}}
seeds: {count}
"""

READ = """
import json, resource, sys, time
import symgeom
begun = time.perf_counter()
tree = symgeom.open_study("results/size", **json.loads(sys.argv[1]))
if "parameter.0.weight" in tree["teacher/minima"]:
    tree["teacher/minima"]["parameter.0.weight"].isel(arm=0, seed=-1).values
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
"""Open what there is of the study, read one tensor, and say how long that took and how much
memory."""


def names(stage: str, count: int) -> list[str]:
    """List the stores of a stage without pairs."""
    first = "sgd" if stage in ("minima", "ledgers") else "0"
    return [f"{stage}/{first}{f'.{block}' if block else ''}" for block in range(-(-count // PART))]


def path(name: str) -> str:
    """Return a store of the study."""
    return f"results/size/teacher/{name}.zarr.zip"


def row(folder: Path, rule: str, stages: tuple[str, ...]) -> str:
    """Sum up what the jobs of a rule took, and what they wrote."""
    told = [
        next(csv.DictReader(file.open(), delimiter="\t"))
        for file in folder.glob(f"results/size/benchmarks/{rule}/*.tsv")
    ]
    wall = sum(float(each["s"]) for each in told)
    files = [file for stage in stages for file in folder.glob(path(f"{stage}/*"))]
    megabytes, largest = (
        sum(file.stat().st_size for file in files) / 1e6,
        max(float(each["max_rss"]) for each in told),
    )
    return (
        f"{rule:22} {len(told):6} {wall:8.1f} {'':8} {largest:6.0f} {len(files):6} {megabytes:9.1f}"
    )


def reading(folder: Path, label: str, **options: bool) -> str:
    """Open the study in a process of its own."""
    command = [sys.executable, "-c", READ, json.dumps(options)]
    ran = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True
    )
    seconds, megabytes = map(float, ran.stdout.split())
    return f"{label:22} {'':6} {seconds:8.1f} {'':8} {megabytes:6.0f}"


def run(folder: Path, study: dict[str, int], *words: str) -> tuple[str, float, float]:
    """Run snakemake, and return what it says, the wall time and the processor time of it and
    its jobs, in seconds."""
    options = override(folder, STUDY.format(part=PART, **study))
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = snakemake(folder, *words, *options, "--cores", "all")
    if ran.returncode:
        sys.exit(ran.stdout + ran.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ran.stdout, time.perf_counter() - begun, work


def measured(folder: Path, count: int) -> list[str]:
    """Run the stages of a study of some size, and return the rows of its table."""
    study = {"count": count, "pairs": PIECE}
    said, planned, planning = run(folder, study, "all", "--dry-run")
    _, wall, work = run(
        folder,
        study,
        *(path(name) for stages in STAGES.values() for name in names(stages[0], count)),
    )
    last = names("paths", count)[-1].split("/")[1]
    _, apart, pairing = run(
        folder, study | {"pairs": FEW}, *(path(f"{stage}/{last}") for (stage,) in OF_PAIRS.values())
    )
    return [
        (
            f"{f'{count} networks':22} {'jobs':>6} {'wall s':>8} {'cpu s':>8} {'MB':>6} "
            f"{'files':>6} {'MB disk':>9}"
        ),
        *(row(folder, rule, stages) for rule, stages in STAGES.items()),
        (
            f"{'all of these':22} {'':6} {wall:8.1f} {work:8.1f}   {1000 * work / count:.0f} "
            f"ms of the processor for each network"
        ),
        *(row(folder, rule, stages) for rule, stages in OF_PAIRS.items()),
        f"{f'{FEW} pairs of each':22} {'':6} {apart:8.1f} {pairing:8.1f}",
        f"{'plan of the study':22} {sum(counted(said).values()):6} {planned:8.1f} {planning:8.1f}",
        reading(folder, "open_study"),
        reading(folder, "without weights", weights=False),
        reading(folder, "lazily", lazy=True),
    ]


def main() -> None:
    """Run the benchmark and print its tables."""
    for count in [int(word) for word in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as place:
            sys.stdout.write("\n".join(measured(copy_repository(Path(place)), count)) + "\n\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
