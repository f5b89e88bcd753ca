"""Data sets by name: what a study's config can ask for.

A data set is one function ``(root, choice, *, ...) -> Data`` with the options of its own as
keywords, in a file of its own or with its kin; to add one, write the function and name it in
``DATASETS``. Which samples are used and how they are scaled
(:class:`~symgeom.study.datasets.data.Choice`) is the same for all.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.study.datasets.data import Choice, Data

DATASETS: dict[str, str] = {
    "digits": "digits",
    "mnist": "archives",
    "fashion_mnist": "archives",
    "cifar10": "archives",
    "cifar100": "archives",
    "image_folder": "image_folder",
    "arrays": "arrays",
    "teacher": "teacher",
}
"""The module of this package that reads each data set; imported when it is asked for."""


def load(name: str, *, root: str | Path, options: Mapping[str, object]) -> Data:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        A key of ``DATASETS``.
    root : str or Path
        The folder where data sets lie, or are downloaded to.
    options : mapping
        The keyword arguments of the data set's own function, and the fields of
        :class:`~symgeom.study.datasets.data.Choice`.

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
    function = getattr(import_module(f"symgeom.study.datasets.{DATASETS[name]}"), name)
    taken, shared = inspect.signature(function).parameters, [field.name for field in fields(Choice)]
    own = {
        option: parameter for option, parameter in taken.items() if option not in ("root", "choice")
    }
    for option in options:
        check_choice(option, [*own, *shared], f"option of data set '{name}'")
    missing = [
        option
        for option, parameter in own.items()
        if parameter.default is parameter.empty and option not in options
    ]
    if missing:
        raise SymgeomError(
            f"Cannot load data set '{name}' without the options {missing}: give them."
        )
    given = {option: value for option, value in options.items() if option in own}
    given |= {"root": Path(root)} if "root" in taken else {}
    return function(
        choice=Choice(**{option: options[option] for option in shared if option in options}),
        **given,
    )
