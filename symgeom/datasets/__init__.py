"""Data sets by name: what a study's config can ask for.

A data set is one file with one function ``(root, **options) -> Data``; to add one, write the file and name it in ``DATASETS``.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

from symgeom.checks import check_choice
from symgeom.datasets.data import Data
from symgeom.datasets.digits import digits
from symgeom.datasets.mnist import mnist

DATASETS: dict[str, Callable[..., Data]] = {"digits": digits, "mnist": mnist}


def load(name: str, *, root: str | Path, options: Mapping[str, object]) -> Data:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        A key of ``DATASETS``.
    root : str or Path
        The folder where data sets lie, or are downloaded to.
    options : mapping
        The keyword arguments of the data set's own function.

    Returns
    -------
    Data
        Training and test samples.

    Raises
    ------
    SymgeomError
        If the name or an option is unknown, or the data cannot be had.

    Examples
    --------
    >>> data = load("digits", root="data", options={"subset": 100})
    >>> len(data.train_inputs), len(data.test_inputs)
    (100, 359)
    """
    check_choice(name, DATASETS, "data set")
    known = [option for option in inspect.signature(DATASETS[name]).parameters if option != "root"]
    for option in options:
        check_choice(option, known, f"option of data set '{name}'")
    return DATASETS[name](Path(root), **options)
