"""Optimizers that others wrote: a function or class of the user's own, found by its reference."""

from collections.abc import Mapping
from dataclasses import is_dataclass

from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import call, find, working_directory
from symgeom.learning.optimizers.method import Method

NEEDED = ("name", "learning_rate", "momentum", "weight_decay", "schedule")
"""What every optimizer must say of itself, beside what ``Method`` declares abstract."""


def build_users_optimizer(reference: str, options: Mapping[str, object]) -> Method:
    """Build an optimizer with the user's own function or class.

    Parameters
    ----------
    reference : str
        ``package.module:name``; the working directory is searched first.
    options : mapping
        The keywords with which it is called.

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
    >>> options = {"learning_rate": 0.05, "momentum": 0.0}
    >>> build_users_optimizer("symgeom.learning.optimizers.sgd:SGD", options).learning_rate
    0.05
    """
    with working_directory():
        build = find(reference, "optimizer")
        method = call(reference, build, (), dict(options))
    if not isinstance(method, Method) or not is_dataclass(method):
        raise SymgeomError(
            f"Cannot use optimizer '{reference}': it gives a {type(method).__name__}. "
            "Give a dataclass derived from symgeom.learning.optimizers.Method: its fields are "
            "its options, by which a checkpoint of its training is recognised."
        )
    missing = [name for name in NEEDED if not hasattr(method, name)]
    if missing:
        names = ", ".join(missing)
        raise SymgeomError(
            f"Cannot use optimizer '{reference}': it does not say its {names}. Add what is missing."
        )
    method.check()
    return method
