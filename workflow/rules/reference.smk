"""What is kept of a study when its arrays are gone: asked for by name, `snakemake keep_reference`."""

KEPT = {*FIGURES} - {"layers", "spectra"} - (set() if config["valleys"] else {"charges", "equilibria"})


rule keep_reference:
    input:
        claims="<results>/claims.csv",
        barriers="<results>/barriers.csv",
        provenance="<results>/provenance.json",
        pictures=[f"<results>/figures/{case}/{figure}.png" for case, figure in DRAWN if figure in KEPT],
        minima=everything("minima"),
        flatness=everything("flatness"),
        curvature=everything("curvature"),
        canonical=everything("canonical"),
        ledgers=everything("ledgers"),
        distances=everything("distances"),
        alignments=everything("alignments"),
        paths=everything("paths"),
        chains=everything("chains"),
    output:
        kept=local(f"results/reference/{config['study']}/README.md"),
    log:
        "<results>/logs/keep_reference.log",
    benchmark:
        "<results>/benchmarks/keep_reference/all.tsv"
    conda:
        "../envs/symgeom.yaml"
    threads: 1
    resources:
        mem_mb=study.growing(2000),
        runtime=study.growing(20),
        gpu=0,
    params:
        code=study.code_digest("keep_reference"),
        cases=list(config["cases"]),
        command=f"snakemake {study.options_of(FILES, cores=2)}",
    script:
        "../../scripts/keep_reference.py"
