"""What a configuration asks for: check it, and find the options, the files and the code that each job depends on.

Used by ``rules/common.smk``, so that the rules themselves hold next to no Python.
"""

import ast
import difflib
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import jsonschema
import split
import yaml

ROOT = Path(__file__).resolve().parent.parent
ARM_KEYS = ("batch_size", "epochs", "order", "augmentation")
"""What an arm's recipe may say about training beside its optimizer's options."""
IMPORTED, WEIGHT_FILES = "checkpoints", (".safetensors", ".pt", ".pth")
"""The method of arms that were trained elsewhere, and how their files end."""


class ConfigError(Exception):
    """A configuration that cannot be run; the text names the file and the key and says what to do."""


def check_config(config: dict, files: Sequence[str | Path]) -> None:
    """Raise :class:`ConfigError` unless the configuration fits the schema; fill in nothing, accept nothing unknown."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(config),
        key=lambda error: -len(error.absolute_path),
    )
    if errors:
        raise ConfigError(_sentence(errors[0], config, files))
    if config["granularity"]["seeds_per_job"]:
        _check_alone(config, files)
    roles = config["claims"]["roles"]
    for role, arm in given(roles).items():
        if arm not in config["arms"]:
            where = _origin(["claims", "roles", role], files)
            known = ", ".join(config["arms"])
            raise ConfigError(
                f"{where}: key 'claims.roles.{role}' names the arm '{arm}', which is not among the arms: {known}."
            )


def _check_alone(config: Mapping, files: Sequence[str | Path]) -> None:
    """Raise if seeds are split into jobs and asked to be computed together: their last bits would depend on the split."""
    named = {("training", "together"): config["training"]}
    named |= {
        ("cases", case, "training", "together"): own.get("training", {})
        for case, own in config["cases"].items()
    }
    for path, training in named.items():
        if training.get("together") == "batched":
            raise ConfigError(
                f"{_origin(path, files)}: key '{'.'.join(path)}' is 'batched', which makes the last bits of a seed depend on its "
                "company, but 'granularity.seeds_per_job' splits the seeds of an arm. Set the one to auto, or the other to null."
            )


def _sentence(
    error: jsonschema.ValidationError, config: Mapping, files: Sequence[str | Path]
) -> str:
    """Turn a schema error into one sentence that names the file and the key."""
    path = list(error.absolute_path)
    key = ".".join(map(str, path))
    if error.validator == "additionalProperties":
        allowed = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))[0]
        close = difflib.get_close_matches(unknown, allowed, 1)
        advice = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(allowed)}."
        return f"{_origin([*path, unknown], files)}: unknown key '{'.'.join(map(str, [*path, unknown]))}'. {advice}"
    where = _origin(path, files)
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"{where}: key '{'.'.join(map(str, [*path, missing]))}' is missing. Add it (config/README.md tells what it means)."
    if error.validator == "enum":
        known = ", ".join(map(str, error.validator_value))
        return (
            f"{where}: key '{key}' is {error.instance!r}, which is unknown. Choose one of: {known}."
        )
    expected = error.schema.get("description", "")
    found = f"it is {error.instance!r}, expected {expected}" if expected else error.message
    return f"{where}: key '{key}' cannot be used: {found}. config/README.md tells what is allowed."


def _origin(path: Sequence[str | int], files: Sequence[str | Path]) -> str:
    """Return the last configuration file that sets a key, or the command line."""

    def sets(tree: object) -> bool:
        for word in path:
            if not isinstance(tree, Mapping) or word not in tree:
                return False
            tree = tree[word]
        return True

    for file in reversed([Path(file) for file in files]):
        if sets(yaml.safe_load(file.read_text())):
            return str(file)
    return str(files[-1]) if files else "--config"


def merged_in_order(section: str, merged: Mapping, files: Sequence[str | Path]) -> dict:
    """Return what a section holds (arms, cases) in the order in which the files name it, what was set to null left out.

    Snakemake puts the keys of later files first, which would shift every arm into another part. The
    last file that names all that is left decides; else names come in the order of the files.
    """
    kept = given(merged)
    named = [
        list((yaml.safe_load(Path(file).read_text()) or {}).get(section) or {}) for file in files
    ]
    complete = next((names for names in reversed(named) if set(names) >= set(kept)), [])
    order = dict.fromkeys([*complete, *itertools.chain(*named), *kept])
    return {name: kept[name] for name in order if name in kept}


def unfolded(config: Mapping) -> object:
    """Return the arms with those of checkpoints whose path ends in ``/*`` replaced: by an arm for each sub-folder, of its name.

    Sub-folders are those of all cases together, in the order of their names; hidden ones are left
    out. What is no section is returned as it is, for :func:`check_config` to refuse.
    """
    arms, cases = config.get("arms"), config.get("cases")
    if not (isinstance(arms, Mapping) and isinstance(cases, Mapping)):
        return arms
    whole = {name: recipe for name, recipe in arms.items() if not _is_folder(recipe)}
    found = {}
    for name, recipe in arms.items():
        found |= (
            {name: recipe} if name in whole else _in_folder(name, recipe, cases, {*whole, *found})
        )
    return found


def _is_folder(recipe: object) -> bool:
    return (
        isinstance(recipe, Mapping)
        and recipe.get("method") == IMPORTED
        and str(recipe.get("path")).endswith("/*")
    )


def _in_folder(name: str, recipe: Mapping, cases: Iterable[str], taken: Collection[str]) -> dict:
    """Return an arm for each sub-folder of a folder of checkpoints."""
    folder = recipe["path"].removesuffix("/*")
    inside = [
        place
        for case in cases
        for place in Path(folder.replace("{case}", case)).glob("[!.]*")
        if place.is_dir()
    ]
    names = sorted({place.name for place in inside})
    wrong = [
        f"its sub-folder '{each}' has the name of another arm" for each in names if each in taken
    ]
    wrong += [
        f"its sub-folder '{each}' cannot be the name of an arm"
        for each in names
        if not re.fullmatch(r"\w+", each, re.A)
    ]
    wrong += [] if names else ["it has no sub-folder"]
    if wrong:
        raise ConfigError(
            f"Arm '{name}' takes every sub-folder of '{folder}' (relative to '{Path.cwd()}') for an arm, but {wrong[0]}. Correct "
            f"'arms.{name}.path', or rename the sub-folder: letters, digits and underscores, and no other arm's name."
        )
    return {each: {**recipe, "path": f"{folder}/{each}"} for each in names}


def given(section: Mapping) -> dict:
    """Return a section without what a later file has set to null."""
    return {name: value for name, value in section.items() if value is not None}


def growing(amount: int) -> Callable[[object, int], int]:
    """Return a resource that doubles from attempt to attempt: a job that a cluster ended for it may pass when it is retried."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def gpus(config: Mapping) -> int:
    """Return how many GPUs a job that computes on ``device`` must ask for: none where one is merely welcome (``auto``)."""
    return int(config["device"] == "cuda")


def measured(config: Mapping, section: str, case: str) -> dict:
    """Return the options of a measure on a case, which may have options of its own and limit the number of samples."""
    options = config[section] | config["cases"][case].get(section, {})
    given = [
        number
        for number in (options["samples"], config["cases"][case].get("samples"))
        if number is not None
    ]
    return options | {"samples": min(given, default=None)}


def recipe_of(config: Mapping, arm: str) -> dict:
    """Return an arm's optimizer and its options."""
    return {key: value for key, value in config["arms"][arm].items() if key not in ARM_KEYS}


def options_of(files: Sequence[str | Path], *, cores: int | str) -> str:
    """Return the options with which snakemake runs the study that some files describe; the default one needs no mention.

    They come after the targets: snakemake takes all words after `--configfile` for files.
    """
    over = [os.path.relpath(file) for file in files if Path(file) != Path("config/config.yaml")]
    return " ".join([f"--cores {cores}", *(["--configfile", *over] if over else [])])


def arms_by(config: Mapping, *, imported: bool) -> list[str]:
    """Return the arms that were trained elsewhere, or those that are trained here."""
    return [
        arm for arm, recipe in config["arms"].items() if (recipe["method"] == IMPORTED) == imported
    ]


def training_of(config: Mapping, case: str, arm: str | None = None) -> dict:
    """Return how an arm trains on a case: what all do, what the case changes, what the arm changes.

    Seeds that are split into jobs train one after another, so that no number depends on how they
    are split.
    """
    recipe = config["arms"].get(arm, {})
    alone = {"together": "one"} if config["granularity"]["seeds_per_job"] else {}
    own = {key: recipe[key] for key in ARM_KEYS if key in recipe}
    return config["training"] | config["cases"][case].get("training", {}) | own | alone


def checkpoints_of(config: Mapping, case: str, arm: str) -> dict[int, str]:
    """Return the file of every seed of an imported arm: that of seed 0 is the first by name; raise if there are too few."""
    folder = Path(config["arms"][arm]["path"].replace("{case}", case))
    found = sorted(str(file) for file in folder.glob("*") if file.suffix in WEIGHT_FILES)
    seeds = split.seeds_of(config)
    if len(found) <= max(seeds):
        state = (
            f"holds {len(found)} files that end in {', '.join(WEIGHT_FILES)}"
            if folder.is_dir()
            else "does not exist"
        )
        raise ConfigError(
            f"Arm '{arm}' of case '{case}' needs a file for each of the seeds {seeds} (seed 0 is the first by name), but its "
            f"folder '{folder}' {state}. Correct 'arms.{arm}.path' (relative to '{Path.cwd()}'), or lower 'seeds'."
        )
    return {seed: found[seed] for seed in seeds}


def code_of(script: str, *modules: str, own: Sequence[str] = ()) -> list[str]:
    """Return every file that a script reaches by import, and itself, relative to the current folder.

    These are files of symgeom and scripts; and, for ``own`` references ``package.module:name``, the
    user's modules in the current folder and what they import there. Packages that are installed
    elsewhere are not looked into.
    """
    return [os.path.relpath(file) for file in _reached(script, modules, tuple(own), Path.cwd())]


def code_digest(script: str, *modules: str, own: Sequence[str] = ()) -> str:
    """Return a digest of the code that a script reaches: a parameter of its jobs, which run again when it changes."""
    return _digest(script, modules, tuple(own), Path.cwd())


@cache
def _digest(*reached: object) -> str:
    total = hashlib.sha256()
    for file in _reached(*reached):
        total.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


@cache
def _reached(
    script: str, modules: tuple[str, ...], own: tuple[str, ...], _: Path
) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    todo = [
        ROOT / "scripts" / f"{script}.py",
        *(ROOT / "symgeom" / f"{module}.py" for module in modules),
    ]
    for words in (reference.partition(":")[0].split(".") for reference in own if ":" in reference):
        around = [
            ".".join(words[:count]) for count in range(1, len(words) + 1)
        ]  # importing a module runs its packages
        todo += [place for name in around for place in _places(name) if place.is_file()]
    while todo:
        file = todo.pop()
        if file not in found:
            found[file] = None
            todo += _imports(file)
    return tuple(sorted(found))


@cache
def _imports(file: Path) -> list[Path]:
    """Return the files that a file imports from the project or the current folder; the package's door loads nothing by itself."""
    try:
        tree = ast.parse(file.read_text())
    except SyntaxError:  # of a user's file: the job that imports it says so
        return []
    found = [place for node in ast.walk(tree) for place in _imported(node, file)]
    return [place for place in found if place.is_file() and place != ROOT / "symgeom/__init__.py"]


def _imported(node: ast.AST, file: Path) -> Iterator[Path]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _places(alias.name)
    elif isinstance(node, ast.ImportFrom):
        base = [file.parents[node.level - 1]] if node.level else []
        module = [node.module] if node.module else []
        for name in (
            ".".join([*module, *tail]) for tail in ([], *([alias.name] for alias in node.names))
        ):
            yield from _places(name, *base) if name else ()


def _places(name: str, *bases: Path) -> Iterator[Path]:
    relative = Path(*name.split("."))
    for base in bases or (ROOT, ROOT / "scripts", Path.cwd()):
        yield from (base / f"{relative}.py", base / relative / "__init__.py")
