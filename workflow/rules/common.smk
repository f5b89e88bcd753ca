"""All Python of the workflow: the checked configuration, and which files a job reads."""

import sys

# Not workflow.basedir, which is another workflow's folder where that takes this one as a module. Jobs look for symgeom here too.
sys.path[:0] = map(str, Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[:2])

import study
from snakemake.exceptions import WorkflowError

# The default configuration first: files that are given on the command line override it.
FILES = sorted(workflow.configfiles, key=lambda file: Path(file) != Path("config/config.yaml"))
try:
    for section in ("arms", "cases"):
        if isinstance(config.get(section), dict):
            config[section] = study.merged_in_order(section, config[section], FILES)
    study.check_config(config, FILES)
    config["claims"]["roles"] = study.given(config["claims"]["roles"])
except study.ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None


pathvars:
    results=f"results/{config['study']}",


wildcard_constraints:
    case="|".join(config["cases"]),
    arm="|".join(config["arms"]),
    part=r"\d+",


PARTS = study.parts_of(config)
CHAIN_PARTS = study.parts_of(config, "arms_per_chain_job")
SEEDS = study.seeds_of(config)
MODELS = {model: stage for model, stage in {"perceptron": "solutions", "two_layer": "descents"}.items() if config[model]}


def stores(stage, names):
    """List the stores of one stage of a case."""
    return [f"<results>/{{case}}/{stage}/{name}.zarr.zip" for name in names]


def model_stores(stage):
    """List the stores of a stage of the models that a study asks for."""
    return [f"<results>/{model}/{own}.zarr.zip" for model, own in MODELS.items() if own == stage]


def network(wildcards):
    """Return a case's network, with what decides how it is evaluated."""
    chosen = {"batch_norm": config["symmetry"]["batch_norm"], "device": config["device"]}
    return config["cases"][wildcards.case]["network"] | chosen


def recipe_of(arm):
    """Return an arm's optimizer and its options."""
    return {key: value for key, value in config["arms"][arm].items() if key not in study.ARM_KEYS}


def training_of(case, arm=None):
    """Return how an arm trains on a case: what all do, what the case changes, and what the arm changes."""
    recipe = config["arms"].get(arm, {})
    own = {key: recipe[key] for key in study.ARM_KEYS if key in recipe}
    return config["training"] | config["cases"][case].get("training", {}) | own


def minima(wildcards):
    """List the trained networks of a part's arms."""
    return stores("minima", PARTS[wildcards.part])


def earlier(stage, parts=PARTS):
    """List the stores of a part's arms and of all arms before them."""
    order = list(config["arms"])

    def listed(wildcards):
        if stage == "minima":
            return stores(stage, order[: order.index(parts[wildcards.part][-1]) + 1])
        return stores(stage, study.parts_with(config, parts[wildcards.part], earlier=True))

    return listed


def aligned(wildcards):
    """List the alignments of the pairs of a chain part."""
    return stores("alignments", study.parts_with(config, CHAIN_PARTS[wildcards.part], earlier=False))


def measured(section):
    """Return the options of a measure on a case."""
    return lambda wildcards: study.measured(config, section, wildcards.case)


def pairs(cross_arm, parts=PARTS, **kinds):
    """List the pairs of minima that a part is responsible for."""
    return lambda wildcards: study.pairs_of(config, parts[wildcards.part], cross_arm, **kinds)


def batches(stage):
    """List the batches into which one stage of a case is split."""
    named = {"minima": config["arms"], "ledgers": config["arms"], "chains": CHAIN_PARTS, "initialisations": ["all"]}
    return list(named.get(stage, PARTS))


def everything(stage):
    """List the stores of one stage of all cases."""
    return expand(f"<results>/{{case}}/{stage}/{{name}}.zarr.zip", case=config["cases"], name=batches(stage))


def arrays_of(figure):
    """List the stores that a figure is drawn from."""
    stages = FIGURES[figure][1]
    return [path for stage in stages for path in model_stores(stage) or stores(stage, batches(stage))]


def stop_rule(wildcards):
    """Return the stop rule that the figure of the training shows."""
    training = training_of(wildcards.case) if wildcards.figure == "training" else {}
    return {key: training[key] for key in ("stop_error", "stop_loss") if training}
