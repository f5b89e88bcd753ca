"""Networks by name: what the config of a study can ask for.

A network is one file with a dataclass of its options and one function ``build_<name>(input_shape,
classes, options, *, generator) -> nn.Module``. To add one, write the file and name it in
``NETWORKS``. A name with a colon, ``package.module:function``, is a function of the user's own; and
outside of studies every measure takes any ``torch.nn.Module``.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError

NETWORKS: dict[str, str] = {
    "mlp": "mlp",
    "lenet": "lenet",
    "vgg16": "vgg",
    "resnet18": "resnet",
    "resnet20": "resnet",
    "transformer": "transformer",
    "binary_mlp": "binary_mlp",
    "binary_lenet": "binary_lenet",
    "torchvision": "foreign",
}
"""The module of this package that builds each network; it is imported when it is asked for."""


def build(
    name: str,
    *,
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object],
    generator: torch.Generator,
) -> nn.Module:
    """Build a network by name, with weights drawn from the generator.

    Parameters
    ----------
    name : str
        A key of ``NETWORKS``, or ``package.module:function``.
    input_shape : sequence of int
        Shape of one sample.
    classes : int
        Number of outputs.
    options : mapping
        The options of the network.
    generator : torch.Generator
        The source of the initial weights; the global generator is not moved.

    Returns
    -------
    nn.Module
        In float32.

    Raises
    ------
    SymgeomError
        If the name or an option is unknown, or an option has a value that makes no network.

    Examples
    --------
    >>> options = {"widths": [3]}
    >>> generator = torch.Generator().manual_seed(0)
    >>> build("mlp", input_shape=(4,), classes=2, options=options, generator=generator)
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)
    )
    """
    shape = tuple(input_shape)
    if ":" in name:
        foreign = _module("foreign")
        return foreign.build_users_network(name, shape, classes, options, generator=generator)
    if name not in NETWORKS:
        raise SymgeomError(
            f"Unknown network {name!r}: choose one of {', '.join(map(repr, NETWORKS))}, or name a "
            "function of your own as 'package.module:function'."
        )
    builder = getattr(_module(NETWORKS[name]), f"build_{name}")
    return builder(shape, classes, options, generator=generator)


def _module(name: str) -> ModuleType:
    """Import a module of this package."""
    return import_module(f"symgeom.learning.networks.{name}")
