"""What is kept of a study when its arrays are gone: asked for by name, `snakemake keep_reference`."""


use rule job as keep_reference with:
    input:
        claims="<results>/claims.csv",
        barriers="<results>/barriers.csv",
        ensembles="<results>/ensembles.csv",
        checksums=checksums(),
        provenance="<results>/provenance.json",
        pictures=pictures("png", of_reference=True),
        minima=all_stores("minima"),
        flatness=all_stores("flatness"),
        curvature=all_stores("curvature"),
        canonical=all_stores("canonical"),
        ledgers=all_stores("ledgers"),
        equilibria=all_stores("equilibria"),
        orbits=all_stores("orbits"),
        valleys=all_stores("valleys"),
        neighbours=all_stores("neighbours"),
        distances=all_stores("distances"),
        alignments=all_stores("alignments"),
        paths=all_stores("paths"),
        chains=all_stores("chains"),
        simplices=all_stores("simplices"),
        models=model_stores(*itertools.chain(*ASKED_MODELS.values())),
    output:
        kept=local(f"results/reference/{config['study']}/README.md"),
    log:
        "<results>/logs/keep_reference.log",
    benchmark:
        "<results>/benchmarks/keep_reference/all.tsv"
    resources:
        **needs(minutes=20, gpu=0),
    params:
        **runs("keep_reference", of_networks=False),
        cases=list(config["cases"]),
        level=config["claims"]["level"],
        command=f"snakemake {command_options(FILES, cores=2)}",
