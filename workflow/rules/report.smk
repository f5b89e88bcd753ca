"""What a study ends with: the judged claims, the figures, and one page that shows everything."""

import os

REPORT = os.path.relpath(f"{workflow.basedir}/report")

FLATNESS = "Flatness: are some minima flatter, and do they generalise better?"
CONNECTION = "Connection: is there a way between two minima at almost no error?"
DYNAMICS = "Dynamics: what does training conserve, and where does its noise drive the weights?"
LEVEL = {"level": config["claims"]["level"]}
STOP = {key: config["training"][key] for key in ("stop_error", "stop_loss")}
THRESHOLD = {"threshold": config["chains"]["threshold"]}

# figure: the question that it answers, the stages that it is drawn from (none: the claims), what else it depends on
FIGURES = {
    "claims": ("Verdicts: how clear is each verdict?", [], LEVEL),
    "training": ("Training: how were the minima reached?", ["minima"], STOP),
    "flatness": (FLATNESS, ["minima", "flatness"], LEVEL),
    "generalisation": (FLATNESS, ["minima", "flatness"], LEVEL),
    "distances": ("Distances: how far apart are minima, modulo symmetries?", ["minima", "distances"], {}),
    "barriers": (CONNECTION, ["minima", "paths"], {}),
    "barrier_matrices": (CONNECTION, ["minima", "paths"], {}),
    "chains": (CONNECTION, ["minima", "chains"], THRESHOLD),
    "charges": (DYNAMICS, ["minima", "ledgers"], LEVEL),
    "equilibria": (DYNAMICS, ["minima", "equilibria"], {}),
}


wildcard_constraints:
    figure="|".join(FIGURES),


rule evaluate_claims:
    input:
        minima=everything("minima"),
        flatness=everything("flatness"),
        distances=everything("distances"),
        paths=everything("paths"),
        chains=everything("chains"),
        ledgers=everything("ledgers"),
        equilibria=everything("equilibria"),
        code=study.code_of("evaluate_claims"),
    output:
        claims="<results>/claims.csv",
    log:
        "<results>/logs/evaluate_claims.log",
    benchmark:
        "<results>/benchmarks/evaluate_claims/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
    params:
        cases=list(config["cases"]),
        options=config["claims"],
        bend_threshold=config["chains"]["threshold"],
    script:
        "../../scripts/evaluate_claims.py"


rule draw_figure:
    input:
        arrays=lambda wildcards: [path for stage in FIGURES[wildcards.figure][1] for path in stores(stage, batches(stage))],
        claims=lambda wildcards: [] if FIGURES[wildcards.figure][1] else ["<results>/claims.csv"],
        code=lambda wildcards: study.code_of("draw_figure", f"figures/{wildcards.figure}"),
    output:
        svg=report("<results>/figures/{case}/{figure}.svg", category="{case}", labels={"figure": "{figure}"}),
        png="<results>/figures/{case}/{figure}.png",
        pdf="<results>/figures/{case}/{figure}.pdf",
    log:
        "<results>/logs/draw_figure/{case}-{figure}.log",
    benchmark:
        "<results>/benchmarks/draw_figure/{case}-{figure}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        arms=list(config["arms"]),
        settings=lambda wildcards: FIGURES[wildcards.figure][2],
    script:
        "../../scripts/draw_figure.py"


rule write_report:
    input:
        figures=expand("<results>/figures/{case}/{figure}.svg", case=config["cases"], figure=FIGURES),
        claims="<results>/claims.csv",
        minima=everything("minima"),
        canonical=everything("canonical"),
        alignments=everything("alignments"),
        captions=expand(f"{REPORT}/captions/{{figure}}.rst", figure=FIGURES),
        template=f"{REPORT}/report.html.j2",
        code=study.code_of("write_report"),
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
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        settings={key: value for key, value in config.items() if key not in ("data_root", "granularity")},
        shown={figure: {"question": question, "stages": stages} for figure, (question, stages, _) in FIGURES.items()},
    script:
        "../../scripts/write_report.py"
