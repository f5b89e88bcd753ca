"""The code that a job depends on: every file that its script reaches by import.

A digest of it is a parameter of the job, which runs again when it changes. What a module says of
itself, in the docstring at its beginning, changes no result and is not in the digest: a figure is
not drawn again when its caption changes. The package's door (``symgeom/__init__.py``) loads nothing
by itself and is left out.
"""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from symgeom.study.planning.imports import Code, Memory
from symgeom.study.planning.options import ROOT

DOOR = ROOT / "symgeom/__init__.py"
MEMORY = ".snakemake/code.json"
"""The file, in the folder of a study, that remembers what the text of code imports."""


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


def keep_memory() -> None:
    """Let the next plan of the study in the current folder not parse what this one parsed."""
    _memory(Path.cwd()).keep()


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
            waiting += _imported(file)
    return tuple(sorted(reached))


def _with_packages(module: str) -> list[Path]:
    """Return the files of a module and of the packages around it, which importing it runs."""
    words = module.split(".")
    files: list[Path] = []
    for count in range(1, len(words) + 1):
        files += _files_of(".".join(words[:count]), _folders())
    return files


@cache
def _source(file: Path) -> Code:
    """Read a file of code."""
    return _memory(Path.cwd()).read(file.read_bytes())


@cache
def _memory(folder: Path) -> Memory:
    """Return what was read for the study in a folder."""
    return Memory(folder / MEMORY)


@cache
def _imported(file: Path) -> list[Path]:
    """Return the files of the modules that a file imports."""
    files: list[Path] = []
    known = _folders()
    for level, names in _source(file).imports:
        folders = (file.parents[level - 1],) if level else known
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
        candidates = (f"{path}.py", os.path.join(path, "__init__.py"))
        found = [Path(name) for name in candidates if os.path.isfile(name)]
        files += [file for file in found if file != DOOR]
    return files


@cache
def _folders_with(word: str, folders: tuple[Path, ...]) -> list[Path]:
    """Return the folders that hold a module or a folder of a name; of most libraries none does."""
    holders: list[Path] = []
    for folder in folders:
        if (folder / word).is_dir() or (folder / f"{word}.py").is_file():
            holders.append(folder)
    return holders
