"""Data, architecture and training: from a configuration to minima and the ledgers of their charges, or minima trained elsewhere."""


rule prepare_data:
    output:
        data="<results>/{case}/data.zarr.zip",
    log:
        "<results>/logs/prepare_data/{case}.log",
    benchmark:
        "<results>/benchmarks/prepare_data/{case}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(1500),
        runtime=study.growing(30),
        gpu=0,
    params:
        code=study.code_digest("prepare_data"),
        recipe=lambda wildcards: config["cases"][wildcards.case]["data"],
        root=config["data_root"],
    script:
        "../../scripts/prepare_data.py"


rule discover_symmetry:
    input:
        data="<results>/{case}/data.zarr.zip",
    output:
        symmetry="<results>/{case}/symmetry.json",
        trained="<results>/{case}/symmetry_as_trained.json",
    log:
        "<results>/logs/discover_symmetry/{case}.log",
    benchmark:
        "<results>/benchmarks/discover_symmetry/{case}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(10),
        gpu=study.gpus(config),
    params:
        code=code_of("discover_symmetry"),
        network=network,
    script:
        "../../scripts/discover_symmetry.py"


rule train_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry_as_trained.json",
    output:
        minima="<results>/{case}/minima/{arm}{block}.zarr.zip",
        ledgers="<results>/{case}/ledgers/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/train_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/train_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        arm="|".join(TRAINED) or NONE,
    priority: 2  # the longest jobs: begun last, they would run on when other cores are idle
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("train_minima", lambda wildcards: [wildcards.arm]),
        network=network,
        recipe=lambda wildcards: study.recipe_of(config, wildcards.arm),
        training=lambda wildcards: study.training_of(config, wildcards.case, wildcards.arm),
        seeds=lambda wildcards: BLOCKS[wildcards.block],
    script:
        "../../scripts/train_minima.py"


rule import_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry_as_trained.json",
        checkpoints=checkpoints,
    output:
        minima="<results>/{case}/minima/{arm}{block}.zarr.zip",
        ledgers="<results>/{case}/ledgers/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/import_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/import_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        arm="|".join(IMPORTED) or NONE,
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(20),
        gpu=0,
    params:
        code=code_of("import_minima"),
        network=network,
        precision=lambda wildcards: study.training_of(config, wildcards.case)["precision"],
        seeds=lambda wildcards: BLOCKS[wildcards.block],
    script:
        "../../scripts/import_minima.py"
