"""Judge every claim of the papers from a study's measurements."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.store import open_study, read_store
from symgeom.study.claims.evaluate import STAGES, evaluate
from symgeom.study.claims.intervals import barrier_intervals, write_barriers
from symgeom.study.claims.record import write_claims
from symgeom.study.claims.theory import judge_perceptron


def main(
    *,
    stores: Mapping,
    cases: list,
    options: Mapping,
    bend_threshold: float,
    claims: str,
    barriers: str,
) -> None:
    known = [stage for stage in (*STAGES, "valleys") if stores[stage]]
    files, judged = [path for stage in known for path in stores[stage]], []
    study = open_study(Path(claims).parent, files=files, weights=False)
    chosen, rows = {"level": options["level"], "resamples": options["resamples"]}, []
    for case in cases:
        stages = {stage: study[case][stage].to_dataset() for stage in known}
        moving = stages["ledgers"]["equivariant"]
        roles = dict(options["roles"]) | {
            "equivariant": [str(arm) for arm in moving["arm"].values[moving.values.astype(bool)]]
        }
        judged += evaluate(stages, roles, **chosen, bend_threshold=bend_threshold, case=case)
        rows += barrier_intervals(stages["paths"], stages["minima"], **chosen, case=case)
    for path in stores["solutions"]:
        judged.append(judge_perceptron(read_store(path), **chosen))
    write_claims(claims, judged)
    write_barriers(barriers, rows)


if __name__ == "__main__":
    launch(main, snakemake)
