"""The landscape around minima: how the error rises with noise on the weights, and how the loss curves."""


rule measure_flatness:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
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
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("measure_flatness"),
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part].arms,
        seeds=lambda wildcards: PARTS[wildcards.part].seeds,
        options=measured("flatness"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/measure_flatness.py"


rule measure_curvature:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
    output:
        curvature="<results>/{case}/curvature/{part}.zarr.zip",
    log:
        "<results>/logs/measure_curvature/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_curvature/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("measure_curvature"),
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part].arms,
        seeds=lambda wildcards: PARTS[wildcards.part].seeds,
        options=measured("curvature"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/measure_curvature.py"
