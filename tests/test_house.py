"""The house rules that a machine can check: floors, doors, budgets, style, nothing left behind."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "symgeom").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))

DOORS = {
    "fsspec": ("store",),
    "jinja2": ("study/report",),
    "jsonschema": ("study/planning",),
    "lazy_loader": ("__init__.py",),
    "linear_sum_assignment": ("quotient/alignment/assignment.py",),
    "matplotlib": ("study/figures",),
    "PIL": ("study/datasets", "study/report", "study/reference.py"),
    "safetensors": ("learning/weights",),
    "sklearn": ("study/datasets/digits.py",),
    "snakemake": ("study/planning/life.py",),
    "torchvision": ("ground/torchvision_door.py",),
    "tqdm": ("study/progress.py", "study/stages/training.py", "models/two_layer/descent.py"),
    "xarray": ("store", "study"),
    "yaml": ("study/planning",),
    "zarr": ("store",),
}
"""Where in symgeom/ a library, or a name of one, may be imported."""

FLOORS = 12
FUNCTION, MODULE, SCRIPT = 30, 200, 25
ARGUMENTS = 6
LINE = 100
MEDIAN, MOST = 40, 88
TUPLES, COMPREHENSIONS = 0.05, 0.05
"""Lines of the import contract; statements; arguments of a public function; characters of a line,
of the median line and of nine lines in ten; tuples assigned to tuples in an assignment;
comprehensions in a line."""

LAUNCHER = ROOT / "scripts" / "_launch.py"
OPERATIONS = ROOT / "symgeom" / "symmetry" / "discovery" / "operations"
"""Functions here take the arguments of an operation of torch."""


def name(path: Path) -> str:
    """Return a path as the tests print it."""
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Yield all functions of a file, nested ones and methods included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef):
            yield node


def is_docstring(node: ast.AST) -> bool:
    """Return whether a statement is text that stands alone."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def statements(tree: ast.AST) -> int:
    """Count the statements inside a piece of code, docstrings excepted."""
    inside = [node for node in ast.walk(tree) if node is not tree]
    return sum(isinstance(node, ast.stmt) and not is_docstring(node) for node in inside)


def arguments(function: ast.FunctionDef) -> int:
    """Count the arguments of a function without self and cls; `*words` counts as one."""
    listed = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    listed += [argument for argument in (function.args.vararg, function.args.kwarg) if argument]
    return len([argument for argument in listed if argument.arg not in ("self", "cls")])


@cache
def imported(path: Path) -> set[str]:
    """Return the top packages that a file imports anywhere, and the names that it takes."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and node.attr in DOORS:
            names.add(node.attr)
        elif isinstance(node, ast.Call) and is_import(node):
            texts = [word.value for word in node.args if isinstance(word, ast.Constant)]
            names |= {text.split(".")[0] for text in texts}
    return names


def is_import(call: ast.Call) -> bool:
    """Return whether a call imports a module by its name."""
    return ast.unparse(call.func).endswith(("import_module", "__import__"))


def code_lines(path: Path) -> list[str]:
    """Return the lines of a file that hold code or comments, without docstrings."""
    texts: set[int] = set()
    for node in ast.walk(parsed(path)):
        if is_docstring(node):
            texts.update(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(path.read_text().splitlines(), start=1)
    return [line for number, line in lines if line.strip() and number not in texts]


def tracked() -> list[Path]:
    """Return the files of the working tree that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / file for file in listing.split("\0") if file]
    return [file for file in files if file.is_file()]


def test_floors():
    """A module imports only from lower floors: the contract in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_floors_are_the_folders():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = project["tool"]["importlinter"]["contracts"]
    folders = {
        path.name for path in (ROOT / "symgeom").iterdir() if (path / "__init__.py").exists()
    }
    assert len(contract["layers"]) <= FLOORS
    assert set(contract["layers"]) == {f"symgeom.{folder}" for folder in {*folders, "__main__"}}
    assert "ignore_imports" not in contract


def test_guides_show_the_floors_in_their_order():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [layer.removeprefix("symgeom.") for layer in reversed(contract["layers"])]
    rooms = (ROOT / "symgeom/README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", rooms, re.MULTILINE)[: len(layers)] == layers
    named = ", ".join(f"`{layer}`" for layer in layers if layer != "__main__")
    assert named in " ".join((ROOT / "README.md").read_text().split())


@pytest.mark.parametrize("library", DOORS)
def test_one_door_per_library(library: str):
    rooms = [ROOT / "symgeom" / room for room in DOORS[library]]
    users = [path for path in MODULES if library in imported(path)]
    outside = []
    for path in users:
        if not any(path.is_relative_to(room) for room in rooms):
            outside.append(name(path))
    assert outside == []
    for room in rooms:
        assert any(path.is_relative_to(room) for path in users), f"no door: {name(room)}"


def test_modules_say_what_they_are_and_are_short():
    for path in MODULES:
        assert ast.get_docstring(parsed(path)), name(path)
        assert statements(parsed(path)) <= MODULE, name(path)


def test_scripts_read_call_and_write():
    """One of them launches the others; there are no further helpers."""
    for path in SCRIPTS:
        if path != LAUNCHER:
            assert not path.name.startswith("_"), name(path)
            assert statements(parsed(path)) <= SCRIPT, name(path)
            assert [function.name for function in functions(path)] == ["main"], name(path)


def test_functions_are_short():
    long = {}
    for path in [*MODULES, *SCRIPTS]:
        for function in functions(path):
            if statements(function) > FUNCTION:
                long[f"{name(path)}:{function.name}"] = statements(function)
    assert long == {}


def test_public_functions_have_few_arguments():
    many = {}
    for path in MODULES:
        for function in functions(path):
            public = not function.name.startswith("_") and path.parent != OPERATIONS
            if public and arguments(function) > ARGUMENTS:
                many[f"{name(path)}:{function.name}"] = arguments(function)
    assert many == {}


def test_packages_are_prose_and_exports():
    for path in MODULES:
        if path.name == "__init__.py" and path.parent != ROOT / "symgeom":
            for node in parsed(path).body:
                exports = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
                prose = is_docstring(node)
                assert exports or prose or isinstance(node, ast.ImportFrom), name(path)


def test_lines_are_short():
    lengths = []
    for path in [*MODULES, *SCRIPTS]:
        long = [line for line in path.read_text().splitlines() if len(line) > LINE]
        assert long == [], name(path)
        lengths += [len(line) for line in code_lines(path)]
    lengths.sort()
    assert lengths[len(lengths) // 2] <= MEDIAN
    assert lengths[len(lengths) * 9 // 10] <= MOST


def test_one_step_per_line():
    """A tuple is assigned to a tuple where the values belong together; most loops are plain."""
    assignments, tuples, comprehensions, lines = 0, 0, 0, 0
    for path in [*MODULES, *SCRIPTS]:
        lines += len(code_lines(path))
        for node in ast.walk(parsed(path)):
            assignments += isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
            comprehensions += isinstance(
                node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
            )
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                tuples += isinstance(node.targets[0], ast.Tuple)
    assert tuples <= TUPLES * assignments
    assert comprehensions <= COMPREHENSIONS * lines


def test_the_library_does_not_print():
    calls = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                calls.append(f"{name(path)}:{node.lineno}")
    assert calls == []


def test_text_is_utf_8_whatever_the_locale_says():
    for path in [*MODULES, *SCRIPTS]:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, ast.Attribute | ast.Name
            ):
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            words = {word.arg for word in node.keywords}
            modes = [word.value for word in node.args if isinstance(word, ast.Constant)]
            is_text = called in ("read_text", "write_text") and isinstance(node.func, ast.Attribute)
            is_text |= called == "open" and bool("newline" in words or {"a+", "r", "w"} & {*modes})
            assert not is_text or "encoding" in words, f"{name(path)}: {ast.unparse(node)}"


def test_make_lets_python_keep_what_it_compiles():
    """Also where an image forbids it: each interpreter would compile torch anew."""
    command = ["make", "--silent", "--eval", "said: ; @env", "said"]
    around = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "KEPT": "1"}
    said = subprocess.run(
        command, cwd=ROOT, env=around, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert "KEPT=1" in said
    assert [line for line in said if line.startswith("PYTHONDONTWRITEBYTECODE")] == []


def test_nothing_is_left_behind():
    """No reminders, and no path of a developer's machine."""
    words = ["TO" + "DO", "FIX" + "ME", "/wo" + "rk/", "/tmp/" + "build", "/home/" + r"\w"]
    forbidden = re.compile("|".join([*words, "/root" + "/"]))
    left = {}
    for path in tracked():
        matches = forbidden.findall(path.read_text(errors="ignore"))
        if matches:
            left[name(path)] = matches
    assert left == {}


def test_every_script_has_its_rule():
    """A rule and its script have the same name; slices are measured as whole paths are."""
    names = {}
    for path in RULES:
        for rule in re.split(
            r"^(?=(?:use )?rule |checkpoint |    rule:)", path.read_text(), flags=re.MULTILINE
        ):
            called = re.match(r"(?:use rule \w+ as (?=\w+ with)|checkpoint )(\w+)", rule)
            called = called or re.search(r'name:\s+f"(\w+)_{', rule)
            script = re.search(r'(?:\*\*runs\(|script=)"(\w+)"', rule)
            script = script or re.search(r'scripts/(\w+)\.py"', rule)
            if script:
                names[script[1]] = called[1]
    assert names == {path.stem: path.stem for path in SCRIPTS if path != LAUNCHER}


def test_no_test_looks_into_the_scripts_or_the_workflow():
    """What they hold is tested through the library, or through snakemake."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        called = [ast.unparse(call.func) for call in calls]
        extended = [function for function in called if function.startswith("sys.path")]
        assert extended == [], name(path)
