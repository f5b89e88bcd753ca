"""What README shows must work as it stands."""

import re

from clones import ROOT

README = (ROOT / "README.md").read_text()


def test_the_library_example_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    library = next(block for block in blocks if "symgeom.symmetry.discovery" in block)
    names: dict[str, object] = {}
    exec(compile(library, "README.md", "exec"), names)
    assert names["proof"].residual < 1e-10
    assert [group.name for group in names["spec"].groups] == ["hidden1", "head"]
    lengths = (
        names["canonical"].parameters["0.weight"].square().sum(1)
        + names["canonical"].parameters["0.bias"].square()
    )
    assert float((lengths - 1).abs().max()) < 1e-12


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"\bmake (\w+)", README):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_the_map_names_every_module():
    text = README[README.index("## The map of the house") : README.index("## Decisions")]
    modules = {path.stem for path in (ROOT / "symgeom").glob("*.py")} | {
        path.parent.name for path in (ROOT / "symgeom").glob("*/__init__.py")
    }
    assert {name for name in modules - {"__init__"} if not re.search(rf"`{name}/?`", text)} == set()


def test_conda_environment_repeats_the_lock():
    locked = [
        line
        for line in (ROOT / "requirements.lock").read_text().split("\n")
        if line and not line.startswith("#")
    ]
    listed = re.findall(
        r"^ +- (\S+==\S+)$", (ROOT / "workflow/envs/symgeom.yaml").read_text(), re.MULTILINE
    )
    assert listed == locked
