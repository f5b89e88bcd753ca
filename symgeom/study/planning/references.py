"""The user's own code, looked at before a study begins: whether it is there, and is Python.

Nothing is imported: importing it would take as long as importing torch. What a module does when it
is imported, the first job that needs it says.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from symgeom.ground.own_code import working_directory
from symgeom.study.planning.code import file_of


def faults_of_references(config: Mapping) -> Iterator[tuple[list[str], str]]:
    """Yield which networks and optimizers of the user's own cannot be found.

    Parameters
    ----------
    config : mapping
        A configuration that fits the schema.

    Yields
    ------
    (list of str, str)
        A key, after those above it, and what is wrong with it.
    """
    references: list[tuple[list[str], str]] = []
    for case, options in config["cases"].items():
        references.append((["cases", case, "network", "name"], options["network"]["name"]))
    for arm, recipe in config["arms"].items():
        references.append((["arms", arm, "method"], recipe["method"]))
    for path, reference in references:
        module, colon, name = reference.partition(":")
        fault = _fault(module, name) if colon else ""
        if fault:
            yield path, f"is '{reference}', but {fault}"


def _fault(module: str, name: str) -> str:
    """Say why a module does not have a name, if so."""
    file = file_of(module)
    if file is None:
        return _fault_of_installed(module)
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        return f"line {error.lineno} of '{file}' is no Python: {error.msg}. Correct it."
    except ValueError as error:
        return f"'{file}' is no Python: {error}. Correct it."
    names = _names(tree)
    if {name, "*", "__getattr__"} & names:
        return ""
    return f"'{file}' defines no '{name}'. Correct the name behind the colon."


def _fault_of_installed(module: str) -> str:
    """Say whether a module is missing that is not in the working directory."""
    package = module.partition(".")[0]
    if file_of(package) is None and _is_installed(package):
        return ""
    return (
        f"no module '{module}' is in the working directory '{Path.cwd()}' or installed. Correct "
        "the name before the colon."
    )


def _is_installed(package: str) -> bool:
    if package == "__main__":  # of this program, not of the jobs
        return False
    with working_directory():
        return find_spec(package) is not None


def _names(block: ast.AST) -> set[str]:
    """Return the names that a module defines or imports; a star for what cannot be known."""
    names: set[str] = set()
    for statement in ast.iter_child_nodes(block):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                names.add((alias.asname or alias.name).partition(".")[0])
        elif isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store):
            names.add(statement.id)
        else:
            names |= _names(statement)
    return names
