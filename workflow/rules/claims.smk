"""The claims of the papers, judged from all measurements, and a model that can be solved beside them."""

SOLUTIONS = ["<results>/perceptron/solutions.zarr.zip"] if config["perceptron"] else []


rule solve_perceptron:
    input:
        code=study.code_of("solve_perceptron"),
    output:
        solutions="<results>/perceptron/solutions.zarr.zip",
    log:
        "<results>/logs/solve_perceptron.log",
    benchmark:
        "<results>/benchmarks/solve_perceptron/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
        gpu=0,
    params:
        options=config["perceptron"],
    script:
        "../../scripts/solve_perceptron.py"


rule evaluate_claims:
    input:
        minima=everything("minima"),
        flatness=everything("flatness"),
        distances=everything("distances"),
        paths=everything("paths"),
        chains=everything("chains"),
        ledgers=everything("ledgers"),
        equilibria=everything("equilibria"),
        solutions=SOLUTIONS,
        code=study.code_of("evaluate_claims"),
    output:
        claims="<results>/claims.csv",
        barriers="<results>/barriers.csv",
    log:
        "<results>/logs/evaluate_claims.log",
    benchmark:
        "<results>/benchmarks/evaluate_claims/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
    params:
        cases=list(config["cases"]),
        options=config["claims"],
        bend_threshold=config["chains"]["threshold"],
    script:
        "../../scripts/evaluate_claims.py"
