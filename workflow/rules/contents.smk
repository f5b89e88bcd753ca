"""What a study consists of, written whenever snakemake begins: all other stores in its folder are left over."""

import re

# Of the outputs of all rules, the stores of a case: which stage they are of.
STORE_OF_CASE = re.compile(r"(?:.*/)?results/[^/]+/(.+)/\{case\b[^}]*\}/.+\.zarr\.zip$")


def stages_of_cases():
    """List the stages that the configuration asks for."""
    outputs = [str(output) for rule in workflow.rules for output in rule.output]
    stages = dict.fromkeys(match[1] for match in map(STORE_OF_CASE.match, outputs) if match)
    return [stage for stage in stages if stage not in UNASKED]


def named_stores():
    """List all stores that the configuration names, relative to the folder of the study."""
    of_models = [
        f"{stage}/{model}.zarr.zip" for model, stages in ASKED_MODELS.items() for stage in stages
    ]
    of_data = [f"data/{case}.zarr.zip" for case in config["cases"]]
    return (
        of_models
        + of_data
        + [
            f"{stage}/{case}/{name}.zarr.zip"
            for stage in stages_of_cases()
            for case in config["cases"]
            for name in batches(stage)
            if stage != "depths/minima" or case in cases_by(config, stop="common")
        ]
    )


# Rules have asked for the digests of their code: the next plan parses none of it again.
if workflow.is_main_process:
    keep_memory()


# In a default storage there is no folder to write to.
onstart:
    if workflow.storage_settings.default_storage_provider is None:
        # Here, because it loads xarray, which a plan does not need.
        from symgeom.store.contents import write_contents

        folder = f"results/{config['study']}"
        try:
            write_contents(
                folder, named_stores(), arms=list(config["arms"]), seeds=split.seeds_of(config)
            )
        except SymgeomError as mistake:
            raise WorkflowError(str(mistake)) from None
