r"""The multilayer perceptron: affine layers with an activation between them.

Its layers stand in an ``nn.Sequential``: the tensors are named "0.weight", "0.bias", "2.weight", ... from input to output.

Three initialisations, with :math:`n` the fan-in and :math:`m` the fan-out of a layer: ``uniform``, weights and biases from
:math:`U(-1/\sqrt n, 1/\sqrt n)` (the default of PyTorch's linear layer); ``he``, weights from :math:`N(0, 2/n)`, no bias;
``glorot``, weights from :math:`N(0, 2/(n+m))`, no bias.

References
----------
He et al., "Delving deep into rectifiers" (1502.01852), equation 10. Glorot and Bengio, "Understanding the difficulty of training
deep feedforward neural networks" (2010), equation 12 (there with a standard deviation, not a distribution, prescribed).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils import skip_init

from symgeom.checks import SymgeomError, check_choice

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "identity": nn.Identity,
}
INITIALISATIONS = ("uniform", "he", "glorot")
DEFAULTS: dict[str, object] = {"widths": (128, 128), "bias": True, "activation": "relu", "initialisation": "uniform"}


def mlp(
    input_shape: Sequence[int], classes: int, options: Mapping[str, object] | None = None, *, generator: torch.Generator
) -> nn.Sequential:
    """Build a multilayer perceptron.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one sample; more than one axis is flattened first (and the tensors' numbers begin at 1).
    classes : int
        Number of outputs.
    options : mapping, optional
        ``widths`` of the hidden layers, ``bias``, ``activation`` (relu, leaky_relu, tanh, gelu, identity) and ``initialisation``
        (uniform, he, glorot).
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
    for option in options or {}:
        check_choice(option, DEFAULTS, "option of network 'mlp'")
    chosen = {**DEFAULTS, **(options or {})}
    check_choice(chosen["activation"], ACTIVATIONS, "activation of network 'mlp'")
    check_choice(chosen["initialisation"], INITIALISATIONS, "initialisation of network 'mlp'")
    hidden = chosen["widths"]
    if not isinstance(hidden, (list, tuple)) or any(type(width) is not int or width < 1 for width in hidden):
        raise SymgeomError(
            f"Cannot build network 'mlp' with widths {hidden!r}: give a list of positive whole numbers, one per hidden layer."
        )
    widths = (math.prod(input_shape), *hidden, classes)
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    for fan_in, fan_out in pairwise(widths):
        layer = skip_init(nn.Linear, fan_in, fan_out, bias=bool(chosen["bias"]))
        _initialise(layer, str(chosen["initialisation"]), generator)
        layers += [layer, ACTIVATIONS[str(chosen["activation"])]()]
    return nn.Sequential(*layers[:-1])


def _initialise(layer: nn.Linear, initialisation: str, generator: torch.Generator) -> None:
    if initialisation == "uniform":
        bound = layer.in_features**-0.5
        for tensor in layer.parameters():
            nn.init.uniform_(tensor, -bound, bound, generator=generator)
        return
    fans = layer.in_features if initialisation == "he" else layer.in_features + layer.out_features
    nn.init.normal_(layer.weight, std=(2 / fans) ** 0.5, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
