"""LeNet: convolutions of 5 by 5 pixels without padding, each with a ReLU and a 2 by 2 maximum, then two affine layers.

The form of SacredDNN, the code base of the authors of the toroids paper: 431,080 weights on images
of 28 by 28 grey pixels. Its layers stand in an ``nn.Sequential``: "0.weight", "0.bias", "3.weight",
... from input to output.

References
----------
LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998),
section II.B. Differs from the source: 20 and 50 channels that are all connected, ReLU, maxima, and
cross entropy.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from symgeom.learning.networks.initialise import affine, convolution, initialise
from symgeom.learning.networks.options import check_image, check_sizes, merge

DEFAULTS: dict[str, object] = {
    "channels": (20, 50),
    "hidden": 500,
    "bias": True,
    "initialisation": "he",
}
KERNEL = 5


def lenet(
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
        ``channels`` of the convolutions, units of the ``hidden`` affine layer, ``bias`` and
        ``initialisation``.
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
    >>> network = lenet((1, 28, 28), 10, generator=torch.Generator().manual_seed(0))
    >>> sum(tensor.numel() for tensor in network.parameters())
    431080
    """
    chosen = merge("lenet", DEFAULTS, options)
    channels = check_sizes("lenet", "channels", chosen["channels"], "one per convolution")
    (hidden,) = check_sizes("lenet", "hidden", [chosen["hidden"]], "the units of the hidden layer")
    fan_in, bias = check_image("lenet", input_shape, _smallest(len(channels))), bool(chosen["bias"])
    layers: list[nn.Module] = []
    height, width = input_shape[1:]
    for fan_out in channels:
        layers += [
            convolution(fan_in, fan_out, kernel=KERNEL, bias=bias),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        fan_in, height, width = fan_out, (height - KERNEL + 1) // 2, (width - KERNEL + 1) // 2
    layers += [
        nn.Flatten(),
        affine(fan_in * height * width, hidden, bias=bias),
        nn.ReLU(),
        affine(hidden, classes, bias=bias),
    ]
    network = nn.Sequential(*layers)
    initialise(network, chosen["initialisation"], name="lenet", generator=generator)
    return network


def _smallest(convolutions: int) -> int:
    """Return the pixels that leave one at the end."""
    pixels = 1
    for _ in range(convolutions):
        pixels = 2 * pixels + KERNEL - 1
    return pixels
