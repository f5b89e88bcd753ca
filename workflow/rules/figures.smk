"""The figures of the cases and of the models: one job draws all of a case, each made of a record in symgeom/study/figures."""

# Cases may ask for different figures, and outputs cannot depend on wildcards: each has a rule of its own.
for case, figures in FIGURES.items():

    rule:
        name:
            f"draw_figures_{case}"
        input:
            files=files_of(case, figures),
            checksums=checksums_of_tables(figures),
        output:
            svg=[
                report(
                    f"<results>/figures/{case}/{figure.name}.svg",
                    caption=f"{CAPTIONS}/{figure.name}.rst",
                    category=case,
                    subcategory=figure.question,
                    labels={"figure": figure.name},
                )
                for figure in figures
            ],
            png=[f"<results>/figures/{case}/{figure.name}.png" for figure in figures],
            pdf=[f"<results>/figures/{case}/{figure.name}.pdf" for figure in figures],
            checksums=f"<results>/figures/{case}/figures.sha256",
        log:
            f"<results>/logs/draw_figures/{case}.log",
        benchmark:
            f"<results>/benchmarks/draw_figures/{case}.tsv"
        localrule: True
        conda:
            "../envs/symgeom.yaml"
        threads: 1
        resources:
            **needs(memory=1000, minutes=10, gpu=0),
        params:
            code=code_digest(
                "draw_figures", *(f"study/figures/{figure.name}" for figure in figures)
            ),
            case=case,
            figures=[figure.name for figure in figures],
            arms=[] if case in ASKED_MODELS else list(config["arms"]),
            settings=catalogue.settings_of(figures, configuration_of(case)),
        script:
            "../../scripts/draw_figures.py"
