r"""Residual networks for small images: a 3 by 3 stem without pooling, stages of basic blocks, an average and one affine layer.

A block computes :math:`\mathrm{ReLU}(F(x) + S(x))`, with :math:`F` two convolutions and :math:`S`
the shortcut, which is the identity except where a stage begins with a stride of 2 and more
channels: there it is a 1 by 1 convolution (``"projection"``), or every other pixel with channels of
zeros before and after (``"identity"``). ``resnet20`` has three stages of 16, 32 and 64 channels
(depth 6n + 2), ``resnet18`` four of 64 to 512.

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

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.learning.networks.initialise import affine, convolution, initialise
from symgeom.learning.networks.options import check_image, merge, scaled

SHORTCUTS = ("projection", "identity")
DEFAULTS: dict[str, object] = {
    "width": 1.0,
    "batch_norm": True,
    "shortcut": "projection",
    "initialisation": "he",
}


def resnet18(
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
        ``width``, a factor on the channels, ``batch_norm``, ``shortcut`` (projection, identity) and
        ``initialisation``.
    generator : torch.Generator
        The source of the initial weights.

    Returns
    -------
    nn.Sequential
        In float32.

    Examples
    --------
    >>> network = resnet18((3, 32, 32), 10, {"width": 0.125}, generator=torch.Generator().manual_seed(0))
    >>> sum(isinstance(layer, Block) for layer in network.modules()), network.head.in_features
    (8, 64)
    """
    chosen = merge("resnet18", DEFAULTS, options)
    fan_in, widths = (
        check_image("resnet18", input_shape, 8),
        scaled("resnet18", (64, 128, 256, 512), chosen["width"]),
    )
    return _residual("resnet18", (fan_in, widths, 2, classes), chosen, generator)


def resnet20(
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
        ``depth`` (20, 32, 44, 56, ...), ``width``, a factor on the channels, ``batch_norm``,
        ``shortcut`` (projection, identity) and ``initialisation``.
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
    >>> network = resnet20((3, 32, 32), 10, options, generator=torch.Generator().manual_seed(0))
    >>> [len(stage) for stage in (network.stage1, network.stage2, network.stage3)], network.stage1[0].conv1.out_channels
    ([3, 3, 3], 4)
    """
    chosen = merge("resnet20", {"depth": 20, **DEFAULTS}, options)
    fan_in, widths = (
        check_image("resnet20", input_shape, 4),
        scaled("resnet20", (16, 32, 64), chosen["width"]),
    )
    depth = chosen["depth"]
    if type(depth) is not int or depth < 8 or depth % 6 != 2:
        raise SymgeomError(
            f"Cannot build network 'resnet20' with depth {depth!r}: give 8, 14, 20, 32, or any other 6n + 2."
        )
    return _residual("resnet20", (fan_in, widths, (depth - 2) // 6, classes), chosen, generator)


def _residual(
    name: str,
    form: tuple[int, Sequence[int], int, int],
    chosen: Mapping[str, object],
    generator: torch.Generator,
) -> nn.Sequential:
    fan_in, widths, count, classes = form
    check_choice(chosen["shortcut"], SHORTCUTS, f"shortcut of network '{name}'")
    norm, projection = bool(chosen["batch_norm"]), chosen["shortcut"] == "projection"
    layers: list[tuple[str, nn.Module]] = [
        ("stem", _normed(fan_in, widths[0], norm=norm)),
        ("relu", nn.ReLU()),
    ]
    before = widths[0]
    for stage, after in enumerate(widths):
        blocks = [
            Block(
                before if place == 0 else after,
                after,
                stride=2 if stage and place == 0 else 1,
                norm=norm,
                projection=projection,
            )
            for place in range(count)
        ]
        layers.append((f"stage{stage + 1}", nn.Sequential(*blocks)))
        before = after
    layers += [
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("head", affine(before, classes, bias=True)),
    ]
    network = nn.Sequential(OrderedDict(layers))
    initialise(network, chosen["initialisation"], name=name, generator=generator)
    if not norm:
        with torch.no_grad():
            for block in (layer for layer in network.modules() if isinstance(layer, Block)):
                block.conv2.weight.mul_((count * len(widths)) ** -0.5)
    return network


def _normed(fan_in: int, fan_out: int, *, norm: bool) -> nn.Module:
    layer = convolution(fan_in, fan_out, kernel=3, padding=1, bias=not norm)
    return nn.Sequential(layer, nn.BatchNorm2d(fan_out)) if norm else layer


class Block(nn.Module):
    """Two convolutions beside a shortcut.

    Parameters
    ----------
    fan_in, fan_out : int
        Channels before and after.
    stride : int
        Of the first convolution and the shortcut.
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
        self.stride, self.extra = stride, fan_out - fan_in
        self.shortcut: nn.Module | None = None
        if projection and (stride > 1 or self.extra):
            layer = convolution(fan_in, fan_out, kernel=1, stride=stride, bias=not norm)
            self.shortcut = nn.Sequential(layer, nn.BatchNorm2d(fan_out)) if norm else layer

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ReLU(F(x) + S(x))."""
        branch = self.norm2(self.conv2(relu(self.norm1(self.conv1(inputs)))))
        if self.shortcut is not None:
            return relu(branch + self.shortcut(inputs))
        if self.stride > 1 or self.extra:
            before = self.extra // 2
            inputs = pad(
                inputs[:, :, :: self.stride, :: self.stride],
                (0, 0, 0, 0, before, self.extra - before),
            )
        return relu(branch + inputs)
