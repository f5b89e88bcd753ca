"""What users bring themselves: code of networks and optimizers, and minima that were trained elsewhere."""

TRAINED, IMPORTED = (study.arms_by(config, imported=imported) for imported in (False, True))
NONE = "(?!)"  # matches no arm
try:  # here and not in an input function, whose error snakemake would overlook where an earlier store exists
    CHECKPOINTS = {(case, arm): study.checkpoints_of(config, case, arm) for case in config["cases"] for arm in IMPORTED}
except study.ConfigError as mistake:
    raise WorkflowError(str(mistake)) from None


NAMES = [each["network"]["name"] for each in config["cases"].values()] + [arm["method"] for arm in config["arms"].values()]


def code_of(script, arms=lambda wildcards: []):
    """Digest the code that a job on a network depends on, with the user's own: of the network, and of some arms' optimizers."""
    if not any(":" in name for name in NAMES):
        return study.code_digest(script)  # the same for all jobs: Snakemake calls a function several times for each

    def digest(wildcards):
        methods = [config["arms"][arm]["method"] for arm in arms(wildcards)]
        return study.code_digest(script, own=[config["cases"][wildcards.case]["network"]["name"], *methods])

    return digest


def trained(wildcards):
    """List a part's arms whose training was seen."""
    return [arm for arm in PARTS[wildcards.part].arms if arm in TRAINED]


def checkpoints(wildcards):
    """List the files of an imported arm's seeds: the user's own, which lie in no storage of results."""
    return local([CHECKPOINTS[wildcards.case, wildcards.arm][seed] for seed in BLOCKS[wildcards.block]])
