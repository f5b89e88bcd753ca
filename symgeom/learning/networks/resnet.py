r"""Residual networks for small images: a stem, stages of basic blocks, an average, an affine layer.

The stem is one 3 by 3 convolution without pooling. A block computes :math:`\mathrm{ReLU}(F(x) +
S(x))`, with :math:`F` two convolutions and :math:`S` the shortcut. The shortcut is the identity
except where a stage begins with a stride of 2 and more channels: there it is a 1 by 1 convolution
(``"projection"``), or every other pixel with channels of zeros before and after (``"identity"``).
``resnet20`` has three stages of 16, 32 and 64 channels (depth 6n + 2), ``resnet18`` four of 64 to
512.

Without batch norm, convolutions have a bias and the last of each of :math:`n` blocks starts
:math:`\sqrt n` times smaller, so that the variance of the stream grows by a factor of :math:`(1 +
1/n)^n < e` and not of :math:`2^n`.

References
----------
He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (1512.03385), section 4.2
(resnet20; ``"identity"`` is its option A, ``"projection"`` its option B) and table 1 (resnet18;
differs from the source: its stem is that of section 4.2, as is usual for CIFAR). Zhang, Dauphin and
Ma, "Fixup initialization" (1901.09321), section 3 (smaller blocks without batch norm; differs from
the source: its blocks start at zero and have scalar biases and multipliers).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.learning.networks.initialisation import affine, convolution, initialise
from symgeom.learning.networks.options import (
    NetworkOptions,
    check_image,
    read_options,
    scaled_channels,
)

SHORTCUTS = ("projection", "identity")


@dataclass(frozen=True)
class ResNetOptions(NetworkOptions):
    """The options of a residual network.

    Attributes
    ----------
    width : float
        A factor on the channels.
    batch_norm : bool
        Whether batch norms follow the convolutions.
    shortcut : {"projection", "identity"}
        What leads past a block that changes the shape.
    initialisation : str
        How weights are drawn (:mod:`symgeom.learning.networks.initialisation`).
    """

    width: float = 1.0
    batch_norm: bool = True
    shortcut: str = "projection"
    initialisation: str = "he"


@dataclass(frozen=True)
class DeepResNetOptions(ResNetOptions):
    """The options of a residual network whose depth can be chosen.

    Attributes
    ----------
    depth : int
        20, 32, 44, 56, or any other 6n + 2.
    """

    depth: int = 20


@dataclass(frozen=True)
class _Form:
    """What the stages of a residual network are.

    Attributes
    ----------
    name : str
        What the config calls the network.
    channels : sequence of int
        Channels of the stages.
    blocks : int
        Blocks of every stage.
    """

    name: str
    channels: Sequence[int]
    blocks: int


def build_resnet18(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a ResNet-18 for small images.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image: channel, height, width; at least 8 by 8 pixels.
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`ResNetOptions`; what is left out keeps its default.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_resnet18((3, 32, 32), 10, {"width": 0.125}, generator=generator)
    >>> sum(isinstance(layer, Block) for layer in network.modules()), network.head.in_features
    (8, 64)
    """
    wanted = read_options("resnet18", ResNetOptions, options)
    fan_in = check_image("resnet18", input_shape, 8)
    channels = scaled_channels("resnet18", (64, 128, 256, 512), wanted.width)
    form = _Form("resnet18", channels, blocks=2)
    network = _residual_network(form, fan_in, classes, wanted)
    _draw_weights(network, form, wanted, generator)
    return network


def build_resnet20(
    input_shape: Sequence[int],
    classes: int,
    options: Mapping[str, object] | None = None,
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a residual network of 6n + 2 layers.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one image: channel, height, width; at least 4 by 4 pixels.
    classes : int
        Number of outputs.
    options : mapping, optional
        The attributes of :class:`DeepResNetOptions`; what is left out keeps its default.
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
    >>> options = {"width": 0.25, "shortcut": "identity"}
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = build_resnet20((3, 32, 32), 10, options, generator=generator)
    >>> [len(stage) for stage in (network.stage1, network.stage2, network.stage3)]
    [3, 3, 3]
    """
    wanted = read_options("resnet20", DeepResNetOptions, options)
    fan_in = check_image("resnet20", input_shape, 4)
    channels = scaled_channels("resnet20", (16, 32, 64), wanted.width)
    depth = wanted.depth
    if type(depth) is not int or depth < 8 or depth % 6 != 2:
        raise SymgeomError(
            f"Cannot build network 'resnet20' with depth {depth!r}: "
            "give 8, 14, 20, 32, or any other 6n + 2."
        )
    form = _Form("resnet20", channels, blocks=(depth - 2) // 6)
    network = _residual_network(form, fan_in, classes, wanted)
    _draw_weights(network, form, wanted, generator)
    return network


def _residual_network(
    form: _Form, fan_in: int, classes: int, wanted: ResNetOptions
) -> nn.Sequential:
    """Return a residual network whose weights are not drawn yet."""
    check_choice(wanted.shortcut, SHORTCUTS, f"shortcut of network '{form.name}'")
    before = form.channels[0]
    layers = OrderedDict[str, nn.Module]()
    layers["stem"] = _stem(fan_in, before, norm=wanted.batch_norm)
    layers["relu"] = nn.ReLU()
    for number, after in enumerate(form.channels, start=1):
        stride = 1 if number == 1 else 2
        first = _block(before, after, stride, wanted)
        others = [_block(after, after, 1, wanted) for _ in range(form.blocks - 1)]
        layers[f"stage{number}"] = nn.Sequential(first, *others)
        before = after
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["head"] = affine(before, classes, bias=True)
    return nn.Sequential(layers)


def _stem(fan_in: int, fan_out: int, *, norm: bool) -> nn.Module:
    """Return the first convolution, with its batch norm if it has one."""
    layer = convolution(fan_in, fan_out, kernel=3, padding=1, bias=not norm)
    if norm:
        return nn.Sequential(layer, nn.BatchNorm2d(fan_out))
    return layer


def _block(fan_in: int, fan_out: int, stride: int, wanted: ResNetOptions) -> "Block":
    """Return one block, as the options want it."""
    projection = wanted.shortcut == "projection"
    return Block(fan_in, fan_out, stride=stride, norm=wanted.batch_norm, projection=projection)


def _draw_weights(
    network: nn.Sequential, form: _Form, wanted: ResNetOptions, generator: torch.Generator
) -> None:
    """Draw the initial weights; without batch norm the blocks start smaller."""
    initialise(network, wanted.initialisation, name=form.name, generator=generator)
    if wanted.batch_norm:
        return
    blocks = [layer for layer in network.modules() if isinstance(layer, Block)]
    with torch.no_grad():
        for block in blocks:
            block.conv2.weight.mul_(len(blocks) ** -0.5)


class Block(nn.Module):
    """Two convolutions beside a shortcut.

    Parameters
    ----------
    fan_in, fan_out : int
        Channels before and after.
    stride : int
        Stride of the first convolution and of the shortcut.
    norm : bool
        Whether batch norms follow the convolutions.
    projection : bool
        Whether a shortcut that changes the shape is a convolution, or else drops pixels and adds
        channels of zeros.
    """

    def __init__(
        self, fan_in: int, fan_out: int, *, stride: int, norm: bool, projection: bool
    ) -> None:
        super().__init__()
        self.conv1 = convolution(fan_in, fan_out, kernel=3, stride=stride, padding=1, bias=not norm)
        self.norm1 = nn.BatchNorm2d(fan_out) if norm else nn.Identity()
        self.conv2 = convolution(fan_out, fan_out, kernel=3, padding=1, bias=not norm)
        self.norm2 = nn.BatchNorm2d(fan_out) if norm else nn.Identity()
        self.stride = stride
        self.extra = fan_out - fan_in
        self.shortcut: nn.Module | None = None
        if projection and self.changes_shape:
            self.shortcut = self._projection(fan_in, fan_out, norm=norm)

    @property
    def changes_shape(self) -> bool:
        """Return whether what comes out has other pixels or channels than what goes in."""
        return self.stride > 1 or self.extra != 0

    def _projection(self, fan_in: int, fan_out: int, *, norm: bool) -> nn.Module:
        layer = convolution(fan_in, fan_out, kernel=1, stride=self.stride, bias=not norm)
        if norm:
            return nn.Sequential(layer, nn.BatchNorm2d(fan_out))
        return layer

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ReLU(F(x) + S(x))."""
        hidden = relu(self.norm1(self.conv1(inputs)))
        branch = self.norm2(self.conv2(hidden))
        if self.shortcut is not None:
            return relu(branch + self.shortcut(inputs))
        if self.changes_shape:
            return relu(branch + self._shortened(inputs))
        return relu(branch + inputs)

    def _shortened(self, inputs: Tensor) -> Tensor:
        """Drop pixels, and add channels of zeros before and after."""
        before = self.extra // 2
        pixels = inputs[:, :, :: self.stride, :: self.stride]
        return pad(pixels, (0, 0, 0, 0, before, self.extra - before))
