r"""The binary LeNet: convolutions, then affine layers, with weights and activations of +1 and -1.

It is the binary perceptron (:mod:`symgeom.learning.networks.binary_mlp`) with convolutions before
it: latent weights trained straight through, no biases, no batch norm. Every sum of signs has an odd
number of terms, so that none is zero: kernels, channels and the hidden layer are odd, so is the
number of pixels after the last convolution, and images are not padded. There is no maximum over
pixels, which a change of sign would turn into a minimum; convolutions take steps of two pixels
instead.

Latent weights are drawn from :math:`N(0, 2/(n+m))`, with :math:`n` the fan-in and :math:`m` the
fan-out of a unit, which of a convolution are counted over all pixels of the kernel.

References
----------
Courbariaux et al., "Binarized neural networks" (1602.02830). Differs from the source: no batch
norm, no maxima.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.binary.layers import BinaryConv2d, BinaryLinear, SignActivation
from symgeom.learning.networks.options import (
    NetworkOptions,
    check_image,
    check_sizes,
    read_options,
)

NAME = "binary_lenet"

STRIDE = 2
"""Pixels between two places where a convolution looks."""


@dataclass(frozen=True)
class BinaryLeNetOptions(NetworkOptions):
    """The options of a binary LeNet.

    Attributes
    ----------
    channels : sequence of int
        Channels of the convolutions, odd numbers.
    kernels : sequence of int
        Height and width of the kernel of each convolution, odd numbers.
    hidden : int
        Units of the hidden affine layer, an odd number.
    """

    channels: Sequence[int] = (21, 41)
    kernels: Sequence[int] = (5, 3)
    hidden: int = 201


def build_binary_lenet(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a binary LeNet.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image of real numbers: channel, height, width.
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`BinaryLeNetOptions`; what is left out keeps its default.
    generator : torch.Generator
        The source of the initial latent weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Raises
    ------
    SymgeomError
        If an option is unknown, a size is not a positive odd number, there is not one kernel for
        each convolution, or an even number of pixels is left in the end.

    Examples
    --------
    >>> network = build_binary_lenet((1, 28, 28), 10, generator=torch.Generator().manual_seed(0))
    >>> network[5], network[7]
    (BinaryLinear(1025, 201), BinaryLinear(201, 10))
    """
    wanted = read_options(NAME, BinaryLeNetOptions, options)
    channels = _odd_sizes("channels", wanted.channels)
    kernels = _odd_sizes("kernels", wanted.kernels)
    (hidden,) = _odd_sizes("hidden", [wanted.hidden])
    if len(kernels) != len(channels):
        raise SymgeomError(
            f"Cannot build network '{NAME}' with {len(kernels)} kernels and {len(channels)} "
            "channels: give one kernel for each convolution."
        )
    fan_in = check_image(NAME, input_shape, _smallest_image(kernels))
    _, height, width = input_shape
    layers: list[nn.Module] = []
    for fan_out, kernel in zip(channels, kernels, strict=True):
        layers.append(BinaryConv2d(fan_in, fan_out, kernel=kernel, stride=STRIDE))
        layers.append(SignActivation())
        fan_in = fan_out
        height = _pixels_after(height, kernel)
        width = _pixels_after(width, kernel)
    _check_pixels(height, width)
    layers.append(nn.Flatten())
    layers.append(BinaryLinear(fan_in * height * width, hidden))
    layers.append(SignActivation())
    layers.append(BinaryLinear(hidden, classes))
    network = nn.Sequential(*layers)
    for tensor in network.parameters():
        pixels = tensor[0, 0].numel()
        deviation = (2 / (pixels * sum(tensor.shape[:2]))) ** 0.5
        nn.init.normal_(tensor, std=deviation, generator=generator)
    return network


def _odd_sizes(option: str, sizes: object) -> tuple[int, ...]:
    """Return sizes, or raise unless they are positive odd numbers."""
    checked = check_sizes(NAME, option, sizes, "all odd")
    even = [size for size in checked if size % 2 == 0]
    if even:
        raise SymgeomError(
            f"Cannot build network '{NAME}' with even {option} {even}: a sum of an even number of "
            "signs can be zero, which has no sign; give odd numbers."
        )
    return checked


def _check_pixels(height: int, width: int) -> None:
    """Raise unless the hidden layer sums an odd number of pixels."""
    if height * width % 2 == 0:
        raise SymgeomError(
            f"Cannot build network '{NAME}' whose last convolution leaves {height} by {width} "
            "pixels: a sum of an even number of signs can be zero, which has no sign; choose other "
            "kernels."
        )


def _pixels_after(pixels: int, kernel: int) -> int:
    """Return the height or width that a convolution leaves."""
    return (pixels - kernel) // STRIDE + 1


def _smallest_image(kernels: Sequence[int]) -> int:
    """Return the height and width of which one pixel is left at the end."""
    pixels = 1
    for kernel in reversed(kernels):
        pixels = STRIDE * (pixels - 1) + kernel
    return pixels
