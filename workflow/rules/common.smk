"""All Python of the workflow: the checked configuration, and which files a job reads."""

import sys

sys.path.insert(0, workflow.basedir)

import study
from snakemake.exceptions import WorkflowError

config["arms"] = {name: arm for name, arm in config.get("arms", {}).items() if arm is not None}
try:
    study.check_config(config, workflow.configfiles)
except study.ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None


pathvars:
    results=f"results/{config['study']}",


wildcard_constraints:
    case="|".join(config["cases"]),
    arm="|".join(config["arms"]),
    part=r"\d+",


PARTS = study.parts_of(config)
SEEDS = study.seeds_of(config)


def stores(stage, names):
    """List the stores of one stage of a case."""
    return [f"<results>/{{case}}/{stage}/{name}.zarr.zip" for name in names]


def minima(wildcards):
    """List the trained networks of a part's arms."""
    return stores("minima", PARTS[wildcards.part])


def earlier_minima(wildcards):
    """List the trained networks of a part's arms and of all arms before them."""
    parts = study.parts_up_to(config, wildcards.part)
    return stores("minima", [arm for part in parts for arm in PARTS[part]])


def earlier_canonical(wildcards):
    """List the canonical networks of a part and of all parts before it."""
    return stores("canonical", study.parts_up_to(config, wildcards.part))


def pairs(cross_arm):
    """List the pairs of minima that a part is responsible for."""
    return lambda wildcards: study.pairs_of(config, wildcards.part, cross_arm)


def batches(stage):
    """List the batches into which one stage of a case is split."""
    return list(config["arms"] if stage in ("minima", "ledgers") else PARTS)


def everything(stage):
    """List the stores of one stage of all cases."""
    return expand(f"<results>/{{case}}/{stage}/{{name}}.zarr.zip", case=config["cases"], name=batches(stage))
