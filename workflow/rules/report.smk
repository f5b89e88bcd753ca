"""What a study ends with: one page that shows everything."""

import os

# Where results lie in a default storage, what belongs to the repository does not: local() below.
PAGE = [
    os.path.relpath(file)
    for file in sorted((ROOT / "workflow/report").glob("*.*"))
    if file.suffix != ".rst"
]


REPORT = os.path.relpath(ROOT / "workflow/report")


report: "../report/workflow.rst"


use rule job as write_report with:
    input:
        figures=pictures("svg"),
        thumbnails=pictures("png"),
        claims="<results>/claims.csv",
        barriers="<results>/barriers.csv",
        ensembles="<results>/ensembles.csv",
        checksums=checksums(),
        minima=all_stores("minima"),
        canonical=all_stores("canonical"),
        alignments=all_stores("alignments"),
        chains=all_stores("chains"),
        paths=all_stores("paths"),
        curvature=all_stores("curvature"),
        flatness=all_stores("flatness"),
        orbits=all_stores("orbits"),
        data=expand("<results>/data/{case}.zarr.zip", case=config["cases"]),
        choices=expand("<results>/depths/{case}.choice.json", case=cases_by(config, stop="common")),
        models=model_stores(*itertools.chain(*ASKED_MODELS.values())),
        template=local(f"{REPORT}/report.html.j2"),
        page=local(PAGE),
    output:
        report="<results>/report.html",
        provenance="<results>/provenance.json",
    log:
        "<results>/logs/write_report.log",
    benchmark:
        "<results>/benchmarks/write_report/all.tsv"
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
    params:
        **runs("write_report", of_networks=False),
        run_with=command_options(FILES, cores="all"),
        settings={
            key: value for key, value in config.items() if key not in ("data_root", "granularity")
        },
        shown={figure.name: figure.words for figure in catalogue.all_figures()},
