"""The landscape between minima beyond straight paths: trained chains, and planes through three."""


rule connect_chains:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=ends("minima", "chains"),
        canonical=ends("canonical", "chains"),
        alignments=aligned("chains"),
    output:
        chains="<results>/{case}/chains/{piece}.zarr.zip",
    log:
        "<results>/logs/connect_chains/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/connect_chains/{case}-{piece}.tsv"
    priority: 1  # the longest way to the report leads through here
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("connect_chains"),
        network=network,
        pairs=pairs("chains"),
        options=measured("chains"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
        at_once=config["granularity"]["pairs_at_once"],
    script:
        "../../scripts/connect_chains.py"


rule map_planes:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=corners("minima"),
        canonical=corners("canonical"),
        alignments=lambda wildcards: aligning(itertools.chain(*planes(wildcards))),
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
        code=code_of("map_planes"),
        network=network,
        planes=planes,
        options=measured("maps"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/map_planes.py"
