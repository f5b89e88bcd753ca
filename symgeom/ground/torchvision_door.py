"""The only door to torchvision.

The torchvision wheel of the package index is built for CUDA. Beside a CPU-only torch its compiled
operators do not load, and its import fails where it describes them, though data sets, transforms
and models are pure Python. On exactly that failure it is imported again with the description of
operators (``torch.library.register_fake``) replaced, for the duration of the import, by a decorator
that does nothing. Where the two fit, nothing is replaced.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import torch

OPERATORS_MISSING = "operator torchvision::nms does not exist"


def import_torchvision() -> ModuleType:
    """Import torchvision, whether or not its compiled operators fit torch.

    Returns
    -------
    ModuleType
        ``torchvision``.

    Raises
    ------
    RuntimeError
        If the import fails for another reason.

    Examples
    --------
    >>> import_torchvision().datasets.MNIST.__name__
    'MNIST'
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if str(error) != OPERATORS_MISSING:
            raise
    _forget_torchvision()
    register_fake = torch.library.register_fake
    torch.library.register_fake = _describe_nothing
    try:
        return import_module("torchvision")
    finally:
        torch.library.register_fake = register_fake


def _forget_torchvision() -> None:
    """Forget the half of torchvision that was imported before it failed."""
    for name in list(sys.modules):
        package = name.partition(".")[0]
        if package == "torchvision":
            del sys.modules[name]


def _describe_nothing(*_: object, **__: object) -> Callable[[object], object]:
    return lambda function: function
