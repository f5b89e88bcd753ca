"""VGG16 for small images: 13 convolutions of 3 by 3 pixels in five stages, each ended by a 2 by 2 maximum, and one affine layer.

Batch norm may follow each convolution, which then has no bias (it would do nothing: the batch norm
subtracts it). Images of 32 to 63 pixels leave the last stage as one pixel; what larger ones leave
is averaged. The layers stand in an ``nn.Sequential``.

References
----------
Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition"
(1409.1556), table 1, column D. Differs from the source: one affine layer in place of three with
dropout, as is usual for CIFAR.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from symgeom.learning.networks.initialise import affine, convolution, initialise
from symgeom.learning.networks.options import check_image, merge, scaled

DEFAULTS: dict[str, object] = {
    "width": 1.0,
    "batch_norm": False,
    "bias": True,
    "initialisation": "he",
}
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and convolutions of each stage."""


def vgg16(
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
        ``width``, a factor on the channels (64 to 512), ``batch_norm``, ``bias`` (of the affine
        layer, and of convolutions that no batch norm follows) and ``initialisation``.
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
    >>> network = vgg16((3, 32, 32), 10, {"width": 0.125}, generator=torch.Generator().manual_seed(0))
    >>> sum(isinstance(layer, nn.Conv2d) for layer in network), network[-1].in_features
    (13, 64)
    """
    chosen = merge("vgg16", DEFAULTS, options)
    fan_in, widths = (
        check_image("vgg16", input_shape, 32),
        scaled("vgg16", [size for size, _ in STAGES], chosen["width"]),
    )
    layers: list[nn.Module] = []
    for fan_out, (_, count) in zip(widths, STAGES, strict=True):
        for _ in range(count):
            layers.append(
                convolution(
                    fan_in,
                    fan_out,
                    kernel=3,
                    padding=1,
                    bias=chosen["bias"] and not chosen["batch_norm"],
                )
            )
            layers += [nn.BatchNorm2d(fan_out)] if chosen["batch_norm"] else []
            layers.append(nn.ReLU())
            fan_in = fan_out
        layers.append(nn.MaxPool2d(2))
    network = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), affine(fan_in, classes, bias=chosen["bias"])
    )
    initialise(network, chosen["initialisation"], name="vgg16", generator=generator)
    return network
