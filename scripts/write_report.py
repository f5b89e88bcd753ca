"""Write the report of a study, and where it comes from."""

import json
from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.claims.record import read_claims
from symgeom.provenance import describe_run, run_statistics
from symgeom.report import alignment_facts, arm_rows, embed, minima_rows, render
from symgeom.store import open_study


def main(*, stores: Mapping, settings: Mapping, shown: Mapping, report: str, provenance: str) -> None:
    folder, arms = Path(report).parent, list(settings["arms"])
    tree = open_study(folder, files=[*stores["minima"], *stores["canonical"], *stores["alignments"]])
    runs = {case: minima_rows(tree[case]["minima"], tree[case]["canonical"], arms) for case in settings["cases"]}
    captions = {Path(file).stem: Path(file).read_text(encoding="utf-8") for file in stores["captions"]}
    statistics = [row for row in run_statistics(folder / "benchmarks") if row["rule"] != "write_report"]
    made = describe_run(statistics, Path(stores["template"]).parent)
    Path(provenance).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    page = render(
        stores["template"],
        folder=folder.as_posix(),
        settings=settings,
        claims=read_claims(stores["claims"]),
        questions=list(dict.fromkeys(figure["question"] for figure in shown.values())),
        figures=[embed(path, captions, shown) for path in stores["figures"]],
        runs=runs,
        arm_rows={case: arm_rows(rows, arms) for case, rows in runs.items()},
        alignments={case: alignment_facts(tree[case]["alignments"]) for case in settings["cases"]},
        made=made,
    )
    Path(report).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    launch(main, snakemake)
