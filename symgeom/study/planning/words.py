"""The words of the schema: what a value of a configuration may be, for guides and messages."""

from collections.abc import Mapping

Schema = Mapping

NAMES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "mapping",
    "null": "null",
}

BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def resolved(node: Schema, root: Schema) -> dict:
    """Return a part of a schema with what it refers to; its own words win.

    Parameters
    ----------
    node : mapping
        The part.
    root : mapping
        The whole schema, with the definitions.

    Returns
    -------
    dict
        The part without ``$ref``.

    Examples
    --------
    >>> root = {"$defs": {"count": {"type": "integer", "description": "a number"}}}
    >>> resolved({"$ref": "#/$defs/count", "description": "how many"}, root)
    {'type': 'integer', 'description': 'how many'}
    """
    words = {word: value for word, value in node.items() if word != "$ref"}
    if "$ref" in node:
        definition = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        words = resolved(definition, root) | words
    if "items" in words:
        words["items"] = resolved(words["items"], root)
    if "anyOf" in words:
        words["anyOf"] = [resolved(part, root) for part in words["anyOf"]]
    return words


def allowed(node: Schema) -> str:
    """Say what a value may be.

    Parameters
    ----------
    node : mapping
        The schema of the value, without ``$ref``.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> allowed({"type": "integer", "minimum": 1})
    'whole number, at least 1'
    >>> allowed({"type": "number", "minimum": 0, "exclusiveMaximum": 1})
    'number, at least 0, below 1'
    >>> allowed({"enum": ["fold", "recompute"]})
    '`fold`, `recompute`'
    >>> allowed({"type": "array", "uniqueItems": True, "items": {"type": "number"}})
    'list of different values: number'
    """
    if "expected" in node:
        return node["expected"]
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in node["enum"])
    if "anyOf" in node:
        return ", or ".join(map(allowed, node["anyOf"]))
    types = node.get("type", [])
    if isinstance(types, str):
        types = [types]
    words = [_of_type(name, node) for name in types]
    return ", or ".join(words)


def _of_type(name: str, node: Schema) -> str:
    """Say what a value of one type may be."""
    if name in ("integer", "number"):
        return ", ".join([NAMES[name], *_bounds(node)])
    if name == "array":
        return _list(node)
    return NAMES[name]


def _list(node: Schema) -> str:
    """Say what a list may hold, and how many of it."""
    words = ["list of"]
    if node.get("minItems", 1) > 1:
        words.append(f"at least {node['minItems']}")
    if node.get("uniqueItems"):
        words.append("different values")
    elif len(words) > 1:
        words.append("values")
    items = allowed(node["items"]) if "items" in node else "anything"
    return f"{' '.join(words)}: {items}"


def _bounds(node: Schema) -> list[str]:
    """Say between which numbers a number must be."""
    return [f"{words} {node[word]}" for word, words in BOUNDS.items() if word in node]
