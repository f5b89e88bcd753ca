"""Judge every claim of the papers from a study's measurements."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.ground.checksums import write_checksums
from symgeom.study.claims.evaluate import evaluate, evaluate_models
from symgeom.study.claims.intervals import barrier_intervals, write_barriers
from symgeom.study.claims.reading import read_cases
from symgeom.study.claims.record import write_claims


def main(
    *,
    stores: Mapping,
    cases: list,
    options: Mapping,
    bend_threshold: float,
    claims: str,
    barriers: str,
    checksums: str,
) -> None:
    folder = Path(claims).parent
    bootstrap = {"level": options["level"], "resamples": options["resamples"]}
    study = read_cases(folder, stores, cases, roles=options["roles"], bend_threshold=bend_threshold)
    judgements = []
    rows = []
    for case, measured in study.items():
        paths = measured.stages["paths"]
        judgements += evaluate(measured, **bootstrap, case=case)
        rows += barrier_intervals(paths, measured.minima, **bootstrap, case=case)
    judgements += evaluate_models(stores, **bootstrap)
    write_claims(claims, judgements)
    write_barriers(barriers, rows)
    write_checksums(checksums, [claims, barriers])


if __name__ == "__main__":
    launch(main, snakemake)
