"""The multilayer perceptron: affine layers with an activation between them.

Its layers stand in an ``nn.Sequential``: the tensors are named "0.weight", "0.bias", "2.weight",
... from input to output.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn

from symgeom.ground.checks import check_choice
from symgeom.learning.networks.initialise import affine, initialise
from symgeom.learning.networks.options import check_sizes, merge

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "identity": nn.Identity,
}
DEFAULTS: dict[str, object] = {
    "widths": (128, 128),
    "bias": True,
    "activation": "relu",
    "initialisation": "uniform",
}


def mlp(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a multilayer perceptron.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one sample; more than one axis is flattened first (and the tensors' numbers begin
        at 1).
    classes : int
        Number of outputs.
    options : mapping, optional
        ``widths`` of the hidden layers, ``bias``, ``activation`` (relu, leaky_relu, tanh, gelu,
        identity) and ``initialisation`` (:mod:`symgeom.learning.networks.initialise`).
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Raises
    ------
    SymgeomError
        If an option is unknown, or a width is not a positive whole number.

    Examples
    --------
    >>> network = mlp((8, 8), 10, {"widths": [16], "bias": False}, generator=torch.Generator().manual_seed(0))
    >>> [name for name, _ in network.named_parameters()]
    ['1.weight', '3.weight']
    """
    chosen = merge("mlp", DEFAULTS, options)
    check_choice(chosen["activation"], ACTIVATIONS, "activation of network 'mlp'")
    widths = check_sizes("mlp", "widths", chosen["widths"], "one per hidden layer")
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    for fan_in, fan_out in pairwise((math.prod(input_shape), *widths, classes)):
        layers += [
            affine(fan_in, fan_out, bias=chosen["bias"]),
            ACTIVATIONS[chosen["activation"]](),
        ]
    network = nn.Sequential(*layers[:-1])
    initialise(network, chosen["initialisation"], name="mlp", generator=generator)
    return network
