"""Optimizers by name, one file each; to add one, write a final :class:`Method` and name it in ``METHODS``.

A name with a colon is an optimizer of the user's own, ``package.module:name``.

They sample minima of different flatness: replicated SGD, Entropy-SGD, weight averaging and
sharpness-aware minimisation flat ones, adversarial initialisation sharp ones, SGD and Adam what
lies between.
"""

from collections.abc import Mapping
from dataclasses import fields

from symgeom.ground.checks import check_choice
from symgeom.learning.optimizers.adam import Adam
from symgeom.learning.optimizers.adversarial import Adversarial
from symgeom.learning.optimizers.entropy_sgd import EntropySGD
from symgeom.learning.optimizers.foreign import own
from symgeom.learning.optimizers.method import Method
from symgeom.learning.optimizers.rsgd import ReplicatedSGD
from symgeom.learning.optimizers.sam import SAM
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.optimizers.swa import AveragedSGD

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (SGD, Adam, SAM, ReplicatedSGD, EntropySGD, AveragedSGD, Adversarial)
}


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
        return own(name, options)
    check_choice(name, METHODS, "optimizer")
    for option in options:
        check_choice(
            option, [field.name for field in fields(METHODS[name])], f"option of optimizer '{name}'"
        )
    return METHODS[name](**options)
