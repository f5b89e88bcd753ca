"""Optimizers that others wrote: the user's own function or class, by where it is."""

from collections.abc import Mapping
from dataclasses import is_dataclass

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import call, find, working_directory
from symgeom.learning.optimizers.method import Method

NEEDED = ("name", "learning_rate", "momentum", "weight_decay", "schedule", "equivariant")
"""What every optimizer must say of itself; ``Method`` explains it."""


def own(where: str, options: Mapping[str, object]) -> Method:
    """Build an optimizer with the user's own function or class.

    Parameters
    ----------
    where : str
        ``package.module:name``; the working directory is searched first.
    options : mapping
        Given to it as keywords.

    Returns
    -------
    Method
        What it returns: a frozen dataclass derived from
        :class:`~symgeom.learning.optimizers.method.Method`.

    Raises
    ------
    SymgeomError
        If it is not found, does not take the options, fails, or returns no complete optimizer.

    Examples
    --------
    >>> own("symgeom.learning.optimizers.sgd:SGD", {"learning_rate": 0.05, "momentum": 0.0}).learning_rate
    0.05
    """
    with working_directory():
        function = find(where, "optimizer")
        try:
            method = call(where, function, (), dict(options))
        except SymgeomError:
            raise
        except Exception as error:  # the user's own code runs here
            raise SymgeomError(
                f"Cannot use optimizer '{where}': calling it with {dict(options)} fails with {type(error).__name__}: {error}. "
                "Correct it, or the options of its arm."
            ) from error
    if not isinstance(method, Method) or not is_dataclass(method):
        raise SymgeomError(
            f"Cannot use optimizer '{where}': it gives a {type(method).__name__}. Give a dataclass derived from "
            "symgeom.learning.optimizers.method.Method: its fields are its options, by which a checkpoint of its training is recognised."
        )
    missing = [name for name in NEEDED if not hasattr(method, name)]
    if missing:
        raise SymgeomError(
            f"Cannot use optimizer '{where}': it does not say its {', '.join(missing)}. Add what is missing."
        )
    method.check()
    return method
