"""What the guides show must work as it stands."""

import csv
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import torch
from clones import ROOT

README = (ROOT / "README.md").read_text()
HOUSE = (ROOT / "symgeom/README.md").read_text()
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / f"{room}/README.md" for room in ("config", "results", "symgeom", "tests", "workflow")),
]


def example(text: str, beginning: str) -> dict[str, object]:
    """Run the example of a guide that begins so, and return what it has named."""
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    program = next(block for block in blocks if beginning in block)
    names: dict[str, object] = {}
    torch.manual_seed(0)
    exec(compile(program, "README.md", "exec"), names)
    return names


def test_the_library_example_runs():
    names = example(README, "symgeom.align")
    assert names["proof"].residual < 1e-10
    assert [group.name for group in names["spec"].groups] == ["hidden1", "head"]
    first = names["first"]
    lengths = first["0.weight"].square().sum(1) + first["0.bias"].square()
    assert float((lengths - 1).abs().max()) < 1e-12


def test_the_example_of_the_house_runs():
    names = example(HOUSE, "symgeom.charges")
    balanced = names["symgeom"].charges(names["spec"], names["balanced"])["hidden1"]
    assert float(balanced.abs().max()) < 1e-10
    inputs = names["example"]
    outputs = torch.func.functional_call(names["network"], names["balanced"], (inputs,))
    torch.testing.assert_close(outputs, names["network"](inputs))
    assert names["widened"].idle == {"hidden1": tuple(range(100, 128))}


def test_readme_is_one_screen_with_one_figure():
    assert len(README.splitlines()) <= 150
    assert len(re.findall(r"^!\[", README, re.MULTILINE)) == 1


def test_the_verdicts_are_those_of_the_reference():
    with (ROOT / "results/reference/digits/claims.csv").open() as file:
        verdicts = Counter((row["kind"], row["verdict"]) for row in csv.DictReader(file))
    supported = verdicts.pop(("claim", "supported"))
    undecided = verdicts.pop(("claim", "undecided"))
    checks = verdicts.pop(("check", "supported"))
    contradicted = verdicts.pop(("claim", "contradicted"))
    assert not verdicts
    words = ["no", "one", "two", "three", "four", "five", "six"]
    assert (
        f"Of the {supported + undecided + contradicted} claims of the default study {supported} "
        f"are supported, {undecided} are undecided and {words[contradicted]} is contradicted; "
        f"{words[checks]} checks"
    ) in " ".join(README.split())


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide: Path):
    text = guide.read_text()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (guide.parent / target).exists(), target
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_exist(guide: Path):
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"`?\bmake ([a-z-]+)(?:`|  )", guide.read_text()):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_the_map_shows_the_floors():
    """As the import contract does, and with the folders of each."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = [layer.removeprefix("symgeom.") for layer in contracts["contracts"][0]["layers"]]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", HOUSE, re.MULTILINE))
    assert list(rows) == floors[::-1]
    for floor, row in rows.items():
        folders = {path.parent.name for path in (ROOT / "symgeom" / floor).glob("*/__init__.py")}
        assert {folder for folder in folders if f"`{folder}`" not in row} == set(), floor


def test_conda_environment_repeats_the_lock():
    lock = (ROOT / "requirements.lock").read_text()
    locked = [line for line in lock.splitlines() if line and not line.startswith("#")]
    environment = (ROOT / "workflow/envs/symgeom.yaml").read_text()
    assert re.findall(r"^ +- (\S+==\S+)$", environment, re.MULTILINE) == locked
