"""The landscape between minima: error and loss along paths, chains whose bends are trained, and planes through three minima."""


use rule job_on_case as measure_paths with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=ends("minima", "paths"),
        canonical=ends("canonical", "paths"),
        alignments=alignments("paths"),
        slices=slices_of_piece,
    output:
        paths="<results>/paths/{case}/{piece}.zarr.zip",
    log:
        "<results>/logs/measure_paths/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/measure_paths/{case}-{piece}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("measure_paths"),
        pairs=pairs_of("paths"),
        points=None,
        options=options_of("paths"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],


# Where the study says so, some points of the paths in each job.
use rule measure_paths as measure_slices with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=ends("minima", "paths"),
        canonical=ends("canonical", "paths"),
        alignments=alignments("paths"),
    output:
        paths="<results>/slices/paths/{case}/{piece}_{slice}.zarr.zip",
    log:
        "<results>/logs/measure_slices/{case}-{piece}_{slice}.log",
    benchmark:
        "<results>/benchmarks/measure_slices/{case}-{piece}_{slice}.tsv"
    params:
        points=lambda wildcards: SLICES[wildcards.slice],


use rule job_on_case as connect_chains with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=ends("minima", "chains"),
        canonical=ends("canonical", "chains"),
        alignments=alignments("chains"),
    output:
        chains="<results>/chains/{case}/{piece}.zarr.zip",
    log:
        "<results>/logs/connect_chains/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/connect_chains/{case}-{piece}.tsv"
    priority: 1  # the longest way to the report leads through here
    resources:
        **needs(minutes=120),
    params:
        **runs("connect_chains"),
        pairs=pairs_of("chains"),
        options=options_of("chains"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
        at_once=config["granularity"]["pairs_at_once"],


use rule job_on_case as map_planes with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=corners("minima"),
        canonical=corners("canonical"),
        alignments=alignments_of_planes,
    output:
        maps="<results>/maps/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/map_planes/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/map_planes/{case}-{part}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("map_planes"),
        planes=planes_of_part,
        options=options_of("maps"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],


use rule job_on_case as measure_simplices with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        canonical=lambda wildcards: stores_with("canonical", split.ends_of(PAIRS_OF_SIMPLICES)),
        alignments=lambda wildcards: alignments_of_pairs(PAIRS_OF_SIMPLICES),
    output:
        simplices="<results>/simplices/{case}/all.zarr.zip",
    log:
        "<results>/logs/measure_simplices/{case}.log",
    benchmark:
        "<results>/benchmarks/measure_simplices/{case}.tsv"
    resources:
        **needs(minutes=30),
    params:
        **runs("measure_simplices"),
        vertices=SIMPLICES,
        options=options_of("simplices"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],
