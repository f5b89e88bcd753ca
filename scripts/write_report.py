"""Write the report of a study, and where it comes from."""

import json
from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.ground.whole_files import write_text
from symgeom.store import open_study, read_store
from symgeom.study.claims.record import read_claims
from symgeom.study.provenance import describe_run, run_statistics
from symgeom.study.report.page import render
from symgeom.study.report.pictures import embed
from symgeom.study.report.tables import (
    alignment_facts,
    arm_rows,
    barrier_rows,
    data_facts,
    diverged_chains,
    minima_rows,
)

STAGES = ("minima", "canonical", "chains")
COUNTED = ("class", "train_class_count", "test_class_count")


def main(
    *,
    stores: Mapping,
    settings: Mapping,
    shown: Mapping,
    run_with: str,
    report: str,
    provenance: str,
) -> None:
    folder, arms, cases = Path(report).parent, list(settings["arms"]), list(settings["cases"])
    tree = open_study(
        folder, files=[path for stage in STAGES for path in stores[stage]], weights=False
    )
    matched = open_study(
        folder, files=stores["alignments"], lazy=True
    )  # for its columns; the permutations are large
    runs = {
        case: minima_rows(tree[case]["minima"], tree[case]["canonical"], arms) for case in cases
    }
    impossible: dict[str, set[str]] = {case: set() for case in cases}
    undefined: dict[str, list[str]] = {case: [] for case in cases}
    for file in (*stores["paths"], *stores["curvature"]):
        attrs = read_store(file, only=()).attrs
        impossible[Path(file).parts[-3]].update(attrs["left_out"])
        undefined[Path(file).parts[-3]] += attrs.get("undefined", [])
    captions = {
        Path(file).stem: Path(file).read_text(encoding="utf-8") for file in stores["captions"]
    }
    statistics = [
        row for row in run_statistics(folder / "benchmarks") if row["rule"] != "write_report"
    ]
    made = describe_run(statistics, Path(stores["template"]).parent)
    write_text(provenance, json.dumps(made, indent=2) + "\n")
    figures = [embed(path, captions, shown) for path in stores["figures"]]
    drawn = {figure["question"] for figure in figures}
    page = render(
        stores["template"],
        run_with=run_with,
        folder=folder.as_posix(),
        settings=settings,
        claims=read_claims(stores["claims"]),
        questions=[
            name
            for name in dict.fromkeys(each["question"] for each in shown.values())
            if name in drawn
        ],
        figures=figures,
        runs=runs,
        arm_rows={case: arm_rows(rows, arms) for case, rows in runs.items()},
        alignments={case: alignment_facts(matched[case]["alignments"]) for case in cases},
        diverged={case: diverged_chains(tree[case]["chains"]) for case in cases},
        left_out={case: sorted(names) for case, names in impossible.items()},
        undefined=undefined,
        barriers={case: barrier_rows(stores["barriers"], case, arms) for case in cases},
        data={
            case: data_facts(read_store(file, only=COUNTED))
            for case, file in zip(cases, stores["data"], strict=True)
        },
        made=made,
    )
    write_text(report, page)


if __name__ == "__main__":
    launch(main, snakemake)
