"""The user's own code by where it is: ``package.module:name``, from the working directory first.

Networks and optimizers of a study may be the user's own. Both are imported and called here, and
what goes wrong is said in one sentence: with what, and in which line of the user's file.
"""

import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from symgeom.ground.checks import SymgeomError

NOT_THE_USERS = (
    str(Path(__file__).parents[1]),
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
    "<",
)
"""How the paths of files begin that are not the user's own: those of libraries, and of no file."""


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
        module = _imported(module_name)
    except (ImportError, SyntaxError) as error:
        raise SymgeomError(
            f"Cannot import '{module_name}' for {what} '{where}': {error}. It was looked for in "
            f"the working directory '{Path.cwd()}' and among the installed packages. Write "
            "'package.module:function', and install what it needs."
        ) from error
    except (Exception, SystemExit) as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot import '{module_name}' for {what} '{where}': it ends with {told(error)}. "
            "Correct it: on import a module should define things alone."
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
        If the function does not take the arguments, or fails.

    Examples
    --------
    >>> call("builtins:dict", dict, (), {"a": 1})
    {'a': 1}
    """
    signature = signature_of(function)
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        raise SymgeomError(
            f"Cannot call '{where}' with options {sorted(keywords)}: {error}; it takes "
            f"{signature}. Give those options{advice}."
        ) from error
    try:
        return function(*positional, **keywords)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"Cannot call '{where}' with options {dict(keywords)}: it fails with {told(error)}. "
            "Correct it, or the options."
        ) from error


def signature_of(function: Callable[..., object]) -> inspect.Signature:
    """Return what a function takes.

    Parameters
    ----------
    function : callable
        A function or a class.

    Returns
    -------
    inspect.Signature
        Of a builtin that does not say what it takes, that of a function that takes everything.

    Examples
    --------
    >>> signature_of(dict)
    <Signature (*args, **kwargs)>
    """
    try:
        return inspect.signature(function)
    except ValueError:
        everything = inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)
        by_name = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature([everything, by_name])


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error says.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        Without its full stop.

    Examples
    --------
    >>> first_line(ValueError("Too wide.\nSee below."))
    'Too wide'
    """
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason"


def told(error: BaseException) -> str:
    """Say what a user's code raised, and in which line of a file of the user's.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        Its kind, its words, and the innermost line that is no library's.

    Examples
    --------
    >>> told(ValueError("too wide"))
    'ValueError: too wide'
    """
    words = f"{type(error).__name__}: {first_line(error)}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(NOT_THE_USERS):
            return f"{words} ({frame.filename}, line {frame.lineno})"
    return words


def _imported(name: str) -> ModuleType:
    """Import a module, once it is certain that its name is one."""
    if not all(word.isidentifier() for word in name.split(".")):
        raise ImportError("this is no name of a module")
    return import_module(name)


@contextmanager
def working_directory() -> Iterator[None]:
    """Search the working directory first, as long as the context lasts."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before
