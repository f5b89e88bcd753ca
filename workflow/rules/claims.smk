"""The claims of the papers, judged from all measurements."""


use rule job as evaluate_claims with:
    input:
        **{experiment: model_stores(experiment) for experiment in EXPERIMENTS},
        minima=all_stores("minima"),
        flatness=all_stores("flatness"),
        distances=all_stores("distances"),
        paths=all_stores("paths"),
        chains=all_stores("chains"),
        simplices=all_stores("simplices"),
        ledgers=all_stores("ledgers"),
        equilibria=all_stores("equilibria"),
        orbits=all_stores("orbits"),
        valleys=all_stores("valleys"),
        neighbours=all_stores("neighbours"),
        solutions=model_stores("solutions"),
    output:
        claims=report(
            "<results>/claims.csv",
            caption="../report/claims.rst",
            category="tables",
            labels={"table": "claims"},
        ),
        barriers=report(
            "<results>/barriers.csv",
            caption="../report/barriers.rst",
            category="tables",
            labels={"table": "barriers"},
        ),
        ensembles=report(
            "<results>/ensembles.csv",
            caption="../report/ensembles.rst",
            category="tables",
            labels={"table": "ensembles"},
        ),
        checksums="<results>/tables.sha256",
    log:
        "<results>/logs/evaluate_claims.log",
    benchmark:
        "<results>/benchmarks/evaluate_claims/all.tsv"
    resources:
        **needs(minutes=20, gpu=0),
    params:
        **runs("evaluate_claims", of_networks=False),
        cases=list(config["cases"]),
        options=config["claims"],
        bend_threshold=config["chains"]["threshold"],
