"""Where networks of linear layers start."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor


def normal_layers(
    widths: Sequence[int], networks: int, *, generator: torch.Generator
) -> list[Tensor]:
    """Return normal weights of variance one over the number of inputs of their layer.

    Parameters
    ----------
    widths : sequence of int
        Inputs, units of all layers between, outputs.
    networks : int
        How many networks are drawn.
    generator : torch.Generator
        Where the randomness comes from.

    Returns
    -------
    list of Tensor, shapes (network, output, input)
        From input to output, in double precision.

    Examples
    --------
    >>> layers = normal_layers([4, 3, 2], 5, generator=torch.Generator().manual_seed(0))
    >>> [layer.shape for layer in layers]
    [torch.Size([5, 3, 4]), torch.Size([5, 2, 3])]
    """
    layers = []
    for inputs, outputs in pairwise(widths):
        shape = (networks, outputs, inputs)
        weights = torch.randn(shape, generator=generator, dtype=torch.float64)
        layers.append(weights / inputs**0.5)
    return layers
