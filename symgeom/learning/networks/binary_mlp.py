r"""The binary multilayer perceptron: weights and activations of +1 and -1, no biases, no batch norm.

The network computes with the signs of latent weights and is trained straight through
(:mod:`symgeom.landscape.binary.layers`). Its symmetries are permutations and signs of hidden units;
there is no scale to remove. Hidden layers have odd widths: with an even number of inputs of
:math:`\pm1` a pre-activation could be zero, and the sign of a unit would then be no symmetry.

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
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils import skip_init

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.binary.layers import BinaryLinear, SignActivation
from symgeom.learning.networks.options import check_sizes, merge

DEFAULTS: dict[str, object] = {"widths": (101, 101), "binary_head": True}


def binary_mlp(
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
        ``widths`` of the hidden layers, odd numbers; ``binary_head``, whether the last layer is
        binary too.
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
    >>> binary_mlp((4,), 2, {"widths": [3]}, generator=torch.Generator().manual_seed(0))
    Sequential(
      (0): BinaryLinear(4, 3)
      (1): SignActivation()
      (2): BinaryLinear(3, 2)
    )
    """
    chosen = merge("binary_mlp", DEFAULTS, options)
    widths = check_sizes("binary_mlp", "widths", chosen["widths"], "one per hidden layer")
    if even := [width for width in widths if width % 2 == 0]:
        raise SymgeomError(
            f"Cannot build network 'binary_mlp' with even widths {even}: a sum of an even number of signs can be zero, which has "
            "no sign; give odd widths."
        )
    layers: list[nn.Module] = [nn.Flatten()] if len(input_shape) > 1 else []
    for fan_in, fan_out in pairwise((math.prod(input_shape), *widths)):
        layers += [BinaryLinear(fan_in, fan_out), SignActivation()]
    last = (widths or (math.prod(input_shape),))[-1]
    layers.append(
        BinaryLinear(last, classes)
        if chosen["binary_head"]
        else skip_init(nn.Linear, last, classes, bias=False)
    )
    network = nn.Sequential(*layers)
    for tensor in network.parameters():
        nn.init.normal_(tensor, std=(2 / sum(tensor.shape)) ** 0.5, generator=generator)
    return network
