"""What the text of code imports, and its digest; what was read once is remembered in a file.

To parse all code anew takes a third of the time in which a study of few jobs is planned. A text
that has not changed is found by its digest. What another Python or another version of this module
remembers is not used.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from symgeom.ground.checks import SymgeomError
from symgeom.ground.sealed_json import read_sealed_json, write_sealed_json

READER = "reader"
"""The entry of the file that says who read the code."""


class Import(NamedTuple):
    """A statement that imports.

    Attributes
    ----------
    level : int
        How many dots stand before the name.
    names : list of str
        What may be modules: what is imported, and from where.
    """

    level: int
    names: list[str]


class Code(NamedTuple):
    """What is known of a file of code.

    Attributes
    ----------
    imports : list of Import
        At all depths, in the order of the text.
    digest : str
        Of the text without the docstring at its beginning.
    """

    imports: list[Import]
    digest: str


def read_code(content: bytes) -> Code:
    """Read a file of code.

    Parameters
    ----------
    content : bytes
        Its text. What is no Python imports nothing: planning names it elsewhere.

    Returns
    -------
    Code
        What it imports, and its digest.

    Examples
    --------
    >>> read_code(b"from .path import chain").imports
    [Import(level=1, names=['path.chain', 'path'])]
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return Code([], hashlib.sha256(content).hexdigest())
    imports = [_import(statement) for statement in _statements(tree)]
    code = _without_docstring(content, tree)
    return Code(imports, hashlib.sha256(code).hexdigest())


class Memory:
    """Code that was read, in this process or before it.

    Parameters
    ----------
    file : Path
        What remembers it, if it exists. One that cannot be read remembers nothing.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "code.json"
    >>> memory = Memory(file)
    >>> memory.read(b"import torch").imports
    [Import(level=0, names=['torch'])]
    >>> memory.keep()
    >>> Memory(file).read(b"import torch") == memory.read(b"import torch")
    True
    """

    def __init__(self, file: Path):
        self._file = file
        self._reader = _reader()
        self._kept = self._recalled()
        self._read: dict[str, Code] = {}

    def read(self, content: bytes) -> Code:
        """Return what is known of a text, which is parsed if it is new.

        Parameters
        ----------
        content : bytes
            The text.

        Returns
        -------
        Code
            What it imports, and its digest.
        """
        key = hashlib.sha256(content).hexdigest()
        if key not in self._read:
            self._read[key] = self._kept.get(key) or read_code(content)
        return self._read[key]

    def keep(self) -> None:
        """Write down what this process read, if there is anything new.

        A file that cannot be written is none: the next process reads the code again.
        """
        if self._read.keys() <= self._kept.keys():
            return
        with suppress(SymgeomError):
            write_sealed_json(self._file, {READER: self._reader, **self._read})
        self._kept = dict(self._read)

    def _recalled(self) -> dict[str, Code]:
        """Return what the file remembers, if the same reader wrote it."""
        try:
            kept = read_sealed_json(self._file)
        except SymgeomError:
            return {}
        if kept.pop(READER, None) != self._reader:
            return {}
        known: dict[str, Code] = {}
        for key, (imports, digest) in kept.items():
            known[key] = Code([Import(*each) for each in imports], digest)
        return known


def _reader() -> str:
    """Return what tells this module and this Python from others."""
    text = Path(__file__).read_bytes() + sys.version.encode()
    return hashlib.sha256(text).hexdigest()


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


def _statements(block: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the statements that import, at all depths; expressions are not looked into."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(block, field, ()):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                yield statement
            else:
                yield from _statements(statement)


def _import(statement: ast.Import | ast.ImportFrom) -> Import:
    """Return what a statement imports."""
    names = [alias.name for alias in statement.names]
    if isinstance(statement, ast.Import):
        return Import(0, names)
    package = [statement.module] if statement.module else []
    names = [".".join([*package, name]) for name in names]
    return Import(statement.level, names + package)
