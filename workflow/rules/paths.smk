"""Error and loss along paths between minima; where the study says so, some points of the paths in each job."""


rule measure_slices:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=ends("minima", "paths"),
        canonical=ends("canonical", "paths"),
        alignments=aligned("paths"),
    output:
        paths="<results>/{case}/paths/slices/{piece}_{slice}.zarr.zip",
    log:
        "<results>/logs/measure_slices/{case}-{piece}_{slice}.log",
    benchmark:
        "<results>/benchmarks/measure_slices/{case}-{piece}_{slice}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("measure_paths"),
        network=network,
        pairs=pairs("paths"),
        points=lambda wildcards: SLICES[wildcards.slice],
        options=measured("paths"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/measure_paths.py"


rule measure_paths:
    input:
        data="<results>/{case}/data.zarr.zip",
        symmetry="<results>/{case}/symmetry.json",
        minima=ends("minima", "paths"),
        canonical=ends("canonical", "paths"),
        alignments=aligned("paths"),
        slices=slices,
    output:
        paths="<results>/{case}/paths/{piece}.zarr.zip",
    log:
        "<results>/logs/measure_paths/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/measure_paths/{case}-{piece}.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(120),
        gpu=study.gpus(config),
    params:
        code=code_of("measure_paths"),
        network=network,
        pairs=pairs("paths"),
        points=None,
        options=measured("paths"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
    script:
        "../../scripts/measure_paths.py"
