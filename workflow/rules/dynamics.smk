"""Conserved charges: noise equilibria of minima, points of their orbits, walks along their valleys, charts of these, and where initialisations put networks."""


use rule job_on_minima as measure_equilibria with:
    output:
        equilibria="<results>/equilibria/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/measure_equilibria/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_equilibria/{case}-{part}.tsv"
    params:
        **runs("measure_equilibria", arms=arms_of_part),
        recipes=lambda wildcards: {arm: recipe_of(config, arm) for arm in trained_arms(wildcards)},
        batch_sizes=lambda wildcards: {
            arm: training_of(config, wildcards.case, arm)["batch_size"]
            for arm in trained_arms(wildcards)
        },
        epochs=lambda wildcards: {
            arm: training_of(config, wildcards.case, arm)["epochs"]
            for arm in trained_arms(wildcards)
        },
        options=options_of("equilibria"),


use rule job_on_minima as measure_orbits with:
    output:
        orbits="<results>/orbits/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/measure_orbits/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/measure_orbits/{case}-{part}.tsv"
    params:
        **runs("measure_orbits"),
        options=options_of("orbits"),


use rule job_on_minima as walk_valleys with:
    output:
        valleys="<results>/valleys/{case}/{part}.zarr.zip",
    log:
        "<results>/logs/walk_valleys/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/walk_valleys/{case}-{part}.tsv"
    resources:
        **needs(minutes=120),
    params:
        **runs("walk_valleys"),
        trained=trained_arms,
        options=options_of("valleys"),


use rule job_on_case as chart_valleys with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.json",
        minima=ends("minima", "charts"),
        canonical=ends("canonical", "charts"),
        alignments=alignments("charts"),
    output:
        charts="<results>/charts/{case}/{piece}.zarr.zip",
    log:
        "<results>/logs/chart_valleys/{case}-{piece}.log",
    benchmark:
        "<results>/benchmarks/chart_valleys/{case}-{piece}.tsv"
    params:
        **runs("chart_valleys"),
        pairs=pairs_of("charts"),
        options=options_of("valleys"),
        bias_in_norm=config["symmetry"]["bias_in_norm"],


use rule job_on_case as draw_initialisations with:
    output:
        initialisations="<results>/initialisations/{case}/all.zarr.zip",
    log:
        "<results>/logs/draw_initialisations/{case}.log",
    benchmark:
        "<results>/benchmarks/draw_initialisations/{case}.tsv"
    resources:
        **needs(memory=1000, minutes=20, gpu=0),
    params:
        **runs("draw_initialisations"),
        draws=config["valleys"] and config["valleys"]["draws"],
