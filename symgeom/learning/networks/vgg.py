"""VGG16 for small images: 13 convolutions of 3 by 3 pixels in five stages, and one affine layer.

A maximum over 2 by 2 pixels ends each stage. Batch norm may follow every convolution, which then
has no bias (it would do nothing: the batch norm subtracts it). Of images of 32 to 63 pixels the
last stage leaves one pixel; what it leaves of larger ones is averaged. The layers stand in an
``nn.Sequential``.

References
----------
Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition"
(1409.1556), table 1, column D. Differs from the source: one affine layer in place of three with
dropout, as is usual for CIFAR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from symgeom.learning.networks.initialisation import affine, convolution, initialise
from symgeom.learning.networks.options import (
    NetworkOptions,
    check_image,
    read_options,
    scaled_channels,
)

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage."""


@dataclass(frozen=True)
class VGGOptions(NetworkOptions):
    """The options of a VGG16.

    Attributes
    ----------
    width : float
        A factor on the channels (64 to 512).
    batch_norm : bool
        Whether batch norms follow the convolutions.
    bias : bool
        Whether the affine layer, and convolutions that no batch norm follows, have biases.
    initialisation : str
        How weights are drawn (:mod:`symgeom.learning.networks.initialisation`).
    """

    width: float = 1.0
    batch_norm: bool = False
    bias: bool = True
    initialisation: str = "he"


def build_vgg16(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a VGG16.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image: channel, height, width; at least 32 by 32 pixels.
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`VGGOptions`; what is left out keeps its default.
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
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_vgg16((3, 32, 32), 10, {"width": 0.125}, generator=generator)
    >>> sum(isinstance(layer, nn.Conv2d) for layer in network), network[-1].in_features
    (13, 64)
    """
    wanted = read_options("vgg16", VGGOptions, options)
    fan_in = check_image("vgg16", input_shape, 32)
    widths = scaled_channels("vgg16", [channels for channels, _ in STAGES], wanted.width)
    layers: list[nn.Module] = []
    for fan_out, (_, convolutions) in zip(widths, STAGES, strict=True):
        for _ in range(convolutions):
            layers += _convolution(fan_in, fan_out, wanted)
            fan_in = fan_out
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.AdaptiveAvgPool2d(1))
    layers.append(nn.Flatten())
    layers.append(affine(fan_in, classes, bias=wanted.bias))
    network = nn.Sequential(*layers)
    initialise(network, wanted.initialisation, name="vgg16", generator=generator)
    return network


def _convolution(fan_in: int, fan_out: int, wanted: VGGOptions) -> list[nn.Module]:
    """Return one convolution and what follows it."""
    bias = wanted.bias and not wanted.batch_norm
    layers: list[nn.Module] = [convolution(fan_in, fan_out, kernel=3, padding=1, bias=bias)]
    if wanted.batch_norm:
        layers.append(nn.BatchNorm2d(fan_out))
    layers.append(nn.ReLU())
    return layers
