"""What a file of code imports and computes, read without parsing all of it.

A plan reads every file of the library, and to parse them took a third of it. Strings and comments
are stepped over here, because they may speak of imports, and only the statements that import are
parsed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

Imports = ast.Import | ast.ImportFrom
"""A statement that imports."""

_STRING = rb"""
    \"{3} [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* \"{3}
    | '{3} [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* '{3}
    | " [^"\\\n]* (?: \\. [^"\\\n]* )* "
    | ' [^'\\\n]* (?: \\. [^'\\\n]* )* '
"""

_COMMENT = rb"\#[^\n]*"

_BRACKETS = rb"\( (?: [^)\#] | \#[^\n]*+ )*+ \)"
"""Names that are imported over several lines, with comments between them."""

_PIECE = re.compile(
    rb"(?: ^ | [:;] ) [ \t]*"
    rb"(?P<importing> (?: from | import ) \b (?: \\\r?\n | " + _BRACKETS + rb" | [^\n\\(\#] )* )"
    rb"| " + _STRING + rb"| " + _COMMENT + rb"""| [^"'\#:;\n]+ """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)

_LINES_BEFORE = rb"(?: [ \t]* (?: " + _COMMENT + rb" )? \r?\n )*"
_END_OF_LINE = rb"[ \t]* (?: " + _COMMENT + rb" )? (?: \r?\n | \Z )"

_DOCSTRING = re.compile(
    _LINES_BEFORE + rb"(?P<lines> [rRuU]? (?: " + _STRING + rb" ) " + _END_OF_LINE + rb" )",
    re.DOTALL | re.VERBOSE,
)


def imports_of(content: bytes) -> Sequence[Imports]:
    r"""Return the statements of a module that import, at all depths.

    Parameters
    ----------
    content : bytes
        The module's file.

    Returns
    -------
    sequence of ast.Import or ast.ImportFrom
        In their order; none of a module that cannot be parsed where it imports.

    Examples
    --------
    >>> [statement.names[0].name for statement in imports_of(b"def f():\n    import math\n")]
    ['math']
    """
    statements: list[Imports] = []
    try:
        for piece in _PIECE.finditer(content):
            importing = piece["importing"]
            if importing is not None:
                statements += _within(ast.parse(importing))
    except (SyntaxError, ValueError):  # a line of something longer: all of it says what it is
        return _parsed(content)
    return statements


def without_docstring(content: bytes) -> bytes:
    r"""Return a module without the lines of the docstring at its beginning.

    Parameters
    ----------
    content : bytes
        The module's file.

    Returns
    -------
    bytes
        All of it if something else stands on the last of these lines.

    Examples
    --------
    >>> without_docstring(b'#!/bin/sh\n"What it is."\nx = 1\n')
    b'#!/bin/sh\nx = 1\n'
    """
    match = _DOCSTRING.match(content)
    if match is None:
        return content
    return content[: match.start("lines")] + content[match.end("lines") :]


def _parsed(content: bytes) -> list[Imports]:
    """Return the statements that import, from all of the code."""
    try:
        return list(_within(ast.parse(content)))
    except (SyntaxError, ValueError):  # of a user's file: planning says so
        return []


def _within(block: ast.AST) -> Iterator[Imports]:
    """Yield the statements that import, at all depths; expressions are not looked into."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(block, field, ()):
            if isinstance(statement, Imports):
                yield statement
            else:
                yield from _within(statement)
