"""Judge every claim of the papers from a study's measurements."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.study.claims.ensemble_table import ensemble_intervals
from symgeom.study.claims.evaluate import evaluate, evaluate_models
from symgeom.study.claims.intervals import barrier_intervals
from symgeom.study.claims.measured import Tolerances
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
    ensembles: str,
    checksums: str,
) -> None:
    folder = Path(claims).parent
    level = options["level"]
    study = read_cases(
        folder,
        stores,
        cases,
        roles=options["roles"],
        bend_threshold=bend_threshold,
        tolerances=Tolerances(**options["tolerances"]),
    )
    judgements = []
    rows_of_barriers = []
    rows_of_ensembles = []
    for case, measured in study.items():
        paths = measured.stages["paths"]
        judgements += evaluate(measured, level=level, case=case)
        rows_of_barriers += barrier_intervals(paths, measured.minima, level=level, case=case)
        rows_of_ensembles += ensemble_intervals(measured, level=level, case=case)
    judgements += evaluate_models(stores, level=level)
    write_tables(
        {"claims": claims, "barriers": barriers, "ensembles": ensembles},
        judgements,
        barriers=rows_of_barriers,
        ensembles=rows_of_ensembles,
        checksums=checksums,
    )


if __name__ == "__main__":
    launch(main, snakemake)
