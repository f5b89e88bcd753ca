"""Checks of the options of optimizers: what makes no sense is named before anything is trained.

A check takes the name of the optimizer, the name of the option, and its value. It knows nothing
else of optimizers, so that the options of an optimizer of your own are checked in the same way.
"""

import math
from dataclasses import dataclass
from typing import TypeGuard

from symgeom.ground.checks import SymgeomError


@dataclass(frozen=True)
class Range:
    """The values that a number may have: ``least <= value <= most`` and ``above < value < below``.

    Attributes
    ----------
    least, above : float
        A lower limit, which belongs to the range or does not; a range has one of them.
    most, below : float
        An upper limit, which belongs to the range or does not.

    Examples
    --------
    >>> momentum = Range(least=0, below=1)
    >>> momentum.holds(1.0), str(momentum)
    (False, 'at least 0 and below 1')
    """

    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf

    def holds(self, value: float) -> bool:
        """Return whether a number is in the range."""
        return self.least <= value <= self.most and self.above < value < self.below

    def __str__(self) -> str:
        """Return the limits in words."""
        lower = f"above {self.above:g}"
        if math.isfinite(self.least):
            lower = f"at least {self.least:g}"
        if math.isfinite(self.below):
            return f"{lower} and below {self.below:g}"
        if math.isfinite(self.most):
            return f"{lower} and at most {self.most:g}"
        return lower


POSITIVE = Range(above=0)
NOT_NEGATIVE = Range(least=0)
BELOW_ONE = Range(least=0, below=1)


def check_number(optimizer: str, option: str, value: object, wanted: Range) -> None:
    """Raise unless an option is a finite number in its range.

    Parameters
    ----------
    optimizer, option : str
        Their names, for the message.
    value : object
        The value of the option.
    wanted : Range
        What the value may be.

    Raises
    ------
    SymgeomError
        If the value is no number, or out of range.

    Examples
    --------
    >>> check_number("sgd", "learning_rate", 0.1, POSITIVE)
    """
    if _is_number(value) and wanted.holds(value):
        return
    raise SymgeomError(
        f"Cannot use optimizer '{optimizer}' with {option} = {value!r}: "
        f"it must be a number {wanted} (in YAML write 1.0e-4, not 1e-4)."
    )


def check_whole(
    optimizer: str, option: str, value: object, *, least: int, otherwise: str = ""
) -> None:
    """Raise unless an option is a whole number that is large enough.

    Parameters
    ----------
    optimizer, option : str
        Their names, for the message.
    value : object
        The value of the option.
    least : int
        The smallest value that makes sense.
    otherwise : str
        What to do if the caller means less, for the message.

    Raises
    ------
    SymgeomError
        If the value is no whole number, or too small.

    Examples
    --------
    >>> check_whole("rsgd", "replicas", 3, least=2)
    """
    if type(value) is int and value >= least:
        return
    advice = f" (for less, {otherwise})" if otherwise else ""
    raise SymgeomError(
        f"Cannot use optimizer '{optimizer}' with {option} = {value!r}: "
        f"it needs a whole number, at least {least}{advice}."
    )


def check_switch(optimizer: str, option: str, value: object) -> None:
    """Raise unless an option is true or false.

    Parameters
    ----------
    optimizer, option : str
        Their names, for the message.
    value : object
        The value of the option.

    Raises
    ------
    SymgeomError
        If the value is anything else, for instance the word "no" in quotes.

    Examples
    --------
    >>> check_switch("sgd", "nesterov", True)
    """
    if type(value) is bool:
        return
    raise SymgeomError(
        f"Cannot use optimizer '{optimizer}' with {option} = {value!r}: write true or false."
    )


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)
