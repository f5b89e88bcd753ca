"""Judge every claim of the papers from a study's measurements."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.store import read_store
from symgeom.study.claims.evaluate import MODEL_STAGES, evaluate, evaluate_model
from symgeom.study.claims.intervals import barrier_intervals
from symgeom.study.claims.reading import read_cases
from symgeom.study.claims.tables import write_tables


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
    for stage in MODEL_STAGES:
        for path in stores[stage]:
            judgements += evaluate_model(stage, read_store(path), **bootstrap)
    write_tables(claims, barriers, judgements, rows, checksums=checksums)


if __name__ == "__main__":
    launch(main, snakemake)
