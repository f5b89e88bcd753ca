"""Conserved charges: noise equilibria of minima, walks along their valleys, and where initialisations put networks."""


rule measure_equilibria:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
    output:
        equilibria="<results>/{case}/equilibria/{part}.zarr.zip",
    log:
        "<results>/logs/measure_equilibria/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_equilibria/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(60),
        gpu=study.gpus(config),
    params:
        code=code_of("measure_equilibria", lambda wildcards: PARTS[wildcards.part].arms),
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part].arms,
        recipes=lambda wildcards: {arm: study.recipe_of(config, arm) for arm in trained(wildcards)},
        batch_sizes=lambda wildcards: {
            arm: study.training_of(config, wildcards.case, arm)["batch_size"] for arm in trained(wildcards)
        },
        options=measured("equilibria"),
        seeds=lambda wildcards: PARTS[wildcards.part].seeds,
    script:
        "../../scripts/measure_equilibria.py"


rule walk_valleys:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
    output:
        valleys="<results>/{case}/valleys/{part}.zarr.zip",
    log:
        "<results>/logs/walk_valleys/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/walk_valleys/{case}-{part}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("walk_valleys"),
        network=network,
        arms=lambda wildcards: PARTS[wildcards.part].arms,
        trained=trained,
        seeds=lambda wildcards: PARTS[wildcards.part].seeds,
        options=measured("valleys"),
    script:
        "../../scripts/walk_valleys.py"


rule draw_initialisations:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
    output:
        initialisations="<results>/{case}/initialisations/all.zarr.zip",
    log:
        "<results>/logs/draw_initialisations/{case}.log",
    benchmark:
        "<results>/benchmarks/draw_initialisations/{case}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(1000),
        runtime=study.growing(20),
        gpu=0,
    params:
        code=code_of("draw_initialisations"),
        network=network,
        draws=config["valleys"] and config["valleys"]["draws"],
    script:
        "../../scripts/draw_initialisations.py"
