"""The code that a job depends on: every file that its script reaches by import.

A digest of it is a parameter of the job, which runs again when it changes. What a module says of
itself, in the docstring at its beginning, changes no result and is not in the digest: a figure is
not drawn again when its caption changes. The package's door (``symgeom/__init__.py``) loads nothing
by itself and is left out.
"""

import ast
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from symgeom.study.planning.options import ROOT

DOOR = ROOT / "symgeom/__init__.py"


def code_of(script: str, *modules: str, own_code: Sequence[str] = ()) -> list[str]:
    """Return every file that a script reaches by import, and itself.

    Parameters
    ----------
    script : str
        Name of a file in ``scripts``.
    *modules : str
        Modules that it imports by name, as paths below ``symgeom`` without suffix.
    own_code : sequence of str
        The user's own code as ``package.module:name``: modules in the current folder, and what they
        import there. Packages that are installed elsewhere are not looked into.

    Returns
    -------
    list of str
        Relative to the current folder.
    """
    files = _reached(script, modules, tuple(own_code), Path.cwd())
    return [os.path.relpath(file) for file in files]


def code_digest(script: str, *modules: str, own_code: Sequence[str] = ()) -> str:
    """Return a digest of the code that a script reaches.

    Parameters
    ----------
    script, modules, own_code
        As of :func:`code_of`.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return _digest(script, modules, tuple(own_code), Path.cwd())


def file_of(module: str) -> Path | None:
    """Return the file of a module in the current folder or in the repository.

    Parameters
    ----------
    module : str
        With its packages, as it is imported.

    Returns
    -------
    Path or None
        None if it is in neither.
    """
    files = _files_of(module, _folders())
    return files[-1] if files else None


@cache
def _digest(script: str, modules: tuple[str, ...], own_code: tuple[str, ...], folder: Path) -> str:
    total = hashlib.sha256()
    for file in _reached(script, modules, own_code, folder):
        total.update(f"{file.name} {_source(file).digest}\n".encode())
    return total.hexdigest()[:16]


@cache
def _reached(
    script: str, modules: tuple[str, ...], own_code: tuple[str, ...], folder: Path
) -> tuple[Path, ...]:
    waiting = [ROOT / "scripts" / f"{script}.py"]
    waiting += [ROOT / "symgeom" / f"{module}.py" for module in modules]
    for reference in own_code:
        if ":" in reference:
            waiting += _with_packages(reference.partition(":")[0])
    reached: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in reached:
            reached.add(file)
            waiting += _source(file).imports
    return tuple(sorted(reached))


def _with_packages(module: str) -> list[Path]:
    """Return the files of a module and of the packages around it, which importing it runs."""
    words = module.split(".")
    files: list[Path] = []
    for count in range(1, len(words) + 1):
        files += _files_of(".".join(words[:count]), _folders())
    return files


@dataclass(frozen=True)
class _Source:
    """A file of code: what it imports from the project or the current folder, and its digest."""

    imports: list[Path]
    digest: str


@cache
def _source(file: Path) -> _Source:
    """Read a file of code."""
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # of a user's file: planning says so
        return _Source([], hashlib.sha256(content).hexdigest())
    imports: list[Path] = []
    folders = _folders()
    for statement in _imports(tree):
        imports += _imported(statement, file, folders)
    code = _without_docstring(content, tree)
    return _Source(imports, hashlib.sha256(code).hexdigest())


def _without_docstring(content: bytes, tree: ast.Module) -> bytes:
    """Return a module without the lines of the docstring at its beginning."""
    if ast.get_docstring(tree) is None:
        return content
    docstring, *statements = tree.body
    end = docstring.end_lineno or docstring.lineno
    if statements and statements[0].lineno == end:
        return content
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: docstring.lineno - 1] + lines[end:])


def _imports(block: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the statements that import, at all depths; expressions are not looked into."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(block, field, ()):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                yield statement
            else:
                yield from _imports(statement)


def _imported(
    statement: ast.Import | ast.ImportFrom, file: Path, folders: tuple[Path, ...]
) -> list[Path]:
    """Return the files of the modules that a statement of a file imports."""
    names = [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        package = [statement.module] if statement.module else []
        names = [".".join([*package, name]) for name in names]
        names += package
        if statement.level:
            folders = (file.parents[statement.level - 1],)
    files: list[Path] = []
    for name in names:
        files += _files_of(name, folders)
    return files


def _folders() -> tuple[Path, ...]:
    """Return where jobs look for modules."""
    return (ROOT, ROOT / "scripts", Path.cwd())


@cache
def _files_of(name: str, folders: tuple[Path, ...]) -> list[Path]:
    """Return the files of a module, or of a package, in some folders; the door is none."""
    words = name.split(".")
    files: list[Path] = []
    for folder in _folders_with(words[0], folders):
        path = os.path.join(folder, *words)
        candidates = [Path(f"{path}.py"), Path(path, "__init__.py")]
        files += [file for file in candidates if file.is_file() and file != DOOR]
    return files


@cache
def _folders_with(word: str, folders: tuple[Path, ...]) -> list[Path]:
    """Return the folders that hold a module or a folder of a name; of most libraries none does."""
    holders: list[Path] = []
    for folder in folders:
        if (folder / word).is_dir() or (folder / f"{word}.py").is_file():
            holders.append(folder)
    return holders
