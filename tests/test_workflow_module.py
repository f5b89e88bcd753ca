"""The workflow away from home: as a module of another one, and without its library installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clones import SNAKEMAKE, copy_repository, counted, environment, snakemake

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
    [
        ("", "results/digits/report.html"),
        ('prefix:\n        "landscapes"', "landscapes/results/digits/report.html"),
    ],
    ids=["as it is", "under a prefix"],
)
def test_the_workflow_is_a_module_of_another_one(tmp_path, more, report):
    clone, other = copy_repository(tmp_path / "clone"), tmp_path / "other"
    (other / "config").mkdir(parents=True)
    shutil.copy(clone / "config/config.yaml", other / "config")
    (other / "Snakefile").write_text(TAKEN.format(more=more))
    words = plan(other)
    renamed = {f"symgeom_{rule}": count for rule, count in counted(plan(clone)).items()}
    assert counted(words) == {**renamed, "summarise": 1}
    assert f"output: {report}, " in words
    # The repository's own files, where they lie.
    assert "../clone/workflow/report/report.html.j2" in words


def test_jobs_use_the_library_of_their_own_repository(tmp_path):
    """Also where the environment holds another symgeom, or none (as that of `--sdm conda`)."""
    clone, edited = copy_repository(tmp_path / "clone"), "symgeom/study/datasets/data.py"
    (clone / edited).write_text('raise RuntimeError("the edited library")\n')
    surroundings = {
        name: value for name, value in environment(clone).items() if name != "PYTHONPATH"
    }
    command = [sys.executable, SNAKEMAKE, "results/digits/data/mlp.zarr.zip", "--cores", "1"]
    run = subprocess.run(
        command, cwd=clone, env=surroundings, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "the edited library" in run.stderr
