"""Minima that users bring themselves, trained elsewhere."""

TRAINED = arms_by(config, imported=False)
IMPORTED = arms_by(config, imported=True)
AT_BUDGETS = [arm for arm in TRAINED if BUDGET in config["arms"][arm]]
TO_DEPTHS = [arm for arm in TRAINED if arm not in AT_BUDGETS]
NOTHING = "(?!)"  # a pattern that nothing matches

CHECKPOINTS = {}
try:  # here and not in an input function, whose error snakemake would overlook where an earlier store exists
    for case, arm in itertools.product(config["cases"], IMPORTED):
        CHECKPOINTS[case, arm] = checkpoints_of(config, case, arm)
        shards_of(CHECKPOINTS[case, arm].values())
except ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None


def trained_arms(wildcards):
    """List a part's arms whose training was seen."""
    return [arm for arm in arms_of_part(wildcards) if arm in TRAINED]


def checkpoint_files(wildcards):
    """List the files of an imported arm's seeds: the user's own, which lie in no storage of results."""
    files = CHECKPOINTS[wildcards.case, wildcards.arm]
    return local([files[seed] for seed in BLOCKS[wildcards.block]])


def shard_files(wildcards):
    """List the shards that they consist of, where these are indices."""
    return local(shards_of(checkpoint_files(wildcards)))
