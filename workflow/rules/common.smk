"""All Python of the workflow: the checked configuration, and which files a job reads."""

import sys

# Not workflow.basedir, which is another workflow's folder where that takes this one as a module. Jobs look for symgeom here too.
sys.path[:0] = map(str, Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[:2])

import life
import split
import study
from snakemake.exceptions import WorkflowError

# The default configuration first: files that are given on the command line override it.
FILES = sorted(workflow.configfiles, key=lambda file: Path(file) != Path("config/config.yaml"))
try:
    for section in ("arms", "cases"):
        if isinstance(config.get(section), dict):
            config[section] = study.merged_in_order(section, config[section], FILES)
    config["arms"] = study.unfolded(config)
    study.check_config(config, FILES)
    config["claims"]["roles"] = study.given(config["claims"]["roles"])
except study.ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None

if workflow.is_main_process:
    SIGN_OF_LIFE = life.sign_of_life(Path(".snakemake"))


pathvars:
    results=f"results/{config['study']}",


# What the names of stores mean is said in split.py: block ".1", part "0.1", piece "0.1-2" of its pairs, slice "0" of their paths.
wildcard_constraints:
    case="|".join(config["cases"]),
    arm="|".join(config["arms"]),
    block=r"(?:\.\d+)?",
    part=r"\d+(?:\.\d+)?",
    piece=r"\d+(?:\.\d+)?(?:-\d+)?",
    slice=r"\d+",


BLOCKS = split.blocks_of(config)
PARTS = split.parts_of(config)
CHAIN_PARTS = split.parts_of(config, "arms_per_chain_job")
SLICES = split.slices_of(config)
MODELS = {model: stage for model, stage in {"perceptron": "solutions", "two_layer": "descents"}.items() if config[model]}


def stores(stage, names):
    """List the stores of one stage of a case."""
    return [f"<results>/{{case}}/{stage}/{name}.zarr.zip" for name in names]


def model_stores(*stages):
    """List the stores of some stages of the models that a study asks for."""
    return [f"<results>/{model}/{own}.zarr.zip" for model, own in MODELS.items() if own in stages]


def network(wildcards):
    """Return a case's network, with what decides how it is evaluated."""
    chosen = {"batch_norm": config["symmetry"]["batch_norm"], "device": config["device"]}
    return config["cases"][wildcards.case]["network"] | chosen


def measured(section):
    """Return the options of a measure on a case."""
    return lambda wildcards: study.measured(config, section, wildcards.case)


def batches(stage):
    """List the batches into which one stage of a case is split; one without pairs or planes only if none has any."""
    if stage in PAIRED:
        found = {piece: some for part in PAIRED[stage][0] for piece, some in pieces(stage, part).items()}
    elif stage == "maps":
        found = {name: split.triples_of(config, part) for name, part in PARTS.items()}
    else:
        trained = dict.fromkeys(split.minima_of(config).values())
        return list({"minima": trained, "ledgers": trained, "initialisations": ["all"]}.get(stage, PARTS))
    return [name for name, some in found.items() if some] or list(found)[:1]


def everything(stage):
    """List the stores of one stage of all cases."""
    return lambda wildcards: expand(f"<results>/{{case}}/{stage}/{{name}}.zarr.zip", case=config["cases"], name=batches(stage))


def arrays_of(figure):
    """List the stores that a figure is drawn from."""
    stages = FIGURES[figure][1]
    return [path for stage in stages for path in model_stores(stage) or stores(stage, batches(stage))]


def stop_rule(wildcards):
    """Return the stop rule that the figure of the training shows."""
    training = study.training_of(config, wildcards.case) if wildcards.figure == "training" else {}
    return {key: training[key] for key in ("stop_error", "stop_loss") if training}


include: "pairs.smk"
