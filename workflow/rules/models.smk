"""Models whose theory is known, beside the networks: the spherical perceptron, and two layers."""


rule solve_perceptron:
    output:
        solutions="<results>/perceptron/solutions.zarr.zip",
    log:
        "<results>/logs/solve_perceptron.log",
    benchmark:
        "<results>/benchmarks/solve_perceptron/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(1000),
        runtime=study.growing(30),
        gpu=0,
    params:
        code=study.code_digest("solve_perceptron"),
        options=config["perceptron"],
    script:
        "../../scripts/solve_perceptron.py"


rule descend_two_layer:
    output:
        descents="<results>/two_layer/descents.zarr.zip",
    log:
        "<results>/logs/descend_two_layer.log",
    benchmark:
        "<results>/benchmarks/descend_two_layer/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(1000),
        runtime=study.growing(60),
        gpu=0,
    params:
        code=study.code_digest("descend_two_layer"),
        options=config["two_layer"],
    script:
        "../../scripts/descend_two_layer.py"
