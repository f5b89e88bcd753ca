"""The multilayer perceptron: affine layers with an activation between them.

Its layers stand in an ``nn.Sequential``: the tensors are named "0.weight", "0.bias", "2.weight",
... from input to output.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from symgeom.ground.checks import check_choice
from symgeom.learning.networks.initialisation import affine, initialise
from symgeom.learning.networks.options import NetworkOptions, check_sizes, read_options

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "identity": nn.Identity,
}


@dataclass(frozen=True)
class MLPOptions(NetworkOptions):
    """The options of a multilayer perceptron.

    Attributes
    ----------
    widths : sequence of int
        Units of the hidden layers.
    bias : bool
        Whether the affine layers have biases.
    activation : {"relu", "leaky_relu", "tanh", "gelu", "identity"}
        What follows every layer but the last.
    initialisation : str
        How weights are drawn (:mod:`symgeom.learning.networks.initialisation`).
    """

    widths: Sequence[int] = (128, 128)
    bias: bool = True
    activation: str = "relu"
    initialisation: str = "uniform"


def build_mlp(
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
        The attributes of :class:`MLPOptions`; what is left out keeps its default.
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
    >>> options = {"widths": [16], "bias": False}
    >>> network = build_mlp((8, 8), 10, options, generator=torch.Generator().manual_seed(0))
    >>> [name for name, _ in network.named_parameters()]
    ['1.weight', '3.weight']
    """
    wanted = read_options("mlp", MLPOptions, options)
    check_choice(wanted.activation, ACTIVATIONS, "activation of network 'mlp'")
    widths = check_sizes("mlp", "widths", wanted.widths, "one per hidden layer")
    layers: list[nn.Module] = []
    if len(input_shape) > 1:
        layers.append(nn.Flatten())
    fan_in = math.prod(input_shape)
    for fan_out in widths:
        layers.append(affine(fan_in, fan_out, bias=wanted.bias))
        layers.append(ACTIVATIONS[wanted.activation]())
        fan_in = fan_out
    layers.append(affine(fan_in, classes, bias=wanted.bias))
    network = nn.Sequential(*layers)
    initialise(network, wanted.initialisation, name="mlp", generator=generator)
    return network
