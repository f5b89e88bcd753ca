"""Tables, pictures and JSON are read as they were written, or refused in a sentence."""

import hashlib
import json
from pathlib import Path

import pytest
from listed import list_checksums

from symgeom.ground.checks import SymgeomError
from symgeom.ground.checksums import broken_checksum, checked, read_checksums
from symgeom.ground.sealed_json import broken_json, read_sealed_json, write_sealed_json
from symgeom.study.stored_networks import read_symmetry, write_symmetry
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

CONTENT = "case,n\nä,8\n"
CHANGED = "truncated or changed after it was written: its checksum does not fit"
SPEC = SymmetrySpec((UnitGroup("hidden1", 8, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table whose checksum is listed beside it."""
    path = tmp_path / "a folder" / "claims.csv"
    path.parent.mkdir()
    path.write_text(CONTENT, encoding="utf-8")
    (path.parent / "barriers.csv").write_text("none")
    list_checksums(path.parent / "tables.sha256", [path, path.parent / "barriers.csv"])
    return path


def test_a_file_as_it_was_written_is_read(table: Path):
    assert checked(str(table)) == table
    assert list(read_checksums(table.parent / "tables.sha256")) == ["claims.csv", "barriers.csv"]


def test_the_list_is_in_the_form_of_the_command_sha256sum(table: Path):
    """A line is the checksum in hexadecimal digits, two spaces, the name."""
    lines = (table.parent / "tables.sha256").read_text().splitlines()
    for line, name in zip(lines, ("claims.csv", "barriers.csv"), strict=True):
        content = (table.parent / name).read_bytes()
        assert line == f"{hashlib.sha256(content).hexdigest()}  {name}"


DAMAGES = {
    "truncated": lambda content: content[:-2],
    "truncated at a line": lambda content: content[: content.index(b"\n") + 1],
    "empty": lambda content: b"",
    "one bit": lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
    "no text": lambda content: b"\xff" + content,
    "a line more": lambda content: content + b"mlp,9\n",
    "other line breaks": lambda content: content.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_table_is_refused(table: Path, damage: str):
    table.write_bytes(DAMAGES[damage](table.read_bytes()))
    with pytest.raises(SymgeomError, match=rf"Cannot read '.*claims.csv': it was {CHANGED}. Del"):
        checked(table)
    assert checked(table.parent / "barriers.csv")


def test_a_table_without_a_checksum_or_that_is_gone_is_refused(table: Path):
    (table.parent / "tables.sha256").write_bytes(b"\xff\nno checksum\n")
    with pytest.raises(
        SymgeomError, match="holds its checksum. Delete what is there and make it again"
    ):
        checked(table)
    table.unlink()
    assert broken_checksum(table) == "there is no such file"


JSON_DAMAGES = {
    **{name: damage for name, damage in DAMAGES.items() if "line" not in name},
    "a smaller size": lambda content: content.replace(b'"size": 8', b'"size": 7'),
    "another key": lambda content: content.replace(b'"size"', b'"sise"'),
    "no key": lambda content: content.replace(b'"permute": true,', b""),
    "no seal": lambda content: json.dumps(json.loads(content) | {"sha256": ""}).encode(),
    "without seal": lambda content: b'{"groups": []}',
    "a list": lambda content: b"[]",
    "null": lambda content: b"null",
    "a number": lambda content: b"8",
}


@pytest.mark.parametrize("damage", JSON_DAMAGES)
def test_a_changed_architecture_is_refused(tmp_path: Path, damage: str):
    path = tmp_path / "mlp.json"
    write_symmetry(str(path), SPEC)
    assert read_symmetry(str(path)) == SPEC
    damaged = JSON_DAMAGES[damage](path.read_bytes())
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    with pytest.raises(SymgeomError, match=rf"Cannot read '.*mlp.json': it was {CHANGED}. Delete"):
        read_symmetry(str(path))


def test_the_architecture_is_readable_without_its_seal(tmp_path: Path):
    path = tmp_path / "mlp.json"
    write_symmetry(str(path), SPEC)
    assert SymmetrySpec.from_json(path.read_text(encoding="utf-8")) == SPEC


def test_json_keeps_what_it_holds(tmp_path: Path):
    content = {"name": "ä", "numbers": [1, 0.1, float("inf")], "none": None, "nested": {"b": {}}}
    write_sealed_json(tmp_path / "a.json", content)
    assert read_sealed_json(tmp_path / "a.json") == content
    assert broken_json(tmp_path / "a.json") == ""
    with pytest.raises(SymgeomError, match="Cannot read '.*b.json': there is no such file"):
        read_sealed_json(tmp_path / "b.json")
