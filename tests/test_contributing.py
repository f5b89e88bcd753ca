"""What CONTRIBUTING shows is how the house is built: one more is one file and one line."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clones import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
LINES = re.findall(r"^```diff\n# (\S+)\n\+(.*)\n```$", GUIDE, re.MULTILINE)


@pytest.mark.parametrize(("path", "text"), FILES, ids=[path for path, _ in FILES])
def test_the_examples_are_files_of_the_repository(path: str, text: str):
    assert text == (ROOT / path).read_text()


def test_each_example_has_its_line():
    assert len(FILES) == len(LINES) == 3
    for path, line in LINES:
        assert line in (ROOT / path).read_text().splitlines()


def test_the_paths_that_the_guide_names_exist():
    for path in re.findall(r"`((?:symgeom|scripts|tests|config|workflow)/[^`<]*)`", GUIDE):
        assert (ROOT / path).exists(), path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the library, with what its configuration is checked against."""
    for folder in ("symgeom", "workflow/schemas", "config"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def add(copy: Path, path: str, text: str, catalogue: str, line: str) -> None:
    """Add a file to a copy, and the line that names it as the last one of a list of imports."""
    (copy / path).write_text(text)
    lines = (copy / catalogue).read_text().splitlines()
    lines.insert(lines.index("# isort: on"), line)
    (copy / catalogue).write_text("\n".join(lines) + "\n")


def said(copy: Path, program: str) -> str:
    """Return what a program prints that uses the library of a copy."""
    variables = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(
        command, cwd=copy, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


MEASURE = '''"""The length of the weights."""

from symgeom.landscape.flatness.measures.record import Array, Measure, Option, Row

ORDER = Option("length_order", {"type": "integer", "minimum": 1}, "which norm of the weights")


def compute(context, random):
    import torch

    weights = torch.cat([tensor.flatten() for tensor in context.params.values()])
    return {"length": weights.norm(context.options["length_order"])}


MEASURE = Measure(
    "length",
    title="length of the weights",
    arrays=(Array("length", "weight", "length of all weights"),),
    compute=compute,
    options=(ORDER,),
    rows=(Row("length", "length of the weights", "curvature", False),),
)
'''

MEASURE_IN_USE = """
import torch
from symgeom.landscape.flatness.measures.catalogue import SECTIONS, rows
from symgeom.landscape.flatness.measures.record import Context
from symgeom.study.planning.configuration import schema
from symgeom.study.planning.keys import key_reference

section = SECTIONS[1]
print("stored:", section.arrays()["length"].meaning)
print("in the figure:", [row.label for row in rows() if row.array == "length"])
print("allowed:", schema()["properties"]["curvature"]["properties"]["length_order"]["minimum"])
print([line for line in key_reference().splitlines() if "length_order" in line][0])
context = Context(None, {"w": torch.tensor([3.0, 4.0])}, None, {"length_order": 2}, print)
print(section.measures[-1].values(context))
"""

MEASURE_SAYS = """
stored: length of all weights
in the figure: ['length of the weights']
allowed: 1
| `length_order` |  | whole number, at least 1 | which norm of the weights |
{'length': tensor(5.)}
"""


def test_a_new_measure_is_one_file_and_one_line(copy: Path):
    """Store, figure, schema and reference of keys see it."""
    folder = "symgeom/landscape/flatness/measures"
    line = "from symgeom.landscape.flatness.measures import length as length"
    add(copy, f"{folder}/length.py", MEASURE, f"{folder}/curvature_section.py", line)
    assert said(copy, MEASURE_IN_USE) == MEASURE_SAYS.lstrip()


KIND = '''"""Paths over the origin."""

import torch

from symgeom.landscape.path import Path
from symgeom.study.variants.kind import PathKind, Variant


class OverTheOrigin(Path):
    def __init__(self, first, second):
        self.ends = first, second

    def __call__(self, t):
        t = torch.as_tensor(t)
        first, second = self.ends
        factors = (1 - 2 * t).clamp(min=0), (2 * t - 1).clamp(min=0)
        return {name: factors[0] * first[name] + factors[1] * second[name] for name in first}


def over_the_origin(between):
    return [OverTheOrigin(*between.ends)]


ORIGIN = PathKind(
    binary=False,
    variants=(Variant("origin", "both", "over the origin, both removed", row=1),),
    paths=over_the_origin,
)
'''

KIND_IN_USE = """
from types import SimpleNamespace
import torch
from symgeom.study.variants.catalogue import asked_variants

asked = asked_variants({"compare": "none", "repair": False})
variant, kind = next(pair for pair in asked if pair[0].name == "origin both")
ends = {"w": torch.tensor([3.0])}, {"w": torch.tensor([5.0])}
path, = kind.paths(SimpleNamespace(ends=ends))
print(variant.title, [float(path(t)["w"]) for t in (0, 0.25, 0.5, 1)])
"""

KIND_SAYS = """
over the origin, both removed [3.0, 1.5, 0.0, 5.0]
"""


def test_a_new_kind_of_path_is_one_file_and_one_line(copy: Path):
    """Studies measure it; figures read its title in the store."""
    folder = "symgeom/study/variants"
    line = "from symgeom.study.variants.origin import ORIGIN as ORIGIN"
    add(copy, f"{folder}/origin.py", KIND, f"{folder}/catalogue.py", line)
    assert said(copy, KIND_IN_USE) == KIND_SAYS.lstrip()
