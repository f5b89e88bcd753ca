"""Write the report of a study, and where the study comes from."""

from collections.abc import Mapping
from pathlib import Path

from symgeom.ground.checksums import checked
from symgeom.ground.whole_files import write_text
from symgeom.study.claims.record import read_claims
from symgeom.study.constants import constant_rows
from symgeom.study.provenance import describe_study, write_provenance
from symgeom.study.report.facts import Stores, read_facts
from symgeom.study.report.page import render
from symgeom.study.report.pictures import Words, embed_all, questions_of


def write_report(
    report: str | Path,
    provenance: str | Path,
    stores: Stores,
    *,
    settings: Mapping[str, Mapping],
    shown: Mapping[str, Words],
    run_with: str,
) -> None:
    """Write the report and the provenance of a study.

    Parameters
    ----------
    report, provenance : str or Path
        The files to write; the report lies in the folder of the study.
    stores : mapping of str to str or list of str
        What is read, by name.
    settings : mapping
        The configuration of the study.
    shown : mapping of str to Words
        What is said of each figure, in the order of the page.
    run_with : str
        The options of snakemake with which a figure is made again.
    """
    folder = Path(report).parent
    template = Path(stores["template"])
    cases = list(settings["cases"])
    arms = list(settings["arms"])
    facts = read_facts(folder, stores, cases, arms)
    made = describe_study(folder, repository=template.parent)
    write_provenance(provenance, made | {"configuration": settings})
    figures = embed_all(stores["figures"], shown)
    judgements = read_claims(checked(stores["claims"]))
    page = render(
        template,
        **vars(facts),
        run_with=run_with,
        folder=folder.as_posix(),
        settings=settings,
        claims=[judgement for judgement in judgements if judgement.kind == "claim"],
        checks=[judgement for judgement in judgements if judgement.kind == "check"],
        questions=questions_of(figures, shown),
        figures=figures,
        made=made,
        constants=constant_rows(stores["models"], level=settings["claims"]["level"]),
    )
    write_text(report, page)
