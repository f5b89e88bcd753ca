"""Another workflow can take this one as a module, from its own folder and with its own configuration (planned, not run)."""

import shutil
from pathlib import Path

import pytest
from clones import copy_repository, counted, snakemake

pytestmark = pytest.mark.workflow

TAKEN = """
configfile: "config/config.yaml"


module symgeom:
    snakefile:
        "../clone/workflow/Snakefile"
    config:
        config
    {more}


use rule * from symgeom as symgeom_*


rule summarise:
    default_target: True
    input:
        rules.symgeom_all.input,
    output:
        "summary.txt",
    shell:
        "touch {{output}}"
"""


def plan(folder: Path) -> str:
    """Return what snakemake would do in a folder."""
    run = snakemake(folder, "--dry-run", "--cores", "2", "--quiet", "host")
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize(
    ("more", "report"),
    [("", "results/digits/report.html"), ('prefix:\n        "landscapes"', "landscapes/results/digits/report.html")],
    ids=["as it is", "under a prefix"],
)
def test_the_workflow_is_a_module_of_another_one(tmp_path, more, report):
    clone, other = copy_repository(tmp_path / "clone"), tmp_path / "other"
    (other / "config").mkdir(parents=True)
    shutil.copy(clone / "config/config.yaml", other / "config")
    (other / "Snakefile").write_text(TAKEN.format(more=more))
    planned, alone = plan(other), counted(plan(clone))
    assert counted(planned) == {f"symgeom_{rule}": count for rule, count in alone.items()} | {"summarise": 1}
    assert f"output: {report}, " in planned
    assert "../clone/symgeom/store.py" in planned  # the library's code, where it lies
