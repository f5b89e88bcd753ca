"""What CONTRIBUTING shows is how the house is built; test_one_more.py does what it says."""

import re

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
