"""The configuration of a study: merged from files in their order, and checked at the start."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import jsonschema
import yaml

from symgeom.landscape.flatness.measures.catalogue import SECTIONS

ROOT = Path(__file__).resolve().parents[3]
"""The folder of the repository."""

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times faster, where it is built


class ConfigError(Exception):
    """A configuration that cannot be run; the text names file and key and says what to do."""


def schema() -> dict:
    """Return what a configuration may hold: the schema's file, and the sections of the measures.

    Returns
    -------
    dict
        A JSON Schema whose properties stand in the order in which the file requires them.

    Examples
    --------
    >>> schema()["properties"]["curvature"]["properties"]["eigenvalues"]["type"]
    'integer'
    """
    written = yaml.load(SCHEMA.read_text(), _Loader)
    sections = dict(written["properties"])
    for section in SECTIONS:
        sections[section.name] = section.schema()
    written["properties"] = {name: sections[name] for name in written["required"]}
    return written


def check_config(config: dict, files: Sequence[str | Path]) -> None:
    """Raise unless a configuration can be run; nothing is filled in, and nothing unknown accepted.

    Parameters
    ----------
    config : dict
        The merged configuration.
    files : sequence of str or Path
        The files that it was merged from, for the message.

    Raises
    ------
    ConfigError
        If it does not fit the schema, names arms that do not exist, or contradicts itself.
    """
    validator = jsonschema.Draft202012Validator(schema())
    errors = sorted(validator.iter_errors(config), key=lambda error: -len(error.absolute_path))
    if errors:
        raise ConfigError(_sentence(errors[0], files))
    if config["granularity"]["seeds_per_job"]:
        _check_trained_alone(config, files)
    roles = without_null(config["claims"]["roles"])
    for role, arm in roles.items():
        if arm not in config["arms"]:
            file = _origin(["claims", "roles", role], files)
            names = ", ".join(config["arms"])
            raise ConfigError(
                f"{file}: key 'claims.roles.{role}' names the arm '{arm}', which is not among the "
                f"arms: {names}."
            )


def without_null(section: Mapping) -> dict:
    """Return a section without what a later file has set to null.

    Parameters
    ----------
    section : mapping
        A section of the configuration.

    Returns
    -------
    dict
        The rest.

    Examples
    --------
    >>> without_null({"sgd": {}, "adam": None})
    {'sgd': {}}
    """
    return {name: value for name, value in section.items() if value is not None}


def in_order_of_files(section: str, merged: Mapping, files: Sequence[str | Path]) -> dict:
    """Return what a section holds in the order in which the files name it, without null.

    Snakemake puts the keys of later files first, which would shift every arm into another part.

    Parameters
    ----------
    section : str
        "arms" or "cases".
    merged : mapping
        The section as Snakemake merged it.
    files : sequence of str or Path
        The files, the first one first.

    Returns
    -------
    dict
        The last file that names all that is left decides the order; else names come in the order
        of the files.
    """
    remaining = without_null(merged)
    names: list[str] = []
    complete: list[str] = []
    for file in files:
        content = yaml.safe_load(Path(file).read_text()) or {}
        names_of_file = list(content.get(section) or {})
        names += names_of_file
        if set(names_of_file) >= set(remaining):
            complete = names_of_file
    order = dict.fromkeys([*complete, *names, *remaining])
    return {name: remaining[name] for name in order if name in remaining}


def _check_trained_alone(config: Mapping, files: Sequence[str | Path]) -> None:
    # The last bits of seeds that are computed together depend on the split.
    sections: dict[tuple[str, ...], Mapping] = {("training",): config["training"]}
    for case, options in config["cases"].items():
        sections["cases", case, "training"] = options.get("training", {})
    for path, training in sections.items():
        if training.get("together") == "batched":
            keys = [*path, "together"]
            raise ConfigError(
                f"{_origin(keys, files)}: key '{_dotted(keys)}' is 'batched', which makes the last "
                "bits of a seed depend on its company, but 'granularity.seeds_per_job' splits the "
                "seeds of an arm. Set the one to auto, or the other to null."
            )


def _sentence(error: jsonschema.ValidationError, files: Sequence[str | Path]) -> str:
    """Turn a schema error into one sentence that names the file and the key."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        return _unknown_key(error, path, files)
    file = _origin(path, files)
    key = _dotted(path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        missing_key = _dotted([*path, missing[0]])
        return (
            f"{file}: key '{missing_key}' is missing. "
            "Add it (config/README.md tells what it means)."
        )
    if error.validator == "enum":
        choices = ", ".join(map(str, error.validator_value))
        return (
            f"{file}: key '{key}' is {error.instance!r}, which is unknown. "
            f"Choose one of: {choices}."
        )
    expected = error.schema.get("expected", "")
    problem = f"it is {error.instance!r}, expected {expected}" if expected else error.message
    return f"{file}: key '{key}' cannot be used: {problem}. config/README.md tells what is allowed."


def _unknown_key(
    error: jsonschema.ValidationError, path: list[str | int], files: Sequence[str | Path]
) -> str:
    allowed = list(error.schema.get("properties", {}))
    unknown = min(set(error.instance) - set(allowed))
    keys = [*path, unknown]
    close = difflib.get_close_matches(unknown, allowed, 1)
    advice = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(allowed)}."
    return f"{_origin(keys, files)}: unknown key '{_dotted(keys)}'. {advice}"


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))


def _origin(path: Sequence[str | int], files: Sequence[str | Path]) -> str:
    """Return the last configuration file that sets a key, or the command line."""
    for file in reversed(files):
        if _sets(yaml.safe_load(Path(file).read_text()), path):
            return str(file)
    return str(files[-1]) if files else "--config"


def _sets(tree: object, path: Sequence[str | int]) -> bool:
    """Return whether a file sets a key."""
    for word in path:
        if not isinstance(tree, Mapping) or word not in tree:
            return False
        tree = tree[word]
    return True
