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


use rule job_on_case as job_on_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=minima_of_part,
        reached="<results>/reached/{case}/{part}.json",
    params:
        arms=arms_of_part,
        seeds=seeds_of_part,
