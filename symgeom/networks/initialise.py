r"""Initial weights: every layer's, in the order of the network, from one generator.

With :math:`n_\text{in}` (:math:`n_\text{out}`) the entries that one output reads (one input reaches), ``he`` draws weights from
:math:`N(0, 2/n_\text{in})`, ``glorot`` from :math:`N(0, 2/(n_\text{in} + n_\text{out}))`, both with zero biases; ``uniform``, as
in PyTorch, draws weights and biases from :math:`U(\pm n_\text{in}^{-1/2})`. Batch norms start with weight 1 and bias 0.

References
----------
He et al., "Delving deep into rectifiers" (1502.01852), equation 10. Glorot and Bengio, "Understanding the difficulty of training
deep feedforward neural networks" (2010), equation 12 (there with a standard deviation, not a distribution, prescribed).
"""

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from symgeom.checks import check_choice

INITIALISATIONS = ("uniform", "he", "glorot")


def initialise(network: nn.Module, initialisation: object, *, name: str, generator: torch.Generator) -> None:
    """Draw the weights of all affine layers and convolutions, in place.

    Parameters
    ----------
    network : nn.Module
        Layers whose weights may hold anything.
    initialisation : object
        ``"uniform"``, ``"he"`` or ``"glorot"``.
    name : str
        What the config calls the network, for the message.
    generator : torch.Generator
        The source of randomness.

    Raises
    ------
    SymgeomError
        If the initialisation is unknown.

    Examples
    --------
    >>> layer = affine(400, 30, bias=True)
    >>> initialise(layer, "he", name="mlp", generator=torch.Generator().manual_seed(0))
    >>> round(float(layer.weight.detach().std() ** 2 * 400), 1), float(layer.bias.detach().abs().max())
    (2.0, 0.0)
    """
    check_choice(initialisation, INITIALISATIONS, f"initialisation of network '{name}'")
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            _draw(layer.weight, layer.bias, str(initialisation), generator)


def _draw(weight: Tensor, bias: Tensor | None, initialisation: str, generator: torch.Generator) -> None:
    fan_in, fan_out = weight[0].numel(), weight[:, 0].numel()
    if initialisation == "uniform":
        for tensor in (weight, bias):
            if tensor is not None:
                nn.init.uniform_(tensor, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
        return
    nn.init.normal_(weight, std=(2 / (fan_in if initialisation == "he" else fan_in + fan_out)) ** 0.5, generator=generator)
    if bias is not None:
        nn.init.zeros_(bias)


def affine(fan_in: int, fan_out: int, *, bias: bool) -> nn.Linear:
    """Return an affine layer whose weights are not drawn yet, so that the global generator does not move."""
    return skip_init(nn.Linear, fan_in, fan_out, bias=bias)


def convolution(fan_in: int, fan_out: int, *, kernel: int, bias: bool, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Return a convolution whose weights are not drawn yet, so that the global generator does not move."""
    return skip_init(nn.Conv2d, fan_in, fan_out, kernel, stride=stride, padding=padding, bias=bias)
