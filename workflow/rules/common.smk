"""What all rules use: the checked configuration, and which stores a job reads."""

import atexit
import gc
import itertools
import sys
from functools import cache

# Rules and jobs stay to the end: to look for garbage among them again and again takes a third of the time of a plan.
gc.freeze()
gc.set_threshold(100_000)
atexit.register(gc.freeze)

# The repository's own folder, also where another workflow takes this one as a module; jobs look for symgeom here, too.
sys.path.insert(0, str(Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]))

from snakemake.exceptions import WorkflowError

from symgeom.ground.checks import SymgeomError
from symgeom.ground.memory import after_a_kill
from symgeom.models.noise.experiments.catalogue import EXPERIMENTS
from symgeom.study.planning import split
from symgeom.study.planning.checkpoints import checkpoints_of, shards_of
from symgeom.study.planning.code import code_digest, keep_memory
from symgeom.study.planning.configuration import complete
from symgeom.study.planning.ensembles import (
    arms_of_neighbours,
    arms_with_ensembles,
    pairs_of_ensembles,
)
from symgeom.study.planning.life import sign_of_life
from symgeom.study.planning.options import (
    BUDGET,
    DEFAULT,
    ROOT,
    arms_by,
    case_options,
    cases_by,
    command_options,
    exempt_of,
    goes_on,
    gpus,
    growing,
    pictures_of,
    recipe_of,
    stop_rules_of,
    training_of,
)
from symgeom.study.planning.sources import ConfigError

# The default configuration first: files that are given on the command line override it.
FILES = sorted(workflow.configfiles, key=lambda file: Path(file) != DEFAULT)
try:
    complete(config, FILES, workflow.config_settings.config)
except ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None

if workflow.is_main_process:
    try:
        SIGN_OF_LIFE = sign_of_life(Path(".snakemake"))
    except SymgeomError as mistake:
        raise WorkflowError(str(mistake)) from None


pathvars:
    results=f"results/{config['study']}",


# Block ".1", part "0.1", piece "0.1-2" of its pairs, slice "0" of their paths: symgeom/study/planning/split.py says what they are.
wildcard_constraints:
    case="|".join(config["cases"]),
    arm="|".join(config["arms"]),
    block=r"(?:\.\d+)?",
    part=r"\d+(?:\.\d+)?",
    piece=r"\d+(?:\.\d+)?(?:-\d+)?",
    slice=r"\d+",
    experiment="|".join(EXPERIMENTS),


BLOCKS = split.blocks_of(config)
PARTS = split.parts_of(config)
SPLIT = len(PARTS) > 1
CHAIN_PARTS = split.parts_of(config, "arms_per_chain_job")
SLICES = split.slices_of(config)

# The models that a study may ask for beside its cases, and the stages of those that it asks for.
STAGES_OF_MODELS = {
    "perceptron": ["solutions"],
    "ellipse": ["ellipses"],
    "two_layer": ["descents"],
    "noise_models": list((config["noise_models"] or {}).get("experiments", [])),
}
ASKED_MODELS = {model: stages for model, stages in STAGES_OF_MODELS.items() if config[model]}


# The stages that are measured where the study asks for a section.
OF_SECTIONS = {
    "valleys": ("valleys", "charts", "initialisations"),
    "neighbours": ("neighbours",),
}
UNASKED = [stage for section, of in OF_SECTIONS.items() if not config[section] for stage in of]


def stores(stage, names):
    """List the stores of one stage of a case."""
    return [f"<results>/{stage}/{{case}}/{name}.zarr.zip" for name in names]


def model_stores(*stages):
    """List the stores of some stages of the models that a study asks for."""
    return [
        f"<results>/{stage}/{model}.zarr.zip"
        for model, asked in ASKED_MODELS.items()
        for stage in asked
        if stage in stages
    ]


def batches(stage):
    """List the batches into which one stage of a case is split; one without pairs or planes only if none has any."""
    if stage in ("minima", "ledgers"):
        return list(dict.fromkeys(split.stores_of_minima(config).values()))
    if stage == "depths/minima":
        return list(dict.fromkeys(split.stores_of_minima({**config, "arms": TO_DEPTHS}).values()))
    if stage in ("initialisations", "simplices"):
        return ["all"]
    if stage == "neighbours":
        return arms_of_neighbours(config)
    if stage == "slices/paths":
        return [f"{piece}_{number}" for piece in batches("paths") for number in SLICES]
    if stage in PAIRED:
        members = {
            piece: pairs
            for part in PAIRED[stage].parts
            for piece, pairs in pieces(stage, part).items()
        }
    elif stage == "maps":
        members = {name: split.triples_of(config, part) for name, part in PARTS.items()}
    else:
        members = PARTS
    return [name for name, some in members.items() if some] or list(members)[:1]


def all_stores(stage):
    """List the stores of one stage of all cases; none if the study does not ask for it."""
    if stage in UNASKED:
        return []
    return lambda wildcards: expand(
        f"<results>/{stage}/{{case}}/{{name}}.zarr.zip", case=config["cases"], name=batches(stage)
    )


def network(wildcards):
    """Return a case's network, with what decides how it is evaluated."""
    evaluated = {"batch_norm": config["symmetry"]["batch_norm"], "device": config["device"]}
    return config["cases"][wildcards.case]["network"] | evaluated


def options_of(section):
    """Return the options of a measure on a case."""
    return lambda wildcards: case_options(config, section, wildcards.case)


def arms_of_part(wildcards):
    """List a part's arms."""
    return PARTS[wildcards.part].arms


def seeds_of_part(wildcards):
    """List a part's seeds."""
    return PARTS[wildcards.part].seeds


NAMES = [case["network"]["name"] for case in config["cases"].values()] + [
    arm["method"] for arm in config["arms"].values()
]
OWN_CODE = any(":" in name for name in NAMES)


def runs(script, of_networks=True, arms=lambda wildcards: []):
    """Return the name of a script, and the digest of its code and (of a job on networks) of the user's own."""
    if not (OWN_CODE and of_networks):
        return {
            "script": script,
            "code": code_digest(script),
        }  # the same for all jobs: Snakemake calls a function several times

    def digest(wildcards):
        methods = [config["arms"][arm]["method"] for arm in arms(wildcards)]
        return code_digest(
            script, own_code=[config["cases"][wildcards.case]["network"]["name"], *methods]
        )

    return {"script": script, "code": digest}


def needs(memory=2000, minutes=60, gpu=gpus(config)):
    """Return the resources of a job: megabytes, minutes, and whether it computes on the study's device."""
    return {"mem_mb": growing(memory), "runtime": growing(minutes), "gpu": gpu}


include: "pairs.smk"
