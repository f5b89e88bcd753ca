"""Write the report of a study, and where it comes from."""

from collections.abc import Mapping
from pathlib import Path

from _launch import launch

from symgeom.ground.whole import write_text
from symgeom.study.claims.record import read_claims
from symgeom.study.provenance import describe_study, write_provenance
from symgeom.study.report.facts import read_facts
from symgeom.study.report.page import render
from symgeom.study.report.pictures import embed_all, questions_of


def main(
    *,
    stores: Mapping,
    settings: Mapping,
    shown: Mapping,
    run_with: str,
    report: str,
    provenance: str,
) -> None:
    folder = Path(report).parent
    template = Path(stores["template"])
    cases = list(settings["cases"])
    arms = list(settings["arms"])
    facts = read_facts(folder, stores, cases, arms, barriers=stores["barriers"])
    made = describe_study(folder, repository=template.parent)
    figures = embed_all(stores["figures"], stores["captions"], shown)
    write_provenance(provenance, made)
    page = render(
        template,
        **vars(facts),
        run_with=run_with,
        folder=folder.as_posix(),
        settings=settings,
        claims=read_claims(stores["claims"]),
        questions=questions_of(figures, shown),
        figures=figures,
        made=made,
    )
    write_text(report, page)


if __name__ == "__main__":
    launch(main, snakemake)
