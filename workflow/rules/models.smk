"""Models whose theory is known, beside the networks: the perceptron, an ellipse, two layers, and models of gradient noise."""


use rule job as solve_perceptron with:
    output:
        solutions="<results>/solutions/perceptron.zarr.zip",
    log:
        "<results>/logs/solve_perceptron.log",
    benchmark:
        "<results>/benchmarks/solve_perceptron/all.tsv"
    resources:
        **needs(memory=1000, minutes=30, gpu=0),
    params:
        **runs("solve_perceptron", of_networks=False),
        options=config["perceptron"],


use rule job as descend_ellipse with:
    output:
        ellipses="<results>/ellipses/ellipse.zarr.zip",
    log:
        "<results>/logs/descend_ellipse.log",
    benchmark:
        "<results>/benchmarks/descend_ellipse/all.tsv"
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
    params:
        **runs("descend_ellipse", of_networks=False),
        options=config["ellipse"],


use rule job as descend_two_layer with:
    output:
        descents="<results>/descents/two_layer.zarr.zip",
    log:
        "<results>/logs/descend_two_layer.log",
    benchmark:
        "<results>/benchmarks/descend_two_layer/all.tsv"
    resources:
        **needs(memory=1000, gpu=0),
    params:
        **runs("descend_two_layer", of_networks=False),
        options=config["two_layer"],


use rule job as run_noise_model with:
    output:
        arrays="<results>/{experiment}/noise_models.zarr.zip",
    log:
        "<results>/logs/run_noise_model/{experiment}.log",
    benchmark:
        "<results>/benchmarks/run_noise_model/{experiment}.tsv"
    resources:
        **needs(memory=1000, gpu=0),
    params:
        script="run_noise_model",
        code=lambda wildcards: code_digest(
            "run_noise_model", EXPERIMENTS[wildcards.experiment].path
        ),
        steps=lambda wildcards: config["noise_models"]["experiments"][wildcards.experiment],
        draws=lambda wildcards: config["noise_models"]["draws"],
        data=lambda wildcards: pictures_of(config, wildcards.experiment),
