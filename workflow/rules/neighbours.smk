"""Networks with nearly the same function: how well ensembles of them predict on test data, attacked and not."""


use rule job_on_case as measure_neighbours with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=networks_of_arm("minima"),
        canonical=networks_of_arm("canonical"),
        alignments=lambda wildcards: alignments_of_pairs(pairs_of_ensembles(config, wildcards.arm)),
    output:
        neighbours="<results>/neighbours/{case}/{arm}.zarr.zip",
    log:
        "<results>/logs/measure_neighbours/{case}-{arm}.log",
    benchmark:
        "<results>/benchmarks/measure_neighbours/{case}-{arm}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("measure_neighbours"),
        seeds=split.seeds_of(config),
        pairs=lambda wildcards: pairs_of_ensembles(config, wildcards.arm),
        with_ensembles=lambda wildcards: wildcards.arm in arms_with_ensembles(config),
        options=lambda wildcards: {
            **case_options(config, "neighbours", wildcards.case),
            "chains": case_options(config, "chains", wildcards.case),
        },
        bias_in_norm=config["symmetry"]["bias_in_norm"],
