"""Data, architecture and training: from a configuration to minima and the ledgers of their charges, or minima trained elsewhere."""


rule prepare_data:
    input:
        code=study.code_of("prepare_data"),
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
        recipe=lookup(dpath="cases/{case}/data", within=config),
        root=config["data_root"],
    script:
        "../../scripts/prepare_data.py"


rule discover_symmetry:
    input:
        data="<results>/{case}/data.zarr.zip",
        code=code_of("discover_symmetry"),
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
        network=network,
    script:
        "../../scripts/discover_symmetry.py"


rule train_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry_as_trained.json",
        code=code_of("train_minima", lambda wildcards: [wildcards.arm]),
    output:
        minima="<results>/{case}/minima/{arm}.zarr.zip",
        ledgers="<results>/{case}/ledgers/{arm}.zarr.zip",
    log:
        "<results>/logs/train_minima/{case}-{arm}.log",
    benchmark:
        "<results>/benchmarks/train_minima/{case}-{arm}.tsv"
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
        network=network,
        recipe=lambda wildcards: recipe_of(wildcards.arm),
        training=lambda wildcards: training_of(wildcards.case, wildcards.arm),
        seeds=SEEDS,
    script:
        "../../scripts/train_minima.py"


rule import_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry_as_trained.json",
        checkpoints=lambda wildcards: CHECKPOINTS[wildcards.case, wildcards.arm],
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
        mem_mb=study.growing(2000),
        runtime=study.growing(20),
        gpu=0,
    params:
        network=network,
        precision=lambda wildcards: training_of(wildcards.case)["precision"],
        seeds=SEEDS,
    script:
        "../../scripts/import_minima.py"
