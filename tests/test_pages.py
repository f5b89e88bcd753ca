"""The pages of the library: formulas, citations and examples reach the reader.

Two packages stand for all: `make docs` builds the others in the same way, without a warning.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from clones import ROOT

PAGES = ("symgeom/landscape/path.html", "symgeom/models/two_layer.html")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    modules = ["symgeom.landscape.path", "symgeom.landscape.path.geodesic", "symgeom.models"]
    command = [sys.executable, ROOT / "workflow/pages/build.py", folder, *modules]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert built.stderr == ""
    return folder


def test_formulas_stand_between_the_delimiters_of_mathjax(pages: Path):
    path, model = [(pages / name).read_text() for name in PAGES]
    assert r"\[\phi(t) = \sum_j w_j(t)\,\theta_j, \qquad \sum_j w_j(t) = 1.\]" in path
    assert r"\(\max(x, 0)^2\)" in model
    assert "formula" not in path


def test_preprints_are_links(pages: Path):
    path = (pages / PAGES[0]).read_text()
    assert '<a href="https://arxiv.org/abs/1802.10026">1802.10026</a>' in path


def test_no_line_of_a_docstring_becomes_an_item_of_a_list_by_chance():
    """Markdown takes a line that begins with a number and a full stop for an item."""
    for path in (ROOT / "symgeom").rglob("*.py"):
        lines = path.read_text().splitlines()
        assert [line for line in lines if re.match(r" *\d+\. [A-Z]", line)] == [], path


def test_examples_are_shown_as_code(pages: Path):
    assert 'class="pdoc-code codehilite"' in (pages / PAGES[0]).read_text()
    assert '<span class="gp">&gt;&gt;&gt; </span>' in (pages / PAGES[0]).read_text()


def test_a_package_lists_its_modules_though_it_names_its_exports(pages: Path):
    path = (pages / PAGES[0]).read_text()
    assert '<a href="path/geodesic.html">geodesic</a>' in path
    assert (pages / "symgeom/landscape/path/geodesic.html").is_file()
