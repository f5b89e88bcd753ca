"""The landscape around minima: how the error rises with noise on the weights, and how the loss curves."""


use rule job_on_minima as measure_flatness with:
    output:
        flatness="<results>/flatness/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/measure_flatness/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_flatness/{case}-{part}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("measure_flatness"),
        options=options_of("flatness"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],


use rule job_on_minima as measure_curvature with:
    output:
        curvature="<results>/curvature/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/measure_curvature/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_curvature/{case}-{part}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("measure_curvature"),
        options=options_of("curvature"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
