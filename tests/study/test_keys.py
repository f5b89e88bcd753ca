"""The reference of all keys: made from the schema, and up to date in the guide."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from clones import ROOT

from symgeom.__main__ import main
from symgeom.ground.checks import SymgeomError
from symgeom.landscape.flatness.measures.catalogue import SECTIONS
from symgeom.study.planning import keys
from symgeom.study.planning.configuration import check_config, schema

GUIDE = ROOT / "config/README.md"
CONFIG = ROOT / "config/config.yaml"
TEN = re.findall(
    r"^\| `(\S+)` \| `(.*)` \| [^|]* \|$", GUIDE.read_text().partition("## Studies")[0], re.M
)


def test_the_guide_holds_the_reference():
    """`make keys` writes it anew."""
    written = GUIDE.read_text().partition(keys.BEGIN)[2]
    assert written.strip() == keys.key_reference().strip()


def test_every_key_of_the_default_study_is_in_the_reference():
    reference = keys.key_reference()
    for section, value in yaml.safe_load(CONFIG.read_text()).items():
        if isinstance(value, dict) and section not in ("arms", "cases"):
            table = reference.partition(f"### `{section}`\n")[2].partition("\n### ")[0]
            for key in value:
                assert re.search(rf"^\| `{key}[`.]", table, re.MULTILINE), f"{section}.{key}"


def test_every_option_of_a_measure_is_in_the_reference():
    reference = keys.key_reference()
    for section in SECTIONS:
        for option in section.options().values():
            assert option.meaning in reference


def descriptions(node: object, path: str = "") -> list[str]:
    """Return the keys and options of which the schema does not say what they mean."""
    missing = []
    if isinstance(node, dict):
        for name, part in node.get("properties", {}).items():
            missing += descriptions(part, f"{path}.{name}")
            explained = "description" in part or "properties" in part
            missing += [] if explained else [f"{path}.{name}"]
        missing += descriptions(node.get("additionalProperties"), f"{path}.*")
    return missing


def test_the_schema_says_what_every_key_means():
    root = schema()
    missing = descriptions(root)
    for name, definition in root["$defs"].items():
        missing += descriptions(definition, name)
    words = {"method", "data.name", "data.options", "network.name", "network.options"}
    unexplained = {key for key in missing if key.rpartition(".")[2] not in words}
    assert unexplained - words - {"network.input_shape", "network.task"} == set()


def test_ten_keys_are_recommended():
    assert len(TEN) == 10


@pytest.mark.parametrize(("key", "value"), TEN)
def test_the_recommended_keys_can_have_these_values(key: str, value: str):
    config = yaml.safe_load(CONFIG.read_text())
    changed = copy.deepcopy(config)
    section = changed
    *parents, last = key.split(".")
    for parent in parents:
        section = section[parent]
    section[last] = yaml.safe_load(value)
    assert changed != config
    check_config(changed, [])


def test_the_command_prints_the_reference(capsys):
    assert main(["keys"]) == 0
    assert capsys.readouterr().out == keys.key_reference()


def test_the_command_writes_it_below_the_prose(tmp_path: Path):
    guide = tmp_path / "README.md"
    guide.write_text(f"# Prose\n\n{keys.BEGIN}\nold\n")
    assert main(["keys", "--write", str(guide)]) == 0
    assert guide.read_text() == f"# Prose\n\n{keys.BEGIN}\n\n{keys.key_reference()}"


def test_a_guide_without_a_place_for_it_is_left_alone(tmp_path: Path):
    guide = tmp_path / "README.md"
    guide.write_text("# Prose\n")
    with pytest.raises(SymgeomError, match="was not found. Add it where the reference is to begin"):
        keys.write_key_reference(guide)
    assert guide.read_text() == "# Prose\n"


def test_without_the_repository_there_is_no_schema(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(keys, "SCHEMA", tmp_path / "config.schema.yaml")
    with pytest.raises(SymgeomError, match="was not found. Run this from a clone"):
        keys.key_reference()
