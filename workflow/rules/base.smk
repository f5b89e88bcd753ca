"""What the rules share: each takes over one of these, and says what it reads and writes and which script it runs."""


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


# Where a checkpoint makes what is reached, it is ancient, named first: a check that will run makes none of these run (learning.smk).
use rule job_on_case as job_on_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=minima_of_part,
        ancient=ancient("<results>/reached/{case}.json") if SPLIT else [],
        reached=checked_case if SPLIT else "<results>/reached/{case}/{part}.json",
    params:
        arms=arms_of_part,
        seeds=seeds_of_part,
