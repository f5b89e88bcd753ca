"""One more of something is one file and one line: stores, figures, tables and keys take it up.

A measure of flatness and a kind of path are added in a copy of the repository, as CONTRIBUTING.md
says, and used there. What one more operation takes is in ``symmetry/test_operations.py``.
"""

import subprocess
from pathlib import Path

import pytest
import warm_python
from clones import ROOT, copy_repository, edit, environment, warm_server

MEASURES = "symgeom/landscape/flatness/measures"
NEW_MEASURE = '''
"""The slope of the loss at a minimum."""

from symgeom.landscape.flatness.measures.record import Array, Measure, Option, Row

POSITIVE = {"type": "number", "exclusiveMinimum": 0}
POWER = Option("slope_power", POSITIVE, "the power to which slopes are raised")


def compute(context, random):
    gradient = context.problem.gradient(context.params)
    squares = sum(tensor.square().sum() for tensor in gradient.values())
    return {"slope": squares ** (context.options["slope_power"] / 2)}


MEASURE = Measure(
    "slope",
    title="norm of the gradient",
    arrays=(Array("slope", "nat/weight", "norm of the gradient"),),
    compute=compute,
    options=(POWER,),
    rows=(Row("slope", "slope of the loss", "curvature", False),),
)
'''
ITS_LINE = "    slope as slope,\n"
ITS_DEFAULT = "  slope_power: 1.0\n"
ITS_USE = """
import yaml
from symgeom.landscape.flatness.measures.catalogue import SECTIONS
from symgeom.study.planning.configuration import check_config
from symgeom.study.planning.keys import key_reference
from symgeom.study.stages import curvature, flatness
from symgeom.study.summary import minima_table

config = yaml.safe_load(open("config/config.yaml"))
check_config(config, [])
options = study.options["curvature"] | {"slope_power": 2.0}
stages = {
    "curvature": curvature.measure(study.case, study.torus, study.minima, options),
    "flatness": flatness.measure(study.case, study.torus, study.minima, study.options["flatness"]),
}
slope = stages["curvature"]["slope"]
print(slope.dims, slope.attrs["long_name"], slope.attrs["units"])
print("drawn:", "slope of the loss" in words_of("measures", stages))
row = minima_table("tiny", stages)[0]
print("in the table:", row["slope"] == slope.values[0, 0])
print("among the keys:", "| `slope_power` | `1.0` | number, above 0 | the power" in key_reference())
"""
ITS_OUTPUT = """
('arm', 'seed') norm of the gradient nat/weight
drawn: True
in the table: True
among the keys: True
"""

VARIANTS = "symgeom/study/variants"
NEW_KIND = '''
"""Straight lines that are left slowly and reached fast."""

from symgeom.landscape.path import LinearPath, Path
from symgeom.study.variants.kind import PathKind, Variant


class Hesitant(Path):
    def __init__(self, *ends):
        self.line = LinearPath(*ends)

    def __call__(self, t):
        return self.line(t * t)


HESITANT = PathKind(
    binary=False,
    variants=(Variant("hesitant", "both", "hesitant, both removed", row=1),),
    paths=lambda between: [Hesitant(*between.ends)],
)
'''
KIND_LINE = "from symgeom.study.variants.hesitant import HESITANT as HESITANT\n"
KIND_USE = """
from symgeom.study.claims.intervals import barrier_intervals
from symgeom.study.stages import paths
from symgeom.study.summary import pairs_table

options = study.options["paths"] | {"precision": "float64"}
grid = paths.Grid.joined(options["points"])
dataset = paths.measure(study.case, study.gauges, pairs=study.pairs, options=options, grid=grid)
slow = dataset.sel(variant="hesitant both", split="train")
print("measured:", slow["barrier"].notnull().sum().item() > 0)
rows = barrier_intervals(dataset, minima)
print("among the barriers:", "hesitant both" in {row["variant"] for row in rows})
stages = {"paths": dataset}
columns = " ".join(pairs_table("tiny", stages)[0])
print("in the table:", "hesitant both" in columns)
print("drawn:", "hesitant, both removed" in words_of("barriers", stages))
"""
KIND_OUTPUT = """
measured: True
among the barriers: True
in the table: True
drawn: True
"""

PREPARED = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, "tests")
import xarray as xr
from drawn import texts
from tiny_study import real_study
from symgeom.study.figures.record import figure_named
from symgeom.study.figures.results import Results

study = real_study(Path(tempfile.mkdtemp()))
minima = xr.concat(list(study.minima_of.values()), "arm")
minima["usable"] = minima["status"] != "diverged"  # short as their training was
arms = list(study.minima_of)
settings = {"level": 0.95}


def words_of(name, stages):
    tree = xr.DataTree.from_dict({"minima": minima, **stages})
    return texts(figure_named(name).draw(Results(tree, arms, settings, [])))


"""


def run(clone: Path, script: str) -> str:
    """Run a script on a tiny study of a copy, and return what it prints."""
    warm_server()
    file = clone / "use.py"
    file.write_text(PREPARED + script)
    command = [warm_python.__file__, str(file)]
    ended = subprocess.run(
        command, cwd=clone, env=environment(clone), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def changed(clone: Path) -> dict[str, int]:
    """Return how many lines were added to each file of the library and its configuration."""
    added = {}
    for folder in ("symgeom", "config", "workflow", "scripts"):
        for path in sorted((clone / folder).rglob("*.*")):
            name = path.relative_to(clone).as_posix()
            if path.suffix in (".py", ".yaml", ".smk"):
                before = (ROOT / name).read_text().splitlines() if (ROOT / name).exists() else []
                lines = path.read_text().splitlines()
                if lines != before:
                    added[name] = len(lines) - len(before)
    return added


@pytest.fixture
def clone(tmp_path):
    return copy_repository(tmp_path / "clone")


def test_a_measure_of_flatness(clone):
    """And one line of configuration, because it brings an option."""
    (clone / MEASURES / "slope.py").write_text(NEW_MEASURE.lstrip())
    edit(clone / MEASURES / "curvature_section.py", r"^(?=\)\n# isort: on)", ITS_LINE)
    edit(clone / "config/config.yaml", "(?<=^curvature:\n)", ITS_DEFAULT)
    assert changed(clone) == {
        f"{MEASURES}/curvature_section.py": 1,
        f"{MEASURES}/slope.py": len(NEW_MEASURE.strip().splitlines()),
        "config/config.yaml": 1,
    }
    assert run(clone, ITS_USE) == ITS_OUTPUT.lstrip()


def test_a_kind_of_path(clone):
    (clone / VARIANTS / "hesitant.py").write_text(NEW_KIND.lstrip())
    edit(clone / VARIANTS / "catalogue.py", "^(?=# isort: on)", KIND_LINE)
    assert changed(clone) == {
        f"{VARIANTS}/catalogue.py": 1,
        f"{VARIANTS}/hesitant.py": len(NEW_KIND.strip().splitlines()),
    }
    assert run(clone, KIND_USE) == KIND_OUTPUT.lstrip()
