"""Options that make no sense are named before anything is trained."""

import math
from typing import TYPE_CHECKING

from symgeom.ground.checks import SymgeomError

if TYPE_CHECKING:
    from symgeom.learning.optimizers.method import Method


def check_number(
    method: "Method",
    option: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> None:
    """Raise unless an option is a finite number in its range.

    Parameters
    ----------
    method : Method
        Whose option.
    option : str
        Name of the attribute.
    least, above, below, most : float
        The range: ``least <= value <= most``, ``above < value < below``.

    Raises
    ------
    SymgeomError
        If the option is no number, or out of range.

    Examples
    --------
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> check_number(SGD(learning_rate=0.1), "learning_rate", above=0)
    """
    value = getattr(method, option)
    number = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    )
    if not number or not least <= value <= most or not above < value < below:
        low = f"at least {least:g}" if math.isfinite(least) else f"above {above:g}"
        high = (
            f" and below {below:g}"
            if math.isfinite(below)
            else f" and at most {most:g}"
            if math.isfinite(most)
            else ""
        )
        raise SymgeomError(
            f"Cannot use optimizer '{method.name}' with {option} = {value!r}: it must be a number {low}{high} "
            "(in YAML write 1.0e-4, not 1e-4)."
        )


def check_whole(method: "Method", option: str, *, least: int, otherwise: str = "") -> None:
    """Raise unless an option is a whole number that is large enough.

    Parameters
    ----------
    method : Method
        Whose option.
    option : str
        Name of the attribute.
    least : int
        The smallest value that makes sense.
    otherwise : str
        What to do if the caller means less, for the message.

    Raises
    ------
    SymgeomError
        If the option is no whole number, or too small.

    Examples
    --------
    >>> from symgeom.learning.optimizers.rsgd import ReplicatedSGD
    >>> check_whole(ReplicatedSGD(replicas=3), "replicas", least=2)
    """
    value = getattr(method, option)
    if type(value) is not int or value < least:
        advice = f" (for less, {otherwise})" if otherwise else ""
        raise SymgeomError(
            f"Cannot use optimizer '{method.name}' with {option} = {value!r}: it needs a whole number, at least {least}{advice}."
        )


def check_switch(method: "Method", option: str) -> None:
    """Raise unless an option is true or false.

    Parameters
    ----------
    method : Method
        Whose option.
    option : str
        Name of the attribute.

    Raises
    ------
    SymgeomError
        If the option is anything else, for instance the word "no" in quotes.

    Examples
    --------
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> check_switch(SGD(nesterov=True), "nesterov")
    """
    value = getattr(method, option)
    if type(value) is not bool:
        raise SymgeomError(
            f"Cannot use optimizer '{method.name}' with {option} = {value!r}: write true or false."
        )
