"""Models whose theory is known, beside the networks: the spherical perceptron, and two layers."""

# model: the stage that it is measured in
MODELS = {model: stage for model, stage in {"perceptron": "solutions", "two_layer": "descents"}.items() if config[model]}


def model_stores(stage):
    """List the stores of a stage of the models that a study asks for."""
    return [f"<results>/{model}/{of_model}.zarr.zip" for model, of_model in MODELS.items() if of_model == stage]


rule solve_perceptron:
    input:
        code=study.code_of("solve_perceptron"),
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
        mem_mb=1000,
        runtime=30,
        gpu=0,
    params:
        options=config["perceptron"],
    script:
        "../../scripts/solve_perceptron.py"


rule descend_two_layer:
    input:
        code=study.code_of("descend_two_layer"),
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
        mem_mb=1000,
        runtime=60,
        gpu=0,
    params:
        options=config["two_layer"],
    script:
        "../../scripts/descend_two_layer.py"
