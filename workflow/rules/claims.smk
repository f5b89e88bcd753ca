"""The claims of the papers, judged from all measurements."""


rule evaluate_claims:
    input:
        minima=everything("minima"),
        flatness=everything("flatness"),
        distances=everything("distances"),
        paths=everything("paths"),
        chains=everything("chains"),
        ledgers=everything("ledgers"),
        equilibria=everything("equilibria"),
        valleys=everything("valleys") if config["valleys"] else [],
        solutions=model_stores("solutions"),
    output:
        claims=report("<results>/claims.csv", caption="../report/claims.rst", category="tables", labels={"table": "claims"}),
        barriers=report(
            "<results>/barriers.csv", caption="../report/barriers.rst", category="tables", labels={"table": "barriers"}
        ),
    log:
        "<results>/logs/evaluate_claims.log",
    benchmark:
        "<results>/benchmarks/evaluate_claims/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(20),
        gpu=0,
    params:
        code=study.code_digest("evaluate_claims"),
        cases=list(config["cases"]),
        options=config["claims"],
        bend_threshold=config["chains"]["threshold"],
    script:
        "../../scripts/evaluate_claims.py"
