"""What the rules share: each takes over one of these, and says what it reads, what it writes and which script it runs."""

NAMES = [case["network"]["name"] for case in config["cases"].values()] + [
    arm["method"] for arm in config["arms"].values()
]
OWN_CODE = any(":" in name for name in NAMES)


def runs(script, of_networks=True, arms=lambda wildcards: []):
    """Return the script of a rule and the digest of its code: of a job on networks with the user's own, of network and optimizers."""
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


rule job:
    log:
        "<results>/logs/job.log",
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        **needs(),
    script:
        "../../scripts/{params.script}.py"


use rule job as job_on_case with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
    params:
        network=network,


use rule job_on_case as job_on_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=minima_of_part,
    params:
        arms=arms_of_part,
        seeds=seeds_of_part,
