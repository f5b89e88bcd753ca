r"""The binary multilayer perceptron: weights and activations of +1 and -1, without biases.

The network computes with the signs of latent weights and is trained straight through
(:mod:`symgeom.landscape.binary.layers`). It has no batch norm. Its symmetries are permutations and
signs of hidden units; there is no scale to remove. Hidden layers have odd widths: with an even
number of inputs of :math:`\pm1` a pre-activation could be zero, and the sign of a unit would then
be no symmetry.

Latent weights are drawn from :math:`N(0, 2/(n+m))`, with :math:`n` the fan-in and :math:`m` the
fan-out.

References
----------
Lucibello et al., "Deep learning via message passing algorithms based on belief propagation"
(2110.14583), appendix B.6. It trains with plain SGD at learning rates of order 1 to 10,
mini-batches of 128 and about 100 epochs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.binary.layers import BinaryLinear, SignActivation
from symgeom.learning.networks.initialisation import affine
from symgeom.learning.networks.options import NetworkOptions, check_sizes, read_options


@dataclass(frozen=True)
class BinaryMLPOptions(NetworkOptions):
    """The options of a binary multilayer perceptron.

    Attributes
    ----------
    widths : sequence of int
        Units of the hidden layers, odd numbers.
    binary_head : bool
        Whether the weights of the last layer are signs too.
    """

    widths: Sequence[int] = (101, 101)
    binary_head: bool = True


def build_binary_mlp(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a binary multilayer perceptron.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one sample, of real numbers; more than one axis is flattened first (and the
        tensors' numbers begin at 1).
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`BinaryMLPOptions`; what is left out keeps its default.
    generator : torch.Generator
        The source of the initial latent weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Raises
    ------
    SymgeomError
        If an option is unknown, or a width is not a positive odd number.

    Examples
    --------
    >>> build_binary_mlp((4,), 2, {"widths": [3]}, generator=torch.Generator().manual_seed(0))
    Sequential(
      (0): BinaryLinear(4, 3)
      (1): SignActivation()
      (2): BinaryLinear(3, 2)
    )
    """
    wanted = read_options("binary_mlp", BinaryMLPOptions, options)
    widths = check_sizes("binary_mlp", "widths", wanted.widths, "one per hidden layer")
    even = [width for width in widths if width % 2 == 0]
    if even:
        raise SymgeomError(
            f"Cannot build network 'binary_mlp' with even widths {even}: "
            "a sum of an even number of signs can be zero, which has no sign; give odd widths."
        )
    layers: list[nn.Module] = []
    if len(input_shape) > 1:
        layers.append(nn.Flatten())
    fan_in = math.prod(input_shape)
    for fan_out in widths:
        layers.append(BinaryLinear(fan_in, fan_out))
        layers.append(SignActivation())
        fan_in = fan_out
    if wanted.binary_head:
        layers.append(BinaryLinear(fan_in, classes))
    else:
        layers.append(affine(fan_in, classes, bias=False))
    network = nn.Sequential(*layers)
    for tensor in network.parameters():
        deviation = (2 / sum(tensor.shape)) ** 0.5
        nn.init.normal_(tensor, std=deviation, generator=generator)
    return network
