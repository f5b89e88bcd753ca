r"""Initial weights: every layer's, in the order of the network, from one generator.

With :math:`n_\text{in}` (:math:`n_\text{out}`) the entries that one output reads (one input
reaches), ``he`` draws weights of variance :math:`2/n_\text{in}`, ``glorot`` :math:`2/(n_\text{in} +
n_\text{out})`, ``lecun`` :math:`1/n_\text{in}`, all normal (``he_uniform``, ``glorot_uniform``:
uniform) and with zero biases; ``uniform``, as in PyTorch, draws weights and biases from
:math:`U(\pm n_\text{in}^{-1/2})`; ``orthogonal`` weights are a random part of an orthogonal matrix,
one row per output. Batch norms start with weight 1 and bias 0.

References
----------
He et al., "Delving deep into rectifiers" (1502.01852), equation 10. Glorot and Bengio,
"Understanding the difficulty of training deep feedforward neural networks" (2010), equations 12 and
16. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
networks" (1312.6120), for orthogonal weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from symgeom.ground.checks import check_choice


@dataclass(frozen=True)
class Law:
    """How the weights of a layer are drawn.

    Attributes
    ----------
    kind : {"normal", "uniform", "orthogonal"}
        The distribution.
    variance : callable
        Of an entry, from the numbers of entries that an output reads and that an input reaches
        (orthogonal: on average).
    biases : bool
        Whether biases have the same law (else they are zero).
    """

    kind: Literal["normal", "uniform", "orthogonal"]
    variance: Callable[[int, int], float]
    biases: bool = False


INITIALISATIONS = {
    "uniform": Law("uniform", lambda fan_in, _: 1 / (3 * fan_in), biases=True),
    "he": Law("normal", lambda fan_in, _: 2 / fan_in),
    "he_uniform": Law("uniform", lambda fan_in, _: 2 / fan_in),
    "glorot": Law("normal", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    "glorot_uniform": Law("uniform", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
    "lecun": Law("normal", lambda fan_in, _: 1 / fan_in),
    "orthogonal": Law("orthogonal", lambda fan_in, fan_out: 1 / max(fan_in, fan_out)),
}


def fans(weight: Tensor) -> tuple[int, int]:
    """Return how many entries of a layer's weight one output reads, and one input reaches.

    Parameters
    ----------
    weight : Tensor, shape (output, input, ...)
        Of an affine layer or a convolution.

    Returns
    -------
    tuple of int
        The two numbers.

    Examples
    --------
    >>> fans(torch.zeros(4, 3, 5, 5))
    (75, 100)
    """
    return weight[0].numel(), weight[:, 0].numel()


def initialise(
    network: nn.Module, initialisation: object, *, name: str, generator: torch.Generator
) -> None:
    """Draw the weights of all affine layers and convolutions, in place.

    Parameters
    ----------
    network : nn.Module
        Layers whose weights may hold anything.
    initialisation : object
        A key of ``INITIALISATIONS``.
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
            _draw(layer.weight, layer.bias, INITIALISATIONS[str(initialisation)], generator)


def _draw(weight: Tensor, bias: Tensor | None, law: Law, generator: torch.Generator) -> None:
    deviation = law.variance(*fans(weight)) ** 0.5
    if law.kind == "orthogonal":
        nn.init.orthogonal_(weight, generator=generator)
    elif law.kind == "normal":
        nn.init.normal_(weight, std=deviation, generator=generator)
    else:
        nn.init.uniform_(weight, -(3**0.5) * deviation, 3**0.5 * deviation, generator=generator)
    if bias is not None and law.biases:
        nn.init.uniform_(bias, -(3**0.5) * deviation, 3**0.5 * deviation, generator=generator)
    elif bias is not None:
        nn.init.zeros_(bias)


def affine(fan_in: int, fan_out: int, *, bias: bool) -> nn.Linear:
    """Return an affine layer whose weights are not drawn yet, so that the global generator does not move."""
    return skip_init(nn.Linear, fan_in, fan_out, bias=bias)


def convolution(
    fan_in: int, fan_out: int, *, kernel: int, bias: bool, stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    """Return a convolution whose weights are not drawn yet, so that the global generator does not move."""
    return skip_init(nn.Conv2d, fan_in, fan_out, kernel, stride=stride, padding=padding, bias=bias)
