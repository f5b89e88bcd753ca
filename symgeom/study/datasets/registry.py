"""Data sets by name: what a study's config can ask for.

A data set is a module of this package, of the same name, with a function ``read(choice, *, ...) ->
Data`` whose keywords are the options of the data set. One that lies in the folder of data sets
takes that folder as ``root``; one that lies where the option ``path`` says gets a path that exists.
To add one, write the module and name it in ``DATASETS``. The options that say which samples are
used and how they are scaled (:class:`~symgeom.study.datasets.choice.Choice`) are the same for all,
and so are the checks (:mod:`~symgeom.study.datasets.checking`) and the scaling.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.study.datasets.checking import check_data, existing
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.labels import Reading

Record = TypeVar("Record", Choice, Reading)
"""What holds options that several data sets have."""

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
    parameters = dict(inspect.signature(read).parameters)
    arguments: dict[str, object] = {}
    if "root" in parameters:
        arguments["root"] = Path(root)
        parameters.pop("root")
    parameters.pop("choice")
    takes_reading = parameters.pop("reading", None) is not None
    shared = _fields(Choice)
    if takes_reading:
        shared += _fields(Reading)
    _check_options(name, parameters, options, shared)
    for option in parameters:
        if option in options:
            arguments[option] = options[option]
    what = f"data set '{name}'"
    if "path" in arguments:
        file = existing(Path(root), arguments["path"])
        arguments["path"] = file
        what = f"{what} of '{file}'"
    choice = _made(Choice, options)
    if takes_reading:
        arguments["reading"] = _made(Reading, options)
    data = read(choice=choice, **arguments)
    check_data(data, what)
    return choice.normalised(data)


def _check_options(
    name: str,
    parameters: Mapping[str, inspect.Parameter],
    options: Mapping[str, object],
    shared: Iterable[str],
) -> None:
    """Raise if the data set has no such options, or if one that it needs is missing."""
    for option in options:
        check_choice(option, [*parameters, *shared], f"option of data set '{name}'")
    missing = []
    for option, parameter in parameters.items():
        if parameter.default is parameter.empty and option not in options:
            missing.append(option)
    if missing:
        raise SymgeomError(
            f"Cannot load data set '{name}' without the options {missing}: give them."
        )


def _fields(record: type[Choice | Reading]) -> list[str]:
    """Return the options that a record holds."""
    return [field.name for field in fields(record)]


def _made(record: Callable[..., Record], options: Mapping[str, object]) -> Record:
    """Return what the options say that a record holds."""
    names = inspect.signature(record).parameters
    return record(**{option: options[option] for option in names if option in options})
