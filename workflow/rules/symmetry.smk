"""Symmetry removal: canonical networks with their certificates, alignments of all pairs, distances on the torus."""


use rule job_on_minima as canonicalise_minima with:
    output:
        canonical="<results>/canonical/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/canonicalise_minima/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/canonicalise_minima/{case}-{part}.tsv"
    priority: 1  # the longest way to the report leads through here
    resources:
        **needs(minutes=30, gpu=0),
    params:
        **runs("canonicalise_minima"),
        options=config["symmetry"],


use rule job_on_case as align_pairs with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        canonical=ends("canonical", "alignments"),
    output:
        alignments="<results>/alignments/{case}/{piece}.zarr.zip",
    log:
        "<results>/logs/align_pairs/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/align_pairs/{case}-{piece}.tsv"
    priority: 1  # the longest way to the report leads through here
    resources:
        **needs(gpu=0),
    params:
        **runs("align_pairs"),
        pairs=pairs_of("alignments"),
        options=config["alignment"],


use rule job_on_case as measure_distances with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        canonical=ends("canonical", "alignments"),
        alignments="<results>/alignments/{case}/{piece}.zarr.zip",
    output:
        distances="<results>/distances/{case}/{piece}.zarr.zip",
    log:
        "<results>/logs/measure_distances/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/measure_distances/{case}-{piece}.tsv"
    resources:
        **needs(minutes=30, gpu=0),
    params:
        **runs("measure_distances"),
        with_controls=lambda wildcards: split.consecutive_of(
            config, pairs_of("alignments")(wildcards)
        ),
        options={"bias_in_norm": config["symmetry"]["bias_in_norm"], **config["alignment"]},
