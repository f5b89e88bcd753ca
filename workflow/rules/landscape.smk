"""The landscape between minima: paths, chains and planes."""


rule measure_paths:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=earlier("minima"),
        canonical=earlier("canonical"),
        alignments="<results>/{case}/alignments/{part}.zarr.zip",
        code=code_of("measure_paths"),
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
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        network=network,
        pairs=pairs(config["paths"]["cross_arm"], star=config["paths"]["star"]),
        options=measured("paths"),
        alignment=config["alignment"],
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/measure_paths.py"


rule connect_chains:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=earlier("minima", CHAIN_PARTS),
        canonical=earlier("canonical", CHAIN_PARTS),
        alignments=aligned,
        code=code_of("connect_chains"),
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
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        network=network,
        pairs=pairs(config["chains"]["cross_arm"], CHAIN_PARTS, within=config["chains"]["within"]),
        options=measured("chains"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
        at_once=config["granularity"]["pairs_at_once"],
    script:
        "../../scripts/connect_chains.py"


rule map_planes:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=earlier("minima"),
        canonical=earlier("canonical"),
        alignments=earlier("alignments"),
        code=code_of("map_planes"),
    output:
        maps="<results>/{case}/maps/{part}.zarr.zip",
    log:
        "<results>/logs/map_planes/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/map_planes/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        network=network,
        planes=lambda wildcards: study.triples_of(config, PARTS[wildcards.part]),
        options=measured("maps"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/map_planes.py"
