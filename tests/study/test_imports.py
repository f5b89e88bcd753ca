"""What the text of code imports; and what is remembered of it, which nothing false gets into."""

import pytest
from clones import ROOT

from symgeom.ground.sealed_json import read_sealed_json, write_sealed_json
from symgeom.study.planning.imports import Code, Import, Memory, read_code

TEXT = b'"""A docstring."""\n\nimport torch\n'
LIBRARY = [path.read_bytes() for path in sorted((ROOT / "symgeom").rglob("*.py"))]


@pytest.fixture
def file(tmp_path):
    """A file that remembers one text."""
    file = tmp_path / "state/code.json"
    memory = Memory(file)
    memory.read(TEXT)
    memory.keep()
    return file


def rewritten(file, **changes):
    """Change what the file remembers, under its seal."""
    write_sealed_json(file, read_sealed_json(file) | changes)


def key_of_text(file):
    """Return under which key the text is remembered."""
    (key,) = read_sealed_json(file).keys() - {"reader"}
    return key


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        (b"import a, b.c as d", [(0, ["a", "b.c"])]),
        (b"from a.b import c, d", [(0, ["a.b.c", "a.b.d", "a.b"])]),
        (b"from .. import a", [(2, ["a"])]),
        (b"from .a import b", [(1, ["a.b", "a"])]),
        (b"try:\n    import a\nexcept ImportError:\n    import b", [(0, ["a"]), (0, ["b"])]),
        (b"match a:\n    case 1:\n        import b", [(0, ["b"])]),
        (b"def a():\n    while 1:\n        import b\n    else:\n        import c", [*"bc"]),
        (b'"""\nimport a\n"""', []),
        (b"def broken(:", []),
        (b"import a\0", []),
    ],
)
def test_statements_that_import_are_found_at_all_depths(text, imports):
    expected = [(0, [each]) if isinstance(each, str) else each for each in imports]
    assert read_code(text).imports == [Import(*each) for each in expected]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (b'"""Another\ndocstring."""\n\nimport torch\n', True),
        (b'"""A docstring."""\n\nimport zarr\n', False),
        (b'"""A docstring."""\n\nimport torch\n# A comment.\n', False),
    ],
)
def test_the_docstring_alone_is_not_in_the_digest(other, same):
    assert (read_code(other).digest == read_code(TEXT).digest) is same


def test_what_is_remembered_is_what_is_read(tmp_path):
    file = tmp_path / "code.json"
    for _ in range(2):
        memory = Memory(file)
        assert [memory.read(text) for text in LIBRARY] == [read_code(text) for text in LIBRARY]
        memory.keep()


def test_a_text_that_is_remembered_is_not_parsed_again(file):
    rewritten(file, **{key_of_text(file): [[[0, ["remembered"]]], "digest"]})
    assert Memory(file).read(TEXT) == Code([Import(0, ["remembered"])], "digest")
    assert Memory(file).read(TEXT + b"\n") == read_code(TEXT + b"\n")


def test_what_another_reader_remembers_is_not_used(file):
    rewritten(file, reader="another", **{key_of_text(file): [[], "digest"]})
    assert Memory(file).read(TEXT) == read_code(TEXT)


def test_a_damaged_file_remembers_nothing_and_is_written_anew(file):
    whole = file.read_bytes()
    for damaged in (b"", whole[:-9], whole.replace(b"torch", b"zarr0"), b"[]"):
        file.write_bytes(damaged)
        memory = Memory(file)
        assert memory.read(TEXT) == read_code(TEXT)
        memory.keep()
        assert file.read_bytes() == whole


def test_what_is_gone_is_forgotten_once_there_is_something_new(file):
    memory = Memory(file)
    memory.keep()
    first = key_of_text(file)
    memory = Memory(file)
    memory.read(b"import other")
    memory.keep()
    assert key_of_text(file) != first


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "state").write_text("no folder")
    memory = Memory(tmp_path / "state/code.json")
    assert memory.read(TEXT) == read_code(TEXT)
    memory.keep()
