"""The figures: which questions they answer, and from what they are drawn."""

import os
from pathlib import Path

REPORT = os.path.relpath(ROOT / "workflow/report")

FLATNESS = "Flatness: are some minima flatter, and do they generalise better?"
CONNECTION = "Connection: is there a way between two minima at almost no error?"
DYNAMICS = "Dynamics: what does training conserve, and where does its noise drive the weights?"
THEORY = "Theory: what do models say that can be solved?"
LEVEL = {"level": config["claims"]["level"]}
RESAMPLES = {"resamples": config["claims"]["resamples"]}
THRESHOLD = {"threshold": config["chains"]["threshold"]}

# figure: the question that it answers, the stages that it is drawn from (none: the claims), what else it depends on
FIGURES = {
    "claims": ("Verdicts: how clear is each verdict?", [], LEVEL),
    "training": ("Training: how were the minima reached?", ["minima"], {}),
    "flatness": (FLATNESS, ["minima", "flatness", "curvature"], LEVEL),
    "generalisation": (FLATNESS, ["minima", "flatness"], LEVEL),
    "measures": (FLATNESS, ["minima", "flatness", "curvature"], LEVEL | RESAMPLES),
    "noises": (FLATNESS, ["minima", "flatness"], LEVEL),
    "layers": (FLATNESS, ["minima", "flatness", "curvature"], LEVEL),
    "spectra": (FLATNESS, ["minima", "curvature"], LEVEL),
    "distances": (
        "Distances: how far apart are minima, modulo symmetries?",
        ["minima", "distances"],
        {},
    ),
    "barriers": (CONNECTION, ["minima", "paths"], {}),
    "barrier_matrices": (CONNECTION, ["minima", "paths"], {}),
    "star": (CONNECTION, ["minima", "paths"], {"roles": config["claims"]["roles"]}),
    "maps": (CONNECTION, ["minima", "maps"], {}),
    "chains": (CONNECTION, ["minima", "chains"], THRESHOLD),
    "charges": (DYNAMICS, ["minima", "ledgers"], LEVEL),
    "equilibria": (DYNAMICS, ["minima", "equilibria"], {}),
    "starts": (DYNAMICS, ["minima", "valleys", "initialisations"], {}),
    "valleys": (DYNAMICS, ["minima", "valleys"], LEVEL),
    "coordinates": (DYNAMICS, ["minima", "valleys", "distances"], LEVEL | RESAMPLES),
    "perceptron": (THEORY, ["solutions"], {}),
    "model_drift": (THEORY, ["descents"], {}),
    "model_rates": (THEORY, ["descents"], {}),
    "model_valley": (THEORY, ["descents"], {}),
}
OF_MODELS = {
    figure: model
    for figure, (_, stages, _) in FIGURES.items()
    for model, stage in ASKED_MODELS.items()
    if stage in stages
}
LEFT_OUT = [] if config["valleys"] else ["starts", "valleys", "coordinates"]
OF_CASES = [
    figure
    for figure, (question, *_) in FIGURES.items()
    if question != THEORY and figure not in LEFT_OUT
]
DRAWN = [(case, figure) for case in config["cases"] for figure in OF_CASES]
DRAWN += [(model, figure) for figure, model in OF_MODELS.items()]


def arrays_of(figure):
    """List the stores that a figure is drawn from."""
    stages = FIGURES[figure][1]
    return [
        path for stage in stages for path in model_stores(stage) or stores(stage, batches(stage))
    ]


def stop_rule(wildcards):
    """Return the stop rule that the figure of the training shows."""
    training = training_of(config, wildcards.case) if wildcards.figure == "training" else {}
    return {key: training[key] for key in ("stop_error", "stop_loss") if training}


wildcard_constraints:
    figure="|".join(FIGURES),


use rule job as draw_figure with:
    input:
        arrays=lambda wildcards: arrays_of(wildcards.figure),
        claims=lambda wildcards: [] if FIGURES[wildcards.figure][1] else ["<results>/claims.csv"],
    output:
        svg=report(
            "<results>/figures/{case}/{figure}.svg",
            caption="../report/figure.rst",
            category="{case}",
            subcategory=lambda wildcards: FIGURES[wildcards.figure][0],
            labels={"figure": "{figure}"},
        ),
        png="<results>/figures/{case}/{figure}.png",
        pdf="<results>/figures/{case}/{figure}.pdf",
    log:
        "<results>/logs/draw_figure/{case}-{figure}.log",
    benchmark:
        "<results>/benchmarks/draw_figure/{case}-{figure}.tsv"
    wildcard_constraints:
        case="|".join([*config["cases"], *ASKED_MODELS]),
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
    params:
        script="draw_figure",
        code=lambda wildcards: code_digest("draw_figure", f"study/figures/{wildcards.figure}"),
        arms=list(config["arms"]),
        settings=lambda wildcards: FIGURES[wildcards.figure][2] | stop_rule(wildcards),
        # A path is not compared with that of the last run, nor is its text: a figure is not drawn again for its caption.
        caption=lambda wildcards: Path(f"{REPORT}/captions/{wildcards.figure}.rst"),
