"""What a study ends with: one page that shows everything."""

import os

# Where results lie in a default storage, what belongs to the repository does not: local() below.
PAGE = [os.path.relpath(file) for file in sorted((study.ROOT / "workflow/report").glob("*.*")) if file.suffix != ".rst"]


report: "../report/workflow.rst"


rule write_report:
    input:
        figures=[f"<results>/figures/{case}/{figure}.svg" for case, figure in DRAWN],
        thumbnails=[f"<results>/figures/{case}/{figure}.png" for case, figure in DRAWN],
        claims="<results>/claims.csv",
        barriers="<results>/barriers.csv",
        minima=everything("minima"),
        canonical=everything("canonical"),
        alignments=everything("alignments"),
        chains=everything("chains"),
        paths=everything("paths"),
        curvature=everything("curvature"),
        data=expand("<results>/{case}/data.zarr.zip", case=config["cases"]),
        models=model_stores(*MODELS.values()),
        captions=local(expand(f"{REPORT}/captions/{{figure}}.rst", figure=FIGURES)),
        template=local(f"{REPORT}/report.html.j2"),
        page=local(PAGE),
    output:
        report="<results>/report.html",
        provenance="<results>/provenance.json",
    log:
        "<results>/logs/write_report.log",
    benchmark:
        "<results>/benchmarks/write_report/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(1000),
        runtime=study.growing(10),
        gpu=0,
    params:
        code=study.code_digest("write_report"),
        run_with=study.options_of(FILES, cores="all"),
        settings={key: value for key, value in config.items() if key not in ("data_root", "granularity")},
        shown={figure: {"question": question, "stages": stages} for figure, (question, stages, _) in FIGURES.items()},
    script:
        "../../scripts/write_report.py"
