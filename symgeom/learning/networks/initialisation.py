r"""Initial weights: every layer's, in the order of the network, from one generator.

Let :math:`n_\text{in}` be the number of entries that one output reads, and :math:`n_\text{out}` the
number that one input reaches.

* ``he`` draws normal weights of variance :math:`2/n_\text{in}`, ``glorot`` of
  :math:`2/(n_\text{in} + n_\text{out})`, ``lecun`` of :math:`1/n_\text{in}`; ``he_uniform`` and
  ``glorot_uniform`` draw uniform ones. Biases are zero.
* ``uniform``, as in PyTorch, draws weights and biases from :math:`U(\pm n_\text{in}^{-1/2})`.
* ``orthogonal`` weights are a random part of an orthogonal matrix, one row per output. Biases are
  zero.

Batch norms start with weight 1 and bias 0.

References
----------
He et al., "Delving deep into rectifiers" (1502.01852), equation 10. Glorot and Bengio,
"Understanding the difficulty of training deep feedforward neural networks" (2010), equations 12
and 16. Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural
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
        From the numbers of entries that an output reads and that an input reaches, the variance of
        an entry (of an orthogonal matrix, on average).
    biases : bool
        Whether biases have the same law; if not, they are zero.
    """

    kind: Literal["normal", "uniform", "orthogonal"]
    variance: Callable[[int, int], float]
    biases: bool = False


def _uniform_variance(fan_in: int, fan_out: int) -> float:
    return 1 / (3 * fan_in)


def _he_variance(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _glorot_variance(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _lecun_variance(fan_in: int, fan_out: int) -> float:
    return 1 / fan_in


def _orthogonal_variance(fan_in: int, fan_out: int) -> float:
    return 1 / max(fan_in, fan_out)


INITIALISATIONS = {
    "uniform": Law("uniform", _uniform_variance, biases=True),
    "he": Law("normal", _he_variance),
    "he_uniform": Law("uniform", _he_variance),
    "glorot": Law("normal", _glorot_variance),
    "glorot_uniform": Law("uniform", _glorot_variance),
    "lecun": Law("normal", _lecun_variance),
    "orthogonal": Law("orthogonal", _orthogonal_variance),
}
"""The laws by the names that the config calls them."""


def fans(weight: Tensor) -> tuple[int, int]:
    """Return how many entries of a weight one output reads, and how many one input reaches.

    Parameters
    ----------
    weight : Tensor, shape (output, input, ...)
        The weight of an affine layer or a convolution.

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
        A network whose weights may hold anything.
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
    >>> round(float(layer.weight.detach().std() ** 2 * 400), 1)
    2.0
    >>> float(layer.bias.detach().abs().max())
    0.0
    """
    check_choice(initialisation, INITIALISATIONS, f"initialisation of network '{name}'")
    law = INITIALISATIONS[str(initialisation)]
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            _draw_layer(layer.weight, layer.bias, law, generator)


def _draw_layer(weight: Tensor, bias: Tensor | None, law: Law, generator: torch.Generator) -> None:
    """Draw the weight of a layer, then its bias."""
    deviation = law.variance(*fans(weight)) ** 0.5
    limit = 3**0.5 * deviation
    if law.kind == "orthogonal":
        nn.init.orthogonal_(weight, generator=generator)
    elif law.kind == "normal":
        nn.init.normal_(weight, std=deviation, generator=generator)
    else:
        nn.init.uniform_(weight, -limit, limit, generator=generator)
    if bias is None:
        return
    if law.biases:
        nn.init.uniform_(bias, -limit, limit, generator=generator)
    else:
        nn.init.zeros_(bias)


def affine(fan_in: int, fan_out: int, *, bias: bool) -> nn.Linear:
    """Return an affine layer whose weights are not drawn: the global generator does not move."""
    return skip_init(nn.Linear, fan_in, fan_out, bias=bias)


def convolution(
    fan_in: int, fan_out: int, *, kernel: int, bias: bool, stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    """Return a convolution whose weights are not drawn: the global generator does not move."""
    return skip_init(nn.Conv2d, fan_in, fan_out, kernel, stride=stride, padding=padding, bias=bias)
