"""The noise of SGD: how far each minimum, and its initialisation, is from the noise equilibrium."""


rule measure_equilibria:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=minima,
        code=study.code_of("measure_equilibria"),
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
        mem_mb=2000,
        runtime=60,
        gpu=0,
    params:
        network=network,
        recipes=lambda wildcards: {arm: recipe_of(arm) for arm in PARTS[wildcards.part]},
        batch_sizes=lambda wildcards: {arm: training_of(wildcards.case, arm)["batch_size"] for arm in PARTS[wildcards.part]},
        options=measured("equilibria"),
        seeds=SEEDS,
    script:
        "../../scripts/measure_equilibria.py"
