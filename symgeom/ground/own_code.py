"""The user's own code by where it is: ``package.module:name``, from the working directory first.

Networks and optimizers of a study may be the user's own. Both are imported and called here, and
what goes wrong is said in one sentence.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from symgeom.ground.checks import SymgeomError


def find(where: str, what: str) -> Callable[..., object]:
    """Import what a reference names.

    Parameters
    ----------
    where : str
        ``package.module:name``.
    what : str
        What it is, for the message ("network").

    Returns
    -------
    callable
        A function or a class.

    Raises
    ------
    SymgeomError
        If the module cannot be imported, or holds nothing of that name that can be called.

    Examples
    --------
    >>> find("math:sqrt", "network")(9)
    3.0
    """
    module_name, _, name = where.partition(":")
    try:
        module = import_module(module_name)
    except (ImportError, ValueError, TypeError, SyntaxError) as error:
        raise SymgeomError(
            f"Cannot import '{module_name}' for {what} '{where}': {error}. It was looked for in "
            f"the working directory '{Path.cwd()}' and among the installed packages. Write "
            "'package.module:function', and install what it needs."
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        file = getattr(module, "__file__", "built in")
        raise SymgeomError(
            f"Cannot use {what} '{where}': module '{module_name}' ({file}) has no function "
            f"'{name}'. Correct the name behind the colon."
        )
    return function


def call(
    where: str,
    function: Callable[..., object],
    positional: tuple[object, ...],
    keywords: Mapping[str, object],
    *,
    advice: str = "",
) -> object:
    """Call a user's function, once it is certain that it takes the arguments.

    Parameters
    ----------
    where : str
        Where it is, for the message.
    function : callable
        What to call.
    positional, keywords : tuple and mapping
        Its arguments.
    advice : str
        What else to do about arguments that do not fit.

    Returns
    -------
    object
        What the function returns.

    Raises
    ------
    SymgeomError
        If the function does not take the arguments.

    Examples
    --------
    >>> call("builtins:dict", dict, (), {"a": 1})
    {'a': 1}
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin that does not say what it takes
        return function(*positional, **keywords)
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        raise SymgeomError(
            f"Cannot call '{where}' with options {sorted(keywords)}: {error}; it takes "
            f"{signature}. Give those options{advice}."
        ) from error
    return function(*positional, **keywords)


@contextmanager
def working_directory() -> Iterator[None]:
    """Search the working directory first, as long as the context lasts."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before
