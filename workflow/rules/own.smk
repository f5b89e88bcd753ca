"""What users bring themselves: code of networks and optimizers, and minima that were trained elsewhere."""

TRAINED, IMPORTED = (study.arms_by(config, imported=imported) for imported in (False, True))
NONE = "(?!)"  # matches no arm


def checkpoints(wildcards):
    """List the files of an arm that was trained elsewhere."""
    try:
        return study.checkpoints_of(config, wildcards.case, wildcards.arm)
    except study.ConfigError as mistake:
        raise WorkflowError(str(mistake)) from None


def code_of(script, arms=lambda wildcards: []):
    """List the code that a job on a network depends on, with the user's own: of the network, and of some arms' optimizers."""

    def listed(wildcards):
        methods = [config["arms"][arm]["method"] for arm in arms(wildcards)]
        return study.code_of(script, own=[config["cases"][wildcards.case]["network"]["name"], *methods])

    return listed


def trained(wildcards):
    """List a part's arms whose training was seen."""
    return [arm for arm in PARTS[wildcards.part] if arm in TRAINED]


rule import_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry_as_trained.json",
        checkpoints=checkpoints,
        code=code_of("import_minima"),
    output:
        minima="<results>/{case}/minima/{arm}.zarr.zip",
        ledgers="<results>/{case}/ledgers/{arm}.zarr.zip",
    log:
        "<results>/logs/import_minima/{case}-{arm}.log",
    benchmark:
        "<results>/benchmarks/import_minima/{case}-{arm}.tsv"
    wildcard_constraints:
        arm="|".join(IMPORTED) or NONE,
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
    params:
        network=network,
        precision=lambda wildcards: training_of(wildcards.case)["precision"],
        seeds=SEEDS,
    script:
        "../../scripts/import_minima.py"
