"""Arms of minima that were trained elsewhere: which files they are."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.files import SUFFIXES, all_files, file_of, is_weights
from symgeom.study.planning.options import IMPORTED
from symgeom.study.planning.sources import ConfigError
from symgeom.study.planning.split import seeds_of


def unfold_folders(config: Mapping) -> object:
    """Return the arms, each folder of checkpoints replaced by an arm for each of its sub-folders.

    Parameters
    ----------
    config : mapping
        The merged configuration. A path that ends in ``/*`` names a folder: its sub-folders, those
        of all cases together, are arms of their own names, in alphabetical order; hidden ones are
        left out.

    Returns
    -------
    dict
        The arms. What is no section is returned as it is, for the schema to refuse.

    Raises
    ------
    ConfigError
        If there is no sub-folder, or one cannot be an arm.
    """
    arms = config.get("arms")
    cases = config.get("cases")
    if not isinstance(arms, Mapping) or not isinstance(cases, Mapping):
        return arms
    taken = {name for name, recipe in arms.items() if not _is_folder(recipe)}
    unfolded: dict[str, object] = {}
    for name, recipe in arms.items():
        if _is_folder(recipe):
            unfolded |= _arms_in_folder(name, recipe, cases, {*taken, *unfolded})
        else:
            unfolded[name] = recipe
    return unfolded


def checkpoints_of(config: Mapping, case: str, arm: str) -> dict[int, str]:
    """Return the file of every seed of an imported arm, or the index of its shards.

    Parameters
    ----------
    config : mapping
        The configuration.
    case, arm : str
        Which files.

    Returns
    -------
    dict of int to str
        By seed; that of seed 0 is the first by name. A sub-folder with an index is one network.

    Raises
    ------
    ConfigError
        If there are too few files.
    """
    folder = Path(config["arms"][arm]["path"].replace("{case}", case))
    files = sorted(str(file) for file in folder.glob("*") if is_weights(file))
    seeds = seeds_of(config)
    if len(files) <= max(seeds):
        state = "does not exist"
        if folder.is_dir():
            state = f"holds {len(files)} files that end in {', '.join(SUFFIXES)}"
        raise ConfigError(
            f"Arm '{arm}' of case '{case}' needs a file for each of the seeds {seeds} (seed 0 is "
            f"the first by name), but its folder '{folder}' {state}. Correct 'arms.{arm}.path' "
            f"(relative to '{Path.cwd()}'), or lower 'seeds'."
        )
    return {seed: str(file_of(Path(files[seed]))) for seed in seeds}


def shards_of(files: Iterable[str]) -> list[str]:
    """Return the shards that indices name among the files of weights.

    Parameters
    ----------
    files : iterable of str
        As :func:`checkpoints_of` returns them.

    Returns
    -------
    list of str
        None for a file that is whole.

    Raises
    ------
    ConfigError
        If an index cannot be read, or a shard is missing.
    """
    shards: list[str] = []
    for file in files:
        try:
            shards.extend(map(str, all_files(Path(file))[1:]))
        except SymgeomError as fault:
            raise ConfigError(str(fault)) from None
    return shards


def _is_folder(recipe: object) -> bool:
    if not isinstance(recipe, Mapping) or recipe.get("method") != IMPORTED:
        return False
    return str(recipe.get("path")).endswith("/*")


def _arms_in_folder(
    name: str, recipe: Mapping, cases: Iterable[str], taken: Collection[str]
) -> dict[str, object]:
    """Return an arm for each sub-folder of a folder of checkpoints."""
    folder = recipe["path"].removesuffix("/*")
    names: set[str] = set()
    for case in cases:
        for path in Path(folder.replace("{case}", case)).glob("[!.]*"):
            if path.is_dir():
                names.add(path.name)
    fault = _fault(sorted(names), taken)
    if fault:
        raise ConfigError(
            f"Arm '{name}' takes every sub-folder of '{folder}' (relative to '{Path.cwd()}') for "
            f"an arm, but {fault}. Correct 'arms.{name}.path', or rename the sub-folder: letters, "
            "digits and underscores, and no other arm's name."
        )
    return {arm: {**recipe, "path": f"{folder}/{arm}"} for arm in sorted(names)}


def _fault(names: list[str], taken: Collection[str]) -> str:
    """Say why some sub-folders cannot be arms, if they cannot."""
    if not names:
        return "it has no sub-folder"
    for name in names:
        if name in taken:
            return f"its sub-folder '{name}' has the name of another arm"
        if not re.fullmatch(r"\w+", name, re.ASCII):
            return f"its sub-folder '{name}' cannot be the name of an arm"
    return ""
