"""Where a configuration comes from: its files, each read once, and the command line.

Snakemake reads the files, too, and merges them. YAML, as it reads it, loses some mistakes: of a key
that stands twice the first value, of a key like ``no`` or ``1`` the word, of ``010`` the number.
They are named here, where the text of the files is at hand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from symgeom.ground.checks import SymgeomError

COMMAND_LINE = "--config"
"""What messages call the command line."""

TEXT = "tag:yaml.org,2002:str"
MERGE = "tag:yaml.org,2002:merge"
WHOLE_NUMBER = "tag:yaml.org,2002:int"
TYPES = {
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "null",
    WHOLE_NUMBER: "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
}

Fault = tuple[Sequence[str | int], str]
"""A key, after those above it, and what is wrong with it."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Seven times faster than plain Python, where it is built."""


class ConfigError(SymgeomError):
    """A configuration that cannot be run; the text names file and key and says what to do."""


class Source(NamedTuple):
    """A part of a configuration, as it is before it is merged.

    Attributes
    ----------
    name : str
        A file, or the command line.
    content : mapping
        What it says.
    """

    name: str
    content: Mapping


def read_sources(files: Sequence[str | Path], command_line: Mapping | None = None) -> list[Source]:
    """Read the files of a configuration.

    Parameters
    ----------
    files : sequence of str or Path
        The files, the first one first: later ones override.
    command_line : mapping, optional
        What the command line sets, which overrides all files.

    Returns
    -------
    list of Source
        In their order.

    Raises
    ------
    ConfigError
        If a key stands twice in a file, or YAML takes a word for something else.
    """
    sources = [Source(str(file), _read(Path(file))) for file in files]
    if command_line:
        sources.append(Source(COMMAND_LINE, command_line))
    return sources


def value_at(tree: object, path: Sequence[str | int]) -> object:
    """Return what a configuration says at a key.

    Parameters
    ----------
    tree : object
        The configuration.
    path : sequence of str or int
        The key, after those above it.

    Returns
    -------
    object
        None if it says nothing there.

    Examples
    --------
    >>> value_at({"arms": {"sgd": {"method": "sgd"}}}, ["arms", "sgd", "method"])
    'sgd'
    """
    for word in path:
        if not isinstance(tree, Mapping) or word not in tree:
            return None
        tree = tree[word]
    return tree


def sets(tree: object, path: Sequence[str | int]) -> bool:
    """Return whether a configuration says anything at a key, and be it null.

    Parameters
    ----------
    tree : object
        The configuration.
    path : sequence of str or int
        The key, after those above it.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> sets({"arms": {"sgd": None}}, ["arms", "sgd"])
    True
    """
    parent = value_at(tree, path[:-1])
    return isinstance(parent, Mapping) and path[-1] in parent


def origin(path: Sequence[str | int], sources: Sequence[Source]) -> str:
    """Return which source sets a key, or else the nearest key above it.

    Parameters
    ----------
    path : sequence of str or int
        The key, after those above it.
    sources : sequence of Source
        Later ones override.

    Returns
    -------
    str
        Its name.

    Examples
    --------
    >>> sources = [Source("a.yaml", {"seeds": 1}), Source("b.yaml", {"device": "cpu"})]
    >>> origin(["seeds"], sources)
    'a.yaml'
    """
    for length in range(len(path), 0, -1):
        for source in reversed(sources):
            if sets(source.content, path[:length]):
                return source.name
    return sources[-1].name if sources else COMMAND_LINE


def dotted(path: Sequence[str | int]) -> str:
    """Return a key as messages write it.

    Parameters
    ----------
    path : sequence of str or int
        The key, after those above it; numbers count the entries of lists, from 0.

    Returns
    -------
    str
        The key.

    Examples
    --------
    >>> dotted(["flatness", "amplitudes", 1])
    'flatness.amplitudes[1]'
    """
    words = ""
    for word in path:
        words += f"[{word}]" if isinstance(word, int) else f".{word}"
    return words.removeprefix(".")


def _read(file: Path) -> Mapping:
    """Read a file, once it is certain that YAML reads it as it is meant."""
    loader = LOADER(file.read_text(encoding="utf-8"))
    node = loader.get_single_node()
    if node is None:
        return {}
    for fault in _faults(node, [], set()):
        raise ConfigError(f"{file}: {fault}")
    return loader.construct_document(node)


def _faults(node: yaml.Node, path: list[str | int], seen: set[int]) -> Iterator[str]:
    """Yield what a part of a file says that YAML does not take as it is meant."""
    if id(node) in seen:  # what an alias repeats
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield from _faults_of_keys(node, path)
        for key, value in node.value:
            yield from _faults(value, [*path, key.value], seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _faults(value, [*path, number], seen)
    elif node.tag == WHOLE_NUMBER and re.search(r"^[-+]?0[0-9_]|:", node.value):
        yield (
            f"YAML reads '{node.value}' in line {_line(node)}, of key '{dotted(path)}', as a "
            "number to the base 8 or 60. Write it without leading zeros and colons, or in quotes."
        )


def _faults_of_keys(node: yaml.MappingNode, path: list[str | int]) -> Iterator[str]:
    """Yield which keys are no text, or stand twice."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag == MERGE:
            continue
        where = f" of '{dotted(path)}'" if path else ""
        if key.tag != TEXT:
            kind = TYPES.get(key.tag, "something else")
            yield (
                f"the key '{key.value}'{where} in line {_line(key)} is {kind} to YAML. Write it in "
                "quotes, or choose another word."
            )
        if key.value in lines:
            yield (
                f"key '{dotted([*path, key.value])}' stands twice (line {lines[key.value]} and "
                f"line {_line(key)}), and YAML forgets the first. Rename or remove one of them."
            )
        lines[key.value] = _line(key)


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
