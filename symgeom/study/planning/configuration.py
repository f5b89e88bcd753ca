"""The configuration of a study: what it may hold, and its check at the start.

What is checked first makes the next check simple: every key is text and every number finite; every
key is in the schema and has a value that it may have; nothing contradicts another key, nor what can
be known of a study before it begins (:mod:`~symgeom.study.planning.foresight`).
"""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import jsonschema
import yaml

from symgeom.landscape.flatness.measures.catalogue import SECTIONS
from symgeom.models.noise.experiments.catalogue import EXPERIMENTS
from symgeom.study.planning.checkpoints import unfold_folders
from symgeom.study.planning.foresight import contradictions
from symgeom.study.planning.lenders import leave_out_with_lenders
from symgeom.study.planning.merging import begin_anew, in_order_of_sources, without_null
from symgeom.study.planning.options import ROOT
from symgeom.study.planning.sources import (
    COMMAND_LINE,
    LOADER,
    ConfigError,
    Fault,
    Source,
    dotted,
    origin,
    read_sources,
)
from symgeom.study.planning.words import Schema, allowed, resolved

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"

LARGEST = 2**63 - 1
"""The largest whole number of 64 bits."""

SHOWN = 60
"""How many characters of a wrong value a message shows."""


def schema() -> dict:
    """Return what a configuration may hold: the schema's file, the measures and the experiments.

    Returns
    -------
    dict
        A JSON Schema whose properties stand in the order in which the file requires them.

    Examples
    --------
    >>> schema()["properties"]["curvature"]["properties"]["eigenvalues"]["type"]
    'integer'
    """
    written = yaml.load(SCHEMA.read_text(encoding="utf-8"), LOADER)
    sections = dict(written["properties"])
    for section in SECTIONS:
        sections[section.name] = section.schema()
    sections["noise_models"]["properties"]["experiments"]["properties"] = _experiments()
    written["properties"] = {name: sections[name] for name in written["required"]}
    return written


def _experiments() -> dict:
    """Return what each experiment of the models of noise may be: its number of steps."""
    steps = {}
    for name, experiment in EXPERIMENTS.items():
        steps[name] = {
            "description": f"steps of descent: {experiment.meaning}",
            "type": "integer",
            "minimum": 2,
        }
    return steps


def complete(
    config: dict, files: Sequence[str | Path], command_line: Mapping | None = None
) -> None:
    """Make of what Snakemake has merged the configuration that rules use, or say why it is none.

    Parameters
    ----------
    config : dict
        The merged configuration; it is changed: arms and cases come in the order of the files, what
        is null is left out, and every folder of checkpoints is its arms.
    files : sequence of str or Path
        The files that it was merged from, the first one first.
    command_line : mapping, optional
        What the command line sets, which overrides all files.

    Raises
    ------
    ConfigError
        If it cannot be run.
    """
    sources = read_sources(files, command_line)
    begin_anew(config, sources)
    leave_out_with_lenders(config)
    for section in ("arms", "cases"):
        if isinstance(config.get(section), Mapping):
            config[section] = in_order_of_sources(section, config[section], sources)
    config["arms"] = unfold_folders(config)
    check_config(config, sources)
    config["claims"]["roles"] = without_null(config["claims"]["roles"])


def check_config(config: dict, sources: Sequence[Source]) -> None:
    """Raise unless a configuration can be run; nothing is filled in, and nothing unknown accepted.

    Parameters
    ----------
    config : dict
        The merged configuration.
    sources : sequence of Source
        What it was merged from, for the message.

    Raises
    ------
    ConfigError
        If it does not fit the schema, names arms that do not exist, contradicts itself, or asks for
        what cannot be done.
    """
    _raise_first(_faults(config, []), sources)
    root = schema()
    errors = sorted(_validator(root).iter_errors(config), key=_depth)
    if errors:
        raise ConfigError(_sentence(errors[0], root, sources))
    _raise_first(contradictions(config), sources)


def _raise_first(faults: Iterator[Fault], sources: Sequence[Source]) -> None:
    for path, fault in faults:
        raise ConfigError(f"{origin(path, sources)}: key '{dotted(path)}' {fault}")


def _faults(value: object, path: Sequence[str | int]) -> Iterator[Fault]:
    """Yield keys that are no text, and numbers that no computer can count with."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                yield path, f"holds the key {_shown(key)}, which is no text. Put it in quotes."
            yield from _faults(part, [*path, key])
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _faults(part, [*path, number])
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"is {value}. Give a finite number."
    elif isinstance(value, int) and abs(value) > LARGEST:
        yield path, f"is {_shown(value)}, which does not fit in 64 bits. Give a smaller number."


def _validator(root: Schema) -> jsonschema.Draft202012Validator:
    """Return a validator for which 2.0 is no whole number."""
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole)
    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)
    return kind(root)


def _is_whole(checker: jsonschema.TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _depth(error: jsonschema.ValidationError) -> int:
    """Return what puts the innermost errors first."""
    return -len(error.absolute_path)


def _sentence(error: jsonschema.ValidationError, root: Schema, sources: Sequence[Source]) -> str:
    """Turn a schema error into one sentence that names the source and the key."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        return _unknown_key(error, path, sources)
    source = origin(path, sources)
    key = dotted(path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        missing_key = dotted([*path, missing[0]])
        return (
            f"{source}: key '{missing_key}' is missing. "
            "Add it (config/README.md tells what it means)."
        )
    shown = _shown(error.instance)
    if error.validator == "enum":
        choices = ", ".join(map(str, error.validator_value))
        return f"{source}: key '{key}' is {shown}, which is unknown. Choose one of: {choices}."
    expected = allowed(resolved(error.schema, root))
    if "propertyNames" in error.absolute_schema_path:
        return f"{source}: key '{key}' holds the name {shown}, expected {expected}."
    problem = f"it is {shown}, expected {expected}" if expected else error.message
    advice = _advice(error.instance, expected, source)
    return f"{source}: key '{key}' cannot be used: {problem}. {advice}"


def _advice(value: object, expected: str, source: str) -> str:
    """Say what to do about a value of the wrong type, or where to read on."""
    if isinstance(value, str) and "number" in expected and _spells_a_number(value):
        if source == COMMAND_LINE:
            return (
                f"Snakemake takes what is nested in {COMMAND_LINE} for text: write it in a file, "
                "and name that after --configfile."
            )
        if "e" in value.lower():
            return f"For YAML this is text: write {_for_yaml(value)}."
        return "Leave out the quotes."
    may_be_meant = isinstance(value, bool | int | float | date)
    if "text" in expected and may_be_meant:
        return "Put it in quotes."
    return "config/README.md tells what is allowed."


def _spells_a_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number)


def _for_yaml(text: str) -> str:
    """Return a number with an exponent as YAML takes it for one: with a point, and a sign."""
    mantissa, exponent = text.lower().split("e")
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}e{int(exponent):+d}"


def _shown(value: object) -> str:
    """Return a value as a message shows it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    words = str(value) if isinstance(value, date) else repr(value)
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


def _unknown_key(
    error: jsonschema.ValidationError, path: list[str | int], sources: Sequence[Source]
) -> str:
    known_keys = list(error.schema.get("properties", {}))
    unknown = min(set(error.instance) - set(known_keys))
    keys = [*path, unknown]
    close = difflib.get_close_matches(unknown, known_keys, 1)
    advice = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(known_keys)}."
    return f"{origin(keys, sources)}: unknown key '{dotted(keys)}'. {advice}"
