"""The public face: editors see every name, each loads on use, and its types are public."""

import ast
import inspect
import re
import subprocess
import sys
import typing
from collections import abc
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import symgeom

PACKAGE = Path(symgeom.__file__).parent
PUBLIC = sorted(symgeom.__all__)


def listed() -> dict[str, str]:
    """Return the module that defines each public name, as the stub says."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    homes = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, "a stub exports what it imports `as` itself"
                assert alias.name not in homes, f"{alias.name} is listed twice"
                homes[alias.name] = f"symgeom.{node.module}"
    return homes


HOMES = listed()


def signatures(public: object) -> Iterator[object]:
    """Yield a public object and, of a class, its constructor and public methods and properties."""
    yield public
    if not inspect.isclass(public):
        return
    for name, member in vars(public).items():
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        if isinstance(member, property):
            member = member.fget
        if inspect.isfunction(member):
            yield member


def parts(annotation: object) -> Iterator[object]:
    """Yield an annotation and everything inside its brackets."""
    yield annotation
    inner = annotation if isinstance(annotation, list) else typing.get_args(annotation)
    for part in inner:
        yield from parts(part)


def types_of(name: str) -> set[type]:
    """Return the types of symgeom that a public name takes, returns or holds."""
    types = set()
    for signature in signatures(getattr(symgeom, name)):
        hints = typing.get_type_hints(signature, localns=vars(abc))
        for hint in hints.values():
            for part in parts(hint):
                if inspect.isclass(part) and part.__module__.startswith("symgeom."):
                    types.add(part)
    return types


def test_the_names_are_those_of_the_stub():
    assert sorted(HOMES) == PUBLIC
    assert dir(symgeom) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_resolve(name: str):
    """Also after every module that could share the name was imported."""
    home = import_module(HOMES[name])
    assert getattr(symgeom, name) is getattr(home, name)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_types_of_a_public_name_are_public(name: str):
    public = getattr(symgeom, name)
    if not hasattr(public, "__module__") or not public.__module__.startswith("symgeom"):
        return  # another name for a type of Python, such as Parameters
    missing = {
        needed.__name__
        for needed in types_of(name)
        if getattr(symgeom, needed.__name__, None) is not needed
    }
    assert missing == set()


def test_an_unknown_public_name_is_named_and_the_nearest_suggested():
    sentence = "symgeom has no public name 'dicover'; did you mean 'discover'?"
    with pytest.raises(AttributeError, match=f"^{re.escape(sentence)}$"):
        symgeom.dicover  # noqa: B018
    assert not hasattr(symgeom, "aline")


def test_no_module_has_the_name_of_a_public_function():
    """Figures apart: the file of a figure has the name of the figure, whatever it shows."""
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "figures"]
    modules = {path.stem for path in files}
    packages = {path.parent.name for path in files}
    assert (modules | packages) & set(PUBLIC) == set()


def is_prose_or_export(node: ast.stmt) -> bool:
    """Say whether a statement is a docstring, import or an assignment to `__all__` and the like."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        names = [name for name in ast.walk(node.targets[0]) if isinstance(name, ast.Name)]
        return all(name.id.startswith("__") for name in names)
    return False


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("__init__.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_package_is_prose_and_exports(path: Path):
    for node in ast.parse(path.read_text()).body:
        assert is_prose_or_export(node), ast.unparse(node)


def test_importing_symgeom_does_not_import_torch():
    program = "import sys, symgeom; symgeom.open_study; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_type_checker_sees_the_names(tmp_path: Path):
    """Mypy knows `align`, and that `aline` is not there."""
    program = tmp_path / "program.py"
    program.write_text("import symgeom\n\nsymgeom.align\nsymgeom.aline\n")
    options = ["--follow-imports=skip", "--config-file=", "--cache-dir=/dev/null"]
    files = [program, PACKAGE / "__init__.pyi"]
    command = [sys.executable, "-m", "mypy", *options, *files]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert 'Module has no attribute "aline"' in checked.stdout
    assert "Found 1 error" in checked.stdout


def test_a_type_checker_is_told_that_the_package_has_types():
    assert (PACKAGE / "py.typed").is_file()
