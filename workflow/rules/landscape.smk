"""The landscape between minima (paths, chains) and around them (flatness)."""


rule measure_paths:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=earlier("minima"),
        canonical=earlier("canonical"),
        alignments="<results>/{case}/alignments/{part}.zarr.zip",
        code=study.code_of("measure_paths"),
    output:
        paths="<results>/{case}/paths/{part}.zarr.zip",
    log:
        "<results>/logs/measure_paths/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_paths/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        gpu=0,
    params:
        network=lookup(dpath="cases/{case}/network", within=config),
        pairs=pairs(config["paths"]["cross_arm"]),
        options=config["paths"],
    script:
        "../../scripts/measure_paths.py"


rule connect_chains:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        canonical=earlier("canonical", CHAIN_PARTS),
        alignments=aligned,
        code=study.code_of("connect_chains"),
    output:
        chains="<results>/{case}/chains/{part}.zarr.zip",
    log:
        "<results>/logs/connect_chains/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/connect_chains/{case}-{part}.tsv"
    priority: 1  # the longest way to the report leads through here
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        gpu=0,
    params:
        network=lookup(dpath="cases/{case}/network", within=config),
        pairs=pairs(config["chains"]["cross_arm"], CHAIN_PARTS),
        options=config["chains"],
        at_once=config["granularity"]["pairs_at_once"],
    script:
        "../../scripts/connect_chains.py"


rule measure_flatness:
    input:
        data="<results>/{case}/data.zarr.zip",
        minima=minima,
        code=study.code_of("measure_flatness"),
    output:
        flatness="<results>/{case}/flatness/{part}.zarr.zip",
    log:
        "<results>/logs/measure_flatness/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_flatness/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        gpu=0,
    params:
        network=lookup(dpath="cases/{case}/network", within=config),
        arms=lambda wildcards: PARTS[wildcards.part],
        seeds=SEEDS,
        options=config["flatness"],
    script:
        "../../scripts/measure_flatness.py"
