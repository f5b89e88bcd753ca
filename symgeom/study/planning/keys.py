"""The reference of all keys of a configuration, made from its schema.

``config/README.md`` ends with it. What a key means and what it may be is said in the schema (and,
of the measures, in their records), its default in ``config/config.yaml``; this module only sets
these words in tables of Markdown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import write_text
from symgeom.study.planning.configuration import SCHEMA, schema
from symgeom.study.planning.options import DEFAULT, ROOT
from symgeom.study.planning.words import Schema, allowed, resolved

BEGIN = "<!-- All below is made from the schema: `make keys` writes it, do not edit it here. -->"
"""The line of a guide below which its reference begins."""

CHOICES = (
    ("Options of data sets", "data", "name"),
    ("Options of networks", "network", "name"),
    ("Options of arms", "arm", "method"),
)
"""Titles, definitions of the schema whose options depend on a key, and that key."""

YOUR_OWN = "package.module:name"


@dataclass(frozen=True)
class Key:
    """A key of the configuration, in words.

    Attributes
    ----------
    name : str
        With the keys above it.
    default : str
        Its value in the default study.
    allowed : str
        What its value may be.
    meaning : str
        What it means.
    """

    name: str
    default: str
    allowed: str
    meaning: str


@dataclass
class SharedOption:
    """An option of some data sets, networks or optimizers.

    Attributes
    ----------
    name : str
        The option.
    allowed : str
        What its value may be.
    meaning : str
        What it means.
    owners : list of str
        What has it.
    """

    name: str
    allowed: str
    meaning: str
    owners: list[str] = field(default_factory=list)


def key_reference() -> str:
    """Return the reference of all keys.

    Returns
    -------
    str
        Markdown: a table for the keys of a study, one for each section, and those of the options.

    Raises
    ------
    SymgeomError
        If the schema is not there, because symgeom was installed without its repository.
    """
    if not SCHEMA.is_file():
        raise SymgeomError(
            f"Cannot list the keys of a configuration: '{SCHEMA}' was not found. Run this from a "
            "clone of symgeom's repository."
        )
    root = schema()
    default = yaml.safe_load((ROOT / DEFAULT).read_text(encoding="utf-8"))
    parts = ["## All keys", "### The study", _study(root, default)]
    for name, section in root["properties"].items():
        if "properties" in resolved(section, root):
            parts += _section(name, section, root, default[name])
    for title, definition, word in CHOICES:
        parts += [f"### {title}", *_choice(definition, word, root)]
    return "\n\n".join(parts) + "\n"


def write_key_reference(guide: Path) -> None:
    """Write the reference of all keys into a guide, in the place of the one that it has.

    Parameters
    ----------
    guide : Path
        A file of Markdown with the line :data:`BEGIN`.

    Raises
    ------
    SymgeomError
        If the file has no such line.
    """
    text = guide.read_text(encoding="utf-8")
    if BEGIN not in text:
        raise SymgeomError(
            f"Cannot write the reference of all keys into '{guide}': the line '{BEGIN}' was not "
            "found. Add it where the reference is to begin."
        )
    prose = text.partition(BEGIN)[0]
    write_text(guide, f"{prose}{BEGIN}\n\n{key_reference()}")


def _study(root: Schema, default: Mapping) -> str:
    """Return the table of the keys that belong to no section of measures."""
    keys: list[Key] = []
    for name, node in root["properties"].items():
        if "properties" not in resolved(node, root):
            keys.extend(_keys(name, node, root, default))
    return _key_table(keys)


def _section(name: str, node: Schema, root: Schema, default: Mapping | None) -> list[str]:
    """Return the heading of a section, what it is about, and the table of its keys."""
    section = resolved(node, root)
    meaning = section["description"]
    sentence = f"{meaning[0].upper()}{meaning[1:]}."
    if default is None:
        sentence += " The default is null."
    keys: list[Key] = []
    for key in _in_order(section):
        keys.extend(_keys(key, section["properties"][key], root, default or {}))
    return [f"### `{name}`", sentence, _key_table(keys)]


def _in_order(section: Schema) -> list[str]:
    """Return the keys of a section, those that it requires first, in the order of that list."""
    return list(dict.fromkeys([*section["required"], *section["properties"]]))


def _keys(name: str, node: Schema, root: Schema, defaults: Mapping) -> Iterator[Key]:
    """Yield a key, or what a mapping holds; what the schema defines elsewhere is told there."""
    inner = node.get("additionalProperties")
    word = name.rpartition(".")[2]
    if isinstance(inner, Mapping):
        yield from _keys(f"{name}.<{word.removesuffix('s')}>", inner, root, {})
    elif "properties" in node:
        for key, part in node["properties"].items():
            yield from _keys(f"{name}.{key}", part, root, defaults.get(word, {}))
    else:
        words = resolved(node, root)
        default = f"`{_value(defaults[word])}`" if word in defaults else ""
        yield Key(name, default, allowed(words), words["description"])


def _value(default: object) -> str:
    """Return a value as it is written in YAML."""
    return json.dumps(default).replace('"', "")


def _key_table(keys: Sequence[Key]) -> str:
    """Set keys in a table."""
    rows = [[f"`{key.name}`", key.default, key.allowed, key.meaning] for key in keys]
    return _table(["key", "default", "allowed", "meaning"], rows)


def _choice(definition: str, word: str, root: Schema) -> list[str]:
    """Return a table of what can be chosen, and one of the options that the choices have."""
    node = root["$defs"][definition]
    choices: dict[str, dict] = {}
    for rule in node["allOf"]:
        options = _options_of(rule["then"], root)
        for name in _names(rule["if"]["properties"][word]):
            choices[name] = options
    options_by_words = _options(choices, root)
    return [_choice_table(choices, word), _option_table(options_by_words, list(choices))]


def _options_of(then: Schema, root: Schema) -> dict:
    """Return the schema of the options of a choice."""
    options = then.get("properties", {}).get("options", then)
    return resolved(options, root)


def _names(condition: Schema) -> list[str]:
    """Return the choices that a rule of the schema is about."""
    if "const" in condition:
        return [condition["const"]]
    return condition.get("enum", [YOUR_OWN])


def _options(choices: Mapping[str, dict], root: Schema) -> list[SharedOption]:
    """Return every option once, with the choices that have it."""
    options: dict[tuple[str, str, str], SharedOption] = {}
    for choice, node in choices.items():
        for name, part in node.get("properties", {}).items():
            words = resolved(part, root)
            if "description" not in words:
                continue  # the word that chooses
            option = SharedOption(name, allowed(words), words["description"])
            known = options.setdefault((name, option.allowed, option.meaning), option)
            known.owners.append(choice)
    return list(options.values())


def _choice_table(choices: Mapping[str, dict], word: str) -> str:
    """Set choices in a table, those of the same meaning in one row."""
    names_by_meaning: dict[str, list[str]] = {}
    for name, node in choices.items():
        names_by_meaning.setdefault(node.get("description", ""), []).append(f"`{name}`")
    rows = [[", ".join(names), meaning] for meaning, names in names_by_meaning.items()]
    return _table([word, "what it is"], rows)


def _option_table(options: Sequence[SharedOption], choices: Sequence[str]) -> str:
    """Set options in a table."""
    rows = []
    for option in options:
        owners = _owners(option.owners, choices)
        rows.append([f"`{option.name}`", owners, option.allowed, option.meaning])
    return _table(["option", "of", "allowed", "meaning"], rows)


def _owners(owners: Sequence[str], choices: Sequence[str]) -> str:
    """Name the choices that have an option, or those few that do not."""
    others = [choice for choice in choices if choice not in owners]
    if not others:
        return "all"
    if len(others) < len(owners) - 1:
        return "all but " + ", ".join(f"`{name}`" for name in others)
    return ", ".join(f"`{name}`" for name in owners)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows in a table of Markdown."""
    lines = [_row(heads), _row(["---"] * len(heads))]
    lines += [_row(row) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
