"""Data sets by name: what a study's config can ask for.

A data set is a module of this package, of the same name, with a function ``read(choice, *, ...) ->
Data`` whose keywords are the options of the data set; of an argument that is a record, its fields
are. One that lies in the folder of data sets takes that folder as ``root``; one that lies where the
option ``path`` says gets a path that exists.
To add one, write the module and name it in ``DATASETS``. The options that say which samples are
used and how they are scaled (:class:`~symgeom.study.datasets.choice.Choice`) are the same for all,
and so are the checks (:mod:`~symgeom.study.datasets.checking`) and the scaling.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.study.datasets.checking import check_data, existing
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DATASETS = (
    "digits",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "cifar100",
    "image_folder",
    "arrays",
    "tokens",
    "teacher",
)
"""The names of the data sets, each of which is a module that is imported when it is asked for."""

ROOT = "root"
"""The argument that is the folder of data sets."""

Record = TypeVar("Record")


def load(name: str, *, root: str | Path, options: Mapping[str, object]) -> Data:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of ``DATASETS``.
    root : str or Path
        The folder where data sets lie, or are downloaded to.
    options : mapping
        The options of the data set, and the fields of
        :class:`~symgeom.study.datasets.choice.Choice`.

    Returns
    -------
    Data
        Training and test samples.

    Raises
    ------
    SymgeomError
        If the name or an option is unknown, an option is missing, or the data cannot be had.

    Examples
    --------
    >>> data = load("digits", root="data", options={"subset": 100})
    >>> len(data.train_inputs), len(data.test_inputs)
    (100, 359)
    """
    check_choice(name, DATASETS, "data set")
    read: Callable[..., Data] = import_module(f"symgeom.study.datasets.{name}").read
    parameters = inspect.signature(read).parameters
    _check_options(name, parameters, options)
    what = f"data set '{name}'"
    if "path" in options:
        file = existing(Path(root), options["path"])
        options = {**options, "path": file}
        what = f"{what} of '{file}'"
    data = read(**_arguments(parameters, options, Path(root)))
    check_data(data, what)
    return _record(Choice, options).normalised(data)


def _check_options(
    name: str, parameters: Mapping[str, inspect.Parameter], options: Mapping[str, object]
) -> None:
    """Raise if the data set has no such options, or if one that it needs is missing."""
    needed = _needed(parameters)
    for option in options:
        check_choice(option, list(needed), f"option of data set '{name}'")
    missing = [option for option in needed if needed[option] and option not in options]
    if missing:
        raise SymgeomError(
            f"Cannot load data set '{name}' without the options {missing}: give them."
        )


def _needed(parameters: Mapping[str, inspect.Parameter]) -> dict[str, bool]:
    """Return whether a data set needs the options that it takes: fields of records are options."""
    needed: dict[str, bool] = {}
    of_records: dict[str, bool] = {}
    for name, parameter in parameters.items():
        if _is_record(parameter.annotation):
            for field in fields(parameter.annotation):
                of_records[field.name] = field.default is MISSING
        elif name != ROOT:
            needed[name] = parameter.default is parameter.empty
    return needed | of_records


def _arguments(
    parameters: Mapping[str, inspect.Parameter], options: Mapping[str, object], root: Path
) -> dict[str, object]:
    """Return the arguments of what reads a data set."""
    arguments: dict[str, object] = {}
    for name, parameter in parameters.items():
        if name == ROOT:
            arguments[name] = root
        elif _is_record(parameter.annotation):
            arguments[name] = _record(parameter.annotation, options)
        elif name in options:
            arguments[name] = options[name]
    return arguments


def _is_record(annotation: object) -> TypeGuard["type[DataclassInstance]"]:
    """Return whether an argument is a record."""
    return isinstance(annotation, type) and is_dataclass(annotation)


def _record(kind: Callable[..., Record], options: Mapping[str, object]) -> Record:
    """Return a record of those options that are its fields."""
    names = inspect.signature(kind).parameters
    return kind(**{name: options[name] for name in names if name in options})
