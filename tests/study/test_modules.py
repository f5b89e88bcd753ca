"""What a module imports and what its docstring is, beside what Python's parser says of it."""

import ast

import pytest
from clones import ROOT

from symgeom.study.planning.modules import imports_of, without_docstring

ODD = rb'''#!/usr/bin/env python
# import nothing
r"""What it is; "quoted", and \""" too.

import this_is_prose
from the beginning of a line
"""  # a comment
import first, second.third; import fourth
from .beside import (  # not (all
    one as other,  # ) of them
    two,
)
from . import \
    three
TEXT = "import fifth", 'from sixth import seventh'  # import eighth
SLICE = [1, 2][0:len("import x")]
def function(text='\'', more="""
import ninth"""):
    if text: import tenth
    try: from eleventh import *
    except ImportError: pass
    yield from (
        more)
    raise ValueError(text) \
        from None
class Lazy:
    import twelfth
    match = {"key": lambda: 13}
'''


def parsed(content: bytes) -> list[str]:
    """Return the statements that import, as the parser finds them in all of the code."""
    statements = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            statements.append(ast.unparse(node))
    return sorted(statements)


def undocumented(content: bytes) -> bytes:
    """Return the lines of a module but those of its docstring, as the parser counts them."""
    tree = ast.parse(content)
    if ast.get_docstring(tree) is None:
        return content
    lines = content.splitlines(keepends=True)
    docstring = tree.body[0]
    return b"".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])


def read(content: bytes) -> list[str]:
    return sorted(ast.unparse(statement) for statement in imports_of(content))


def test_files_of_the_project_are_read_as_the_parser_reads_them():
    files = [*(ROOT / "symgeom").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    assert len(files) > 500
    for file in files:
        content = file.read_bytes()
        assert read(content) == parsed(content), file
        assert without_docstring(content) == undocumented(content), file


def test_strings_comments_brackets_and_lines_that_go_on_are_read_as_the_parser_reads_them():
    assert len(parsed(ODD)) == 7
    assert read(ODD) == parsed(ODD)
    assert without_docstring(ODD) == undocumented(ODD)
    without = ODD.replace(b"    raise ValueError(text) \\\n        from None\n", b"")
    assert read(without) == parsed(without) == parsed(ODD)


@pytest.mark.parametrize(
    ("content", "rest"),
    [
        (b"", b""),
        (b"'''What it is.'''", b""),
        (b'"What it is."; x = 1\n', b'"What it is."; x = 1\n'),
        (b'"What" "it is."\nx = 1\n', b'"What" "it is."\nx = 1\n'),
        (b'"What it is.".upper()\n', b'"What it is.".upper()\n'),
        (b'b"What it is."\n', b'b"What it is."\n'),
        (b"x = 1\n'''No docstring.'''\n", b"x = 1\n'''No docstring.'''\n"),
        (b"# Why.\r\n\r\n'What it is.'\r\nx = 1\r\n", b"# Why.\r\n\r\nx = 1\r\n"),
    ],
)
def test_only_lines_of_the_docstring_are_left_out(content, rest):
    assert without_docstring(content) == rest


def test_of_code_that_python_cannot_read_nothing_is_imported():
    assert list(imports_of(b"import first\nfrom second import\n")) == []
