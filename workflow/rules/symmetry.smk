"""Symmetry removal: canonical networks with their certificates, alignments of all pairs, distances on the torus."""


rule canonicalise_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
        code=code_of("canonicalise_minima"),
    output:
        canonical="<results>/{case}/canonical/{part}.zarr.zip",
    log:
        "<results>/logs/canonicalise_minima/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/canonicalise_minima/{case}-{part}.tsv"
    priority: 1  # the longest way to the report leads through here
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(30),
        gpu=0,
    params:
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part],
        seeds=SEEDS,
        options=config["symmetry"],
    script:
        "../../scripts/canonicalise_minima.py"


rule align_pairs:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        canonical=earlier("canonical"),
        code=code_of("align_pairs"),
    output:
        alignments="<results>/{case}/alignments/{part}.zarr.zip",
    log:
        "<results>/logs/align_pairs/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/align_pairs/{case}-{part}.tsv"
    priority: 1  # the longest way to the report leads through here
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(60),
        gpu=0,
    params:
        network=network,
        pairs=pairs("all"),
        options=config["alignment"],
    script:
        "../../scripts/align_pairs.py"


rule measure_distances:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        canonical=earlier("canonical"),
        alignments="<results>/{case}/alignments/{part}.zarr.zip",
        code=code_of("measure_distances"),
    output:
        distances="<results>/{case}/distances/{part}.zarr.zip",
    log:
        "<results>/logs/measure_distances/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_distances/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(30),
        gpu=0,
    params:
        network=network,
        options={"bias_in_norm": config["symmetry"]["bias_in_norm"], **config["alignment"]},
    script:
        "../../scripts/measure_distances.py"
