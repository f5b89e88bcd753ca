"""The house rules that a machine can check: floors, doors, budgets, names, and nothing left behind."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "symgeom").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("[!_]*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
SNAKEFILE = ROOT / "workflow" / "Snakefile"

DOORS = {
    "xarray": ("store", "claims", "figures", "summary.py"),
    "zarr": ("store",),
    "fsspec": ("store",),
    "matplotlib": ("figures",),
    "torchvision": ("torchvision_door.py",),
    "sklearn": ("datasets",),
    "linear_sum_assignment": ("align",),
}
"""Where in symgeom/ a library, or a name of one, may be imported."""

BUDGETS = [
    *((path, 300) for path in MODULES),
    *((path, 60) for path in sorted((ROOT / "scripts").glob("*.py"))),
    *((path, 120) for path in RULES),
    *((path, 50) for path in [SNAKEFILE] if path.exists()),
]
FUNCTION_LINES, ARGUMENTS = 40, 6


def name(path: Path) -> str:
    """Return a path as the tests print it."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Yield all functions of a file, nested ones and methods included."""
    yield from (
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
    )


def code_lines(function: ast.FunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return (
        function.end_lineno
        - function.lineno
        + 1
        - documented * (first.end_lineno - first.lineno + 1)
    )


def arguments(function: ast.FunctionDef) -> int:
    """Count the arguments of a function without self and cls; `*words` counts as one."""
    listed = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    variable = [argument for argument in (function.args.vararg, function.args.kwarg) if argument]
    return len([argument for argument in listed if argument.arg not in ("self", "cls")] + variable)


def imported(path: Path) -> set[str]:
    """Return the top packages that a file imports anywhere, and the names that it takes from them or looks up in them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} | {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr) if node.attr == "linear_sum_assignment" else None
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            found |= {
                argument.value.split(".")[0]
                for argument in node.args
                if isinstance(argument, ast.Constant)
            }
    return found


def tracked() -> list[Path]:
    """Return the files of the working tree that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / file for file in listing.split("\0") if file and (ROOT / file).is_file()]


def test_floors():
    """A module imports only from lower floors: the contracts in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("library", DOORS)
def test_one_door_per_library(library: str):
    inside = [
        path for path in MODULES if path.relative_to(ROOT / "symgeom").parts[0] in DOORS[library]
    ]
    assert [
        name(path) for path in MODULES if path not in inside and library in imported(path)
    ] == []


@pytest.mark.parametrize(("path", "lines"), BUDGETS, ids=[name(path) for path, _ in BUDGETS])
def test_files_are_short(path: Path, lines: int):
    assert len(path.read_text().splitlines()) <= lines


def test_functions_are_short():
    long = {
        f"{name(path)}:{function.name}": code_lines(function)
        for path in [*MODULES, *SCRIPTS]
        for function in functions(path)
        if code_lines(function) > FUNCTION_LINES
    }
    assert long == {}


def test_public_functions_have_few_arguments():
    many = {
        f"{name(path)}:{function.name}": arguments(function)
        for path in MODULES
        for function in functions(path)
        if not function.name.startswith("_") and arguments(function) > ARGUMENTS
    }
    assert many == {}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_say_what_they_are(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_library_does_not_print():
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert calls == []


def test_nothing_is_left_behind():
    """No reminders, and no path of a developer's machine."""
    forbidden = re.compile(
        "|".join(
            [
                "TO" + "DO",
                "FIX" + "ME",
                "/wo" + "rk/",
                "/tmp/" + "build",
                "/home/" + r"\w",
                "/root" + "/",
            ]
        )
    )
    found = {name(path): forbidden.findall(path.read_text(errors="ignore")) for path in tracked()}
    assert {path: matches for path, matches in found.items() if matches} == {}


def test_every_script_has_its_rule():
    """A rule and its script have the same name (slices are measured as whole paths are); helpers start with an underscore."""
    text = "".join(path.read_text() for path in RULES)
    found = dict(re.findall(r"^rule (\w+):\n.*?scripts/(\w+)\.py", text, re.MULTILINE | re.DOTALL))
    assert {path.stem for path in SCRIPTS} == set(found.values())
    assert {rule: script for rule, script in found.items() if rule != script} == {
        "measure_slices": "measure_paths"
    }
