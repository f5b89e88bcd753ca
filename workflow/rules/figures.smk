"""The figures of the cases and of the models: one job draws all of a case, each made of a record in symgeom/study/figures."""

from symgeom.study.figures import catalogue
from symgeom.study.report.captions import write_captions

# The figures that the study asks for, by case or model.
FIGURES = {case: catalogue.figures_of_case(config, case) for case in config["cases"]}
FIGURES |= {model: catalogue.figures_of_model(config, model) for model in ASKED_MODELS}

# Snakemake's own report takes captions from files.
CAPTIONS = Path(".snakemake/captions").absolute()
if workflow.is_main_process:
    write_captions(catalogue.all_figures(), CAPTIONS)


def pictures(ending, of_reference=False):
    """List the files of all figures in one format."""
    return [
        f"<results>/figures/{case}/{figure.name}.{ending}"
        for case, figures in FIGURES.items()
        for figure in figures
        if figure.in_reference(config) or not of_reference
    ]


def files_of(case, figures):
    """List the stores that the figures of a case are drawn from, and the claims if these are drawn."""
    stages = dict.fromkeys(stage for figure in figures for stage in figure.stages)
    if case in ASKED_MODELS:
        return model_stores(*stages)
    names = [path for stage in stages for path in stores(stage, batches(stage))]
    claims = [] if all(figure.stages for figure in figures) else ["<results>/claims.csv"]
    return expand(names, case=case) + claims


def configuration_of(case):
    """Return the configuration that holds for a case or a model."""
    return config if case in ASKED_MODELS else catalogue.configuration_of_case(config, case)


# Cases may ask for different figures, and outputs cannot depend on wildcards: each has a rule of its own.
for case, figures in FIGURES.items():

    rule:
        name:
            f"draw_figures_{case}"
        input:
            files=files_of(case, figures),
        output:
            svg=[
                report(
                    f"<results>/figures/{case}/{figure.name}.svg",
                    caption=f"{CAPTIONS}/{figure.name}.rst",
                    category=case,
                    subcategory=figure.question,
                    labels={"figure": figure.name},
                )
                for figure in figures
            ],
            png=[f"<results>/figures/{case}/{figure.name}.png" for figure in figures],
            pdf=[f"<results>/figures/{case}/{figure.name}.pdf" for figure in figures],
        log:
            f"<results>/logs/draw_figures/{case}.log",
        benchmark:
            f"<results>/benchmarks/draw_figures/{case}.tsv"
        localrule: True
        conda:
            "../envs/symgeom.yaml"
        threads: 1
        resources:
            **needs(memory=1000, minutes=10, gpu=0),
        params:
            code=code_digest(
                "draw_figures", *(f"study/figures/{figure.name}" for figure in figures)
            ),
            case=case,
            figures=[figure.name for figure in figures],
            arms=[] if case in ASKED_MODELS else list(config["arms"]),
            settings=catalogue.settings_of(figures, configuration_of(case)),
        script:
            "../../scripts/draw_figures.py"
