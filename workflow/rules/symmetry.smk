"""Symmetry removal: canonical networks with their certificates, alignments of all pairs, distances on the torus."""


rule canonicalise_minima:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
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
        code=code_of("canonicalise_minima"),
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part].arms,
        seeds=lambda wildcards: PARTS[wildcards.part].seeds,
        options=config["symmetry"],
    script:
        "../../scripts/canonicalise_minima.py"


rule align_pairs:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        canonical=ends("canonical", "alignments"),
    output:
        alignments="<results>/{case}/alignments/{piece}.zarr.zip",
    log:
        "<results>/logs/align_pairs/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/align_pairs/{case}-{piece}.tsv"
    priority: 1  # the longest way to the report leads through here
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(60),
        gpu=0,
    params:
        code=code_of("align_pairs"),
        network=network,
        pairs=pairs("alignments"),
        options=config["alignment"],
    script:
        "../../scripts/align_pairs.py"


rule measure_distances:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        canonical=ends("canonical", "alignments"),
        alignments="<results>/{case}/alignments/{piece}.zarr.zip",
    output:
        distances="<results>/{case}/distances/{piece}.zarr.zip",
    log:
        "<results>/logs/measure_distances/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/measure_distances/{case}-{piece}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(30),
        gpu=0,
    params:
        code=code_of("measure_distances"),
        network=network,
        options={"bias_in_norm": config["symmetry"]["bias_in_norm"], **config["alignment"]},
    script:
        "../../scripts/measure_distances.py"
