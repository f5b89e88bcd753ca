"""Optimizers by name, one file each.

To add one, write a final :class:`~symgeom.learning.optimizers.method.Method`, whose fields are its
options, and add it to ``METHODS``. A name with a colon, ``package.module:name``, is an optimizer of
the user's own.

The optimizers sample minima of different flatness. Replicated SGD, Entropy-SGD, weight averaging
and sharpness-aware minimisation find flat minima; adversarial initialisation finds sharp ones; SGD
and Adam find what lies between.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.learning.optimizers.adam import Adam
from symgeom.learning.optimizers.adversarial import Adversarial
from symgeom.learning.optimizers.entropy_sgd import EntropySGD
from symgeom.learning.optimizers.foreign import build_users_optimizer
from symgeom.learning.optimizers.method import Method
from symgeom.learning.optimizers.rsgd import ReplicatedSGD
from symgeom.learning.optimizers.sam import SAM
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.optimizers.swa import AveragedSGD

_METHODS: tuple[type[Method], ...] = (
    SGD,
    Adam,
    SAM,
    ReplicatedSGD,
    EntropySGD,
    AveragedSGD,
    Adversarial,
)

METHODS: dict[str, type[Method]] = {method.name: method for method in _METHODS}
"""The optimizers by the names that the config calls them."""


def build(name: str, options: Mapping[str, object]) -> Method:
    """Build an optimizer by name.

    Parameters
    ----------
    name : str
        A key of ``METHODS``, or ``package.module:name``.
    options : mapping
        The attributes of the method; what is not named keeps its default.

    Returns
    -------
    Method
        The optimizer.

    Raises
    ------
    SymgeomError
        If the name or an option is unknown, an option is out of range, or the user's own optimizer
        cannot be used.

    Examples
    --------
    >>> build("sgd", {"learning_rate": 0.05})
    SGD(learning_rate=0.05, momentum=0.9, weight_decay=0.0, schedule='constant', nesterov=False)
    """
    if ":" in name:
        return build_users_optimizer(name, options)
    check_choice(name, METHODS, "optimizer")
    method = METHODS[name]
    accepted = option_names(method)
    for option in options:
        check_choice(option, accepted, f"option of optimizer '{name}'")
    return method(**options)


def option_names(method: type[Method]) -> list[str]:
    """Return the names of the options of an optimizer, which are the fields of its dataclass.

    Parameters
    ----------
    method : type of Method
        The optimizer.

    Returns
    -------
    list of str
        In the order in which the optimizer lists them.

    Raises
    ------
    SymgeomError
        If the optimizer is no dataclass.

    Examples
    --------
    >>> option_names(SGD)
    ['learning_rate', 'momentum', 'weight_decay', 'schedule', 'nesterov']
    """
    if not is_dataclass(method):
        raise SymgeomError(
            f"Cannot read the options of optimizer '{method.__name__}': it is no dataclass. "
            "Decorate it with @dataclass(frozen=True)."
        )
    return [option.name for option in fields(method)]
