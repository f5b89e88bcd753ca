"""The door of a public function: what comes in is of the kind that its signature says.

A function with a :func:`door` compares its arguments with its annotations before anything is
computed, and says in one sentence which argument is of the wrong kind, what was found, and what
belongs there. A record with :func:`check_attributes` does the same with what it holds. What judges
a value is in :mod:`symgeom.ground.judges`.

A door looks at what comes from outside. What a function calls on its own way is inside, where
nothing is looked at again, so that a door costs little.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from inspect import signature
from typing import ParamSpec, TypeVar
from typing import get_type_hints as hints_of

from symgeom.ground.checks import SymgeomError
from symgeom.ground.judges import Judge, judge_of

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _Inside(threading.local):
    """Whether this thread is behind a door."""

    yes = False


_inside = _Inside()


def door(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compare the arguments of a function with its annotations whenever it is called from outside.

    Parameters
    ----------
    function : callable
        A function, or a method, whose annotations can be evaluated where it is defined.

    Returns
    -------
    callable
        The same function; it raises SymgeomError if an argument is of the wrong kind.

    Examples
    --------
    >>> @door
    ... def halved(number: float) -> float:
    ...     return number / 2
    >>> halved(3)
    1.5
    >>> halved("3")
    Traceback (most recent call last):
        ...
    symgeom.ground.checks.SymgeomError: Cannot call halved: argument 'number' is the text '3'; \
a number belongs there.
    """
    return door_with(_nothing)(function)


def door_with(
    check: Callable[..., None],
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Make a :func:`door` that also asks whether arguments fit each other.

    Parameters
    ----------
    check : callable
        It takes what the function takes, and raises SymgeomError if that does not fit.

    Returns
    -------
    callable
        What makes a function one with a door.

    Examples
    --------
    >>> def check_order(low: float, high: float) -> None:
    ...     if low > high:
    ...         raise SymgeomError(f"Cannot draw from {low} to {high}: exchange them.")
    >>> @door_with(check_order)
    ... def length(low: float, high: float) -> float:
    ...     return high - low
    >>> length(2, 1)
    Traceback (most recent call last):
        ...
    symgeom.ground.checks.SymgeomError: Cannot draw from 2 to 1: exchange them.
    """

    def with_check(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        order = tuple(signature(function).parameters)

        @wraps(function)
        def with_door(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if _inside.yes:
                return function(*args, **kwargs)
            judges = _judges_of(function)
            _judge_all(function.__name__, judges, zip(order, args, strict=False))
            _judge_all(function.__name__, judges, kwargs.items())
            _inside.yes = True
            try:
                check(*args, **kwargs)
                return function(*args, **kwargs)
            finally:
                _inside.yes = False

        return with_door

    return with_check


def _nothing(*_: object, **__: object) -> None:
    """Ask nothing more."""


def check_attributes(record: object) -> None:
    """Raise if an attribute of a record is not of the kind that its annotation says.

    Parameters
    ----------
    record : object
        An instance of a dataclass, when its attributes are there.

    Raises
    ------
    SymgeomError
        If an attribute is of the wrong kind, and the record is not made behind a door.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Plan:
    ...     epochs: int
    >>> check_attributes(Plan(3))
    """
    if _inside.yes:
        return
    kind: Callable[..., object] = type(record)
    attributes = vars(record)
    for name, judge in _judges_of(kind).items():
        if name in attributes:
            fault = judge(attributes[name])
            if fault:
                raise SymgeomError(f"Cannot make a {kind.__name__}: its '{name}' {fault}.")


def comes_from_outside() -> bool:
    """Return whether what a record holds was not looked at behind a door.

    Returns
    -------
    bool
        False inside functions with a door, which make records of what they know.

    Examples
    --------
    >>> comes_from_outside(), door(comes_from_outside)()
    (True, False)
    """
    return not _inside.yes


def _judge_all(
    name: str, judges: Mapping[str, Judge], arguments: Iterable[tuple[str, object]]
) -> None:
    """Raise for the first argument that is of the wrong kind."""
    for argument, value in arguments:
        judge = judges.get(argument)
        if judge is not None:
            fault = judge(value)
            if fault:
                raise SymgeomError(f"Cannot call {name}: argument '{argument}' {fault}.")


@cache
def _judges_of(annotated: Callable[..., object]) -> dict[str, Judge]:
    """Return what judges each argument of a function, or each attribute of a class."""
    judges = {}
    for name, hint in hints_of(annotated).items():
        judge = judge_of(hint)
        if name != "return" and judge is not None:
            judges[name] = judge
    return judges
