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
        case="|".join(cases_by(config, stop="rule")) or NOTHING,
        arm="|".join(TRAINED) or NOTHING,
    priority: 2  # the longest jobs: begun last, they would run on when other cores are idle
    resources:
        **needs(minutes=120),
    params:
        **runs("train_minima", arms=lambda wildcards: [wildcards.arm]),
        recipe=lambda wildcards: recipe_of(config, wildcards.arm),
        training=lambda wildcards: training_of(config, wildcards.case, wildcards.arm),
        seeds=lambda wildcards: BLOCKS[wildcards.block],


# Where a case stops in common, its networks are kept at several depths, until all arms have shown how far they come.
use rule train_minima as train_to_depths with:
    output:
        minima="<results>/depths/minima/{case}/{arm}{block}.zarr.zip",
        ledgers="<results>/ledgers/{case}/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/train_to_depths/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/train_to_depths/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        case="|".join(cases_by(config, stop="common")) or NOTHING,
        arm="|".join(TO_DEPTHS) or NOTHING,


# The depth at which a case is compared decides the budget, and not the other way round.
use rule train_minima as train_at_budget with:
    log:
        "<results>/logs/train_at_budget/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/train_at_budget/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        case="|".join(cases_by(config, stop="common")) or NOTHING,
        arm="|".join(AT_BUDGETS) or NOTHING,


# A checkpoint: what follows is planned anew when the depth is known, and runs only if the depth is another one.
checkpoint choose_depth:
    input:
        trained=networks_at_depths,
    output:
        depth="<results>/depths/{case}.json",
        choice="<results>/depths/{case}.choice.json",
    log:
        "<results>/logs/choose_depth/{case}.log",
    benchmark:
        "<results>/benchmarks/choose_depth/{case}.tsv"
    priority: 2
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
    params:
        **runs("choose_depth", of_networks=False),
        exempt=lambda wildcards: exempt_of(config, wildcards.case),
    script:
        "../../scripts/choose_depth.py"


# Named first, the depth is ancient: a checkpoint that will run makes none of these run, only a depth that has changed.
use rule job as select_minima with:
    input:
        ancient=ancient("<results>/depths/{case}.json"),
        depth=common_depth,
        trained="<results>/depths/minima/{case}/{arm}{block}.zarr.zip",
    output:
        minima="<results>/minima/{case}/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/select_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/select_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        case="|".join(cases_by(config, stop="common")) or NOTHING,
        arm="|".join(TO_DEPTHS) or NOTHING,
    priority: 2
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
    params:
        **runs("select_minima", of_networks=False),
        seeds=lambda wildcards: BLOCKS[wildcards.block],


use rule job_on_case as import_minima with:
    input:
        data="<results>/data/{case}.zarr.zip",
        symmetry="<results>/symmetry/{case}.as_trained.json",
        checkpoints=checkpoint_files,
        shards=shard_files,
    output:
        minima="<results>/minima/{case}/{arm}{block}.zarr.zip",
        ledgers="<results>/ledgers/{case}/{arm}{block}.zarr.zip",
    log:
        "<results>/logs/import_minima/{case}-{arm}{block}.log",
    benchmark:
        "<results>/benchmarks/import_minima/{case}-{arm}{block}.tsv"
    wildcard_constraints:
        arm="|".join(IMPORTED) or NOTHING,
    resources:
        **needs(minutes=20, gpu=0),
    params:
        **runs("import_minima"),
        choice=lambda wildcards: config["arms"][wildcards.arm].get("choice"),
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
        stops=lambda wildcards: int(not SPLIT and not goes_on(config, wildcards.case)),
    params:
        script="check_training",  # no digest of its code, for the same reason
        asked=lambda wildcards: stop_rules_of(config, wildcards.case, arms_of_part(wildcards)),


# Of several parts. As a checkpoint, because new arms or seeds are to measure only themselves.
checkpoint check_case:
    input:
        parts=expand("<results>/reached/{{case}}/{part}.json", part=PARTS),
    output:
        reached="<results>/reached/{case}.json",
    log:
        "<results>/logs/check_case/{case}.log",
    benchmark:
        "<results>/benchmarks/check_case/{case}.tsv"
    priority: 2
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        **needs(memory=1000, minutes=10, gpu=0),
        stops=lambda wildcards: int(not goes_on(config, wildcards.case)),
    params:
        script="check_case",  # as above
    script:
        "../../scripts/check_case.py"
