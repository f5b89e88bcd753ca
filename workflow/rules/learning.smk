"""Data, architecture and training: from a configuration to minima and the ledgers of their charges, or minima trained elsewhere."""


use rule job as prepare_data with:
    output:
        data="<results>/data/{case}.zarr.zip",
    log:
        "<results>/logs/prepare_data/{case}.log",
    benchmark:
        "<results>/benchmarks/prepare_data/{case}.tsv"
    resources:
        **needs(memory=1500, minutes=30, gpu=0),
    params:
        **runs("prepare_data", of_networks=False),
        recipe=lambda wildcards: config["cases"][wildcards.case]["data"],
        root=config["data_root"],


use rule job as discover_symmetry with:
    input:
        data="<results>/data/{case}.zarr.zip",
    output:
        symmetry="<results>/symmetry/{case}.json",
        trained="<results>/symmetry/{case}.as_trained.json",
    log:
        "<results>/logs/discover_symmetry/{case}.log",
    benchmark:
        "<results>/benchmarks/discover_symmetry/{case}.tsv"
    resources:
        **needs(minutes=10),
    params:
        **runs("discover_symmetry"),
        network=network,


use rule job_on_case as train_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.as_trained.json",
        budget=minima_of_lender,
    output:
        minima="<results>/minima/{case}/{arm}{block}.zarr.zip",
        ledgers="<results>/ledgers/{case}/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/train_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/train_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        arm="|".join(TRAINED) or NO_ARM,
    priority: 2  # the longest jobs: begun last, they would run on when other cores are idle
    resources:
        **needs(minutes=120),
    params:
        **runs("train_minima", arms=lambda wildcards: [wildcards.arm]),
        recipe=lambda wildcards: recipe_of(config, wildcards.arm),
        training=lambda wildcards: training_of(config, wildcards.case, wildcards.arm),
        seeds=lambda wildcards: BLOCKS[wildcards.block],


use rule job_on_case as import_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.as_trained.json",
        checkpoints=checkpoint_files,
    output:
        minima="<results>/minima/{case}/{arm}{block}.zarr.zip",
        ledgers="<results>/ledgers/{case}/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/import_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/import_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        arm="|".join(IMPORTED) or NO_ARM,
    resources:
        **needs(minutes=20, gpu=0),
    params:
        **runs("import_minima"),
        precision=lambda wildcards: training_of(config, wildcards.case)["precision"],
        seeds=lambda wildcards: BLOCKS[wildcards.block],


# What is measured of a part waits for its word. Whether it may stop the case is no parameter: what is measured would be measured again.
use rule job as check_training with:
    input:
        minima=minima_of_part,
    output:
        reached="<results>/reached/{case}/{part}.json",
    log:
        "<results>/logs/check_training/{case}-{part}.log",
    benchmark:
        "<results>/benchmarks/check_training/{case}-{part}.tsv"
    priority: 2  # all measures wait for it
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
        stops=lambda wildcards: int(len(PARTS) == 1 and not goes_on(config, wildcards.case)),
    params:
        script="check_training",  # no digest of its code, for the same reason
        asked=lambda wildcards: stop_rules_of(config, wildcards.case, arms_of_part(wildcards)),
