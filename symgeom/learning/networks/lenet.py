"""LeNet: convolutions of 5 by 5 pixels without padding, then two affine layers.

A ReLU and a maximum over 2 by 2 pixels follow each convolution. This is the form that SacredDNN
has, the code base of the authors of the toroids paper: 431,080 weights on images of 28 by 28 grey
pixels. The layers stand in an ``nn.Sequential``: the tensors are named "0.weight", "0.bias",
"3.weight", ... from input to output.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998),
section II.B. Differs from the source: 20 and 50 channels that are all connected, ReLU, maxima, and
cross entropy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from symgeom.learning.networks.initialisation import affine, convolution, initialise
from symgeom.learning.networks.options import (
    NetworkOptions,
    check_image,
    check_sizes,
    read_options,
)

KERNEL = 5


@dataclass(frozen=True)
class LeNetOptions(NetworkOptions):
    """The options of a LeNet.

    Attributes
    ----------
    channels : sequence of int
        Channels of the convolutions.
    hidden : int
        Units of the hidden affine layer.
    bias : bool
        Whether the layers have biases.
    initialisation : str
        How weights are drawn (:mod:`symgeom.learning.networks.initialisation`).
    """

    channels: Sequence[int] = (20, 50)
    hidden: int = 500
    bias: bool = True
    initialisation: str = "he"


def build_lenet(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a LeNet.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image: channel, height, width; at least 16 by 16 pixels with two convolutions.
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`LeNetOptions`; what is left out keeps its default.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Raises
    ------
    SymgeomError
        If an option is unknown or makes no network, or a sample is no image of that size.

    Examples
    --------
    >>> network = build_lenet((1, 28, 28), 10, generator=torch.Generator().manual_seed(0))
    >>> sum(tensor.numel() for tensor in network.parameters())
    431080
    """
    wanted = read_options("lenet", LeNetOptions, options)
    channels = check_sizes("lenet", "channels", wanted.channels, "one per convolution")
    (hidden,) = check_sizes("lenet", "hidden", [wanted.hidden], "the units of the hidden layer")
    fan_in = check_image("lenet", input_shape, _smallest_image(len(channels)))
    _, height, width = input_shape
    layers: list[nn.Module] = []
    for fan_out in channels:
        layers.append(convolution(fan_in, fan_out, kernel=KERNEL, bias=wanted.bias))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        fan_in = fan_out
        height = _pixels_after(height)
        width = _pixels_after(width)
    layers.append(nn.Flatten())
    layers.append(affine(fan_in * height * width, hidden, bias=wanted.bias))
    layers.append(nn.ReLU())
    layers.append(affine(hidden, classes, bias=wanted.bias))
    network = nn.Sequential(*layers)
    initialise(network, wanted.initialisation, name="lenet", generator=generator)
    return network


def _pixels_after(pixels: int) -> int:
    """Return the height or width that a convolution and its maximum leave."""
    return (pixels - KERNEL + 1) // 2


def _smallest_image(convolutions: int) -> int:
    """Return the height and width of which one pixel is left at the end."""
    pixels = 1
    for _ in range(convolutions):
        pixels = 2 * pixels + KERNEL - 1
    return pixels
