"""Which figures a study asks for, and from what they are drawn."""

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
    claims = ["<results>/claims.csv"] if draws_claims(figures) else []
    return expand(names, case=case) + claims


def draws_claims(figures):
    """Say whether one of the figures is drawn from the table of claims."""
    return not all(figure.stages for figure in figures)


def checksums_of_tables(figures):
    """List the checksums of the tables that some figures are drawn from."""
    return ["<results>/tables.sha256"] if draws_claims(figures) else []


def checksums():
    """List the checksums of the tables and of all figures."""
    of_figures = [f"<results>/figures/{case}/figures.sha256" for case in FIGURES]
    return ["<results>/tables.sha256", *of_figures]


def configuration_of(case):
    """Return the configuration that holds for a case or a model."""
    return config if case in ASKED_MODELS else catalogue.configuration_of_case(config, case)
