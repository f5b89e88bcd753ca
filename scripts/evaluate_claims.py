"""Judge every claim of the papers from a study's measurements."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.claims.evaluate import STAGES, evaluate
from symgeom.claims.record import write_claims
from symgeom.store import open_study


def main(*, stores: Mapping, cases: list, options: Mapping, bend_threshold: float, claims: str) -> None:
    study, judged = open_study(Path(claims).parent, files=[path for stage in STAGES for path in stores[stage]]), []
    for case in cases:
        stages = {stage: study[case][stage].to_dataset() for stage in STAGES}
        moving = stages["ledgers"]["equivariant"]
        roles = dict(options["roles"]) | {"equivariant": [str(arm) for arm in moving["arm"].values[moving.values.astype(bool)]]}
        chosen = {"level": options["level"], "resamples": options["resamples"], "bend_threshold": bend_threshold}
        judged += evaluate(stages, roles, **chosen, case=case)
    write_claims(claims, judged)


if __name__ == "__main__":
    launch(main, snakemake)
