"""Tiny networks and problems, as data: what the tests run over."""

import itertools
import math
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.functional import pad

from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.learning.networks.binary_mlp import build_binary_mlp
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup


def mlp(
    *widths: int, activation: type[nn.Module] = nn.ReLU, bias: bool = True, seed: int = 0
) -> nn.Sequential:
    """Return a multilayer perceptron in float64 with reproducible weights, biases included."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out, bias=bias), activation()]
    network = nn.Sequential(*layers[:-1]).double()
    generator = stream("case", seed)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(
                torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
                / tensor.shape[-1] ** 0.5
            )
    return network


def mlp_spec(*widths: int, scale: str = "positive", bias: bool = True) -> SymmetrySpec:
    """Write the spec of :func:`mlp` by hand: the oracle for discovery."""
    groups = []
    for layer, size in enumerate(widths[1:-1]):
        here, there = 2 * layer, 2 * layer + 2
        incoming = [Leg(f"{here}.weight", 0)] + [Leg(f"{here}.bias", 0)] * bias
        groups.append(
            UnitGroup(
                f"hidden{layer + 1}", size, (*incoming, Leg(f"{there}.weight", 1, power=-1)), scale
            )
        )
    last = 2 * (len(widths) - 2)
    legs = [Leg(f"{last}.weight", 0, block=widths[-1])] + [
        Leg(f"{last}.bias", 0, block=widths[-1])
    ] * bias
    groups.append(UnitGroup("head", 1, tuple(legs), "positive", permute=False, exact_for="error"))
    return SymmetrySpec(tuple(groups))


def network(*widths: int, seed: int = 0, **options: object) -> dict[str, Tensor]:
    """Return the parameters of :func:`mlp` in float64."""
    return cast(parameters(mlp(*widths, seed=seed, **options)), torch.float64)


def batch(samples: int, features: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return standard normal inputs (float64) and uniform labels."""
    generator = stream("batch", seed)
    inputs = torch.randn(samples, features, generator=generator, dtype=torch.float64)
    return inputs, torch.randint(classes, (samples,), generator=generator)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Return the module in float64 and eval mode with ordinary random weights and statistics:
    nothing zero, nothing one."""
    module, generator = module.double().eval(), stream("randomised", seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
                positive = name.endswith("running_var") or (
                    tensor.ndim == 1 and name.endswith("weight")
                )
                fan_in = tensor[0].numel() if tensor.ndim > 1 else 4
                tensor.copy_((noise / 3).exp() if positive else noise / fan_in**0.5)
    return module


class Block(nn.Module):
    """Apply a function of the inputs and named modules: an architecture in one line."""

    def __init__(self, function: Callable[["Block", Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, inputs: Tensor) -> Tensor:
        """Evaluate the function."""
        return self.function(self, inputs)


def lenet(
    activation: type[nn.Module] = nn.ReLU, pool: type[nn.Module] = nn.MaxPool2d
) -> nn.Sequential:
    """Return a small LeNet for inputs of shape (1, 8, 8)."""
    return nn.Sequential(
        *(
            nn.Conv2d(1, 3, 3, padding=1),
            activation(),
            pool(2),
            nn.Conv2d(3, 5, 3),
            activation(),
            nn.Flatten(),
        ),
        *(nn.Linear(5 * 4, 6), activation(), nn.Linear(6, 4), activation(), nn.Linear(4, 3)),
    )


def cifar_resnet(width: int, blocks: int = 3, *, projection: bool = False) -> nn.Module:
    """Return the residual network of He et al. for small images (6 * blocks + 2 layers)."""

    def block(fan_in: int, size: int) -> nn.Module:
        stride = 1 if fan_in == size else 2
        extra = size - fan_in
        layers = {
            "conv1": nn.Conv2d(fan_in, size, 3, stride, 1, bias=False),
            "bn1": nn.BatchNorm2d(size),
            "conv2": nn.Conv2d(size, size, 3, 1, 1, bias=False),
            "bn2": nn.BatchNorm2d(size),
        }
        if projection and extra:
            layers["shortcut"] = nn.Sequential(
                nn.Conv2d(fan_in, size, 1, stride, bias=False), nn.BatchNorm2d(size)
            )

        def forward(self: Block, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            if extra and projection:
                return torch.relu(y + self.shortcut(x))
            return torch.relu(
                y
                + (
                    pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra // 2, extra - extra // 2))
                    if extra
                    else x
                )
            )

        return Block(forward, **layers)

    sizes = [width] * (blocks + 1) + [2 * width] * blocks + [4 * width] * blocks
    stem = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    stages = [block(fan_in, size) for fan_in, size in itertools.pairwise(sizes)]
    return nn.Sequential(
        *stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 3)
    )


def self_attention(width: int, heads: int) -> nn.Module:
    """Return attention with a weight of its own for queries, keys and values."""

    def forward(self: Block, x: Tensor) -> Tensor:
        q, k, v = (
            f(x).view(*x.shape[:2], heads, width // heads).transpose(1, 2)
            for f in (self.query, self.key, self.value)
        )
        weights = torch.softmax(q @ k.transpose(-2, -1) / (width // heads) ** 0.5, -1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))

    return Block(
        forward, **{name: nn.Linear(width, width) for name in ("query", "key", "value", "out")}
    )


def torchvision_models() -> ModuleType:
    """Return the models of torchvision (imported only by the tests that need them)."""
    from symgeom.ground.torchvision_door import import_torchvision

    return import_torchvision().models


def _dense(x: Tensor, self: Block) -> Tensor:
    first = torch.relu(self.a(x))
    second = torch.relu(self.b(torch.cat([x, first], 1)))
    return self.c(torch.cat([first, second, x], 1))


# One line per architecture: its inputs, the number of families of units that can be permuted, and
# of further scalings of them.
# Counted by hand. Around a batch norm there are two independent scalings: of its input with the
# statistics, and of its weight and
# bias (the "norm pair") with what reads them.
ARCHITECTURES = {
    "lenet": (lambda: lenet(), (1, 8, 8), 4, 0),
    "lenet, tanh and averages": (lambda: lenet(nn.Tanh, nn.AvgPool2d), (1, 8, 8), 4, 0),
    "strided, dilated": (
        lambda: nn.Sequential(
            *(
                nn.Conv2d(2, 3, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(3, 4, 2, dilation=2),
                nn.ReLU(),
            ),
            *(nn.Flatten(), nn.Linear(16, 2)),
        ),
        (2, 8, 8),
        2,
        0,
    ),
    "one dimension": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3), nn.LeakyReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(9, 2)
        ),
        (2, 8),
        1,
        0,
    ),
    # Two runs of 3 channels feed two runs of 2 channels: units stay within their run.
    "grouped": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 3),
            nn.ReLU(),
            nn.Conv2d(6, 4, 2, groups=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(36, 2),
        ),
        (1, 6, 6),
        4,
        0,
    ),
    # A depthwise filter moves with its channel; the scale before it and the scale after it are
    # independent.
    "depthwise": (
        lambda: nn.Sequential(
            *(
                nn.Conv2d(1, 4, 3),
                nn.ReLU(),
                nn.Conv2d(4, 4, 3, groups=4),
                nn.ReLU(),
                nn.Conv2d(4, 3, 1),
                nn.ReLU(),
            ),
            *(nn.Flatten(), nn.Linear(12, 2)),
        ),
        (1, 6, 6),
        2,
        1,
    ),
    # Two filters per channel: the pairs move with their channel.
    "depthwise with a multiplier": (
        lambda: nn.Sequential(
            *(
                nn.Conv2d(1, 3, 3),
                nn.ReLU(),
                nn.Conv2d(3, 6, 3, groups=3),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(24, 2),
            ),
        ),
        (1, 6, 6),
        1,
        1,
    ),
    "transposed": (
        lambda: nn.Sequential(
            *(
                nn.Conv2d(1, 3, 3, stride=2),
                nn.ReLU(),
                nn.ConvTranspose2d(3, 2, 2, stride=2),
                nn.ReLU(),
            ),
            *(
                nn.Upsample(scale_factor=2),
                nn.Conv2d(2, 2, 1),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
            ),
        ),
        (1, 7, 7),
        2,
        0,
    ),
    "batch norm kept": (
        lambda: nn.Sequential(
            *(
                nn.Conv2d(1, 3, 3),
                nn.BatchNorm2d(3),
                nn.ReLU(),
                nn.Conv2d(3, 2, 3),
                nn.BatchNorm2d(2),
                nn.ReLU(),
            ),
            *(nn.Flatten(), nn.Linear(8, 2)),
        ),
        (1, 6, 6),
        2,
        2,
    ),
    "batch norm without weight": (
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.ReLU(), nn.Linear(4, 2)
        ),
        (3,),
        1,
        0,
    ),
    "batch norm of batches": (
        lambda: nn.Sequential(
            nn.Linear(3, 4),
            nn.BatchNorm1d(4, track_running_stats=False),
            nn.ReLU(),
            nn.Linear(4, 2),
        ),
        (3,),
        1,
        1,
    ),
    # The scaling of the first layer and its batch norm, and the sign that tanh lets through behind
    # it.
    "batch norm, tanh": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)),
        (3,),
        1,
        1,
    ),
    "residual": (
        lambda: Block(
            lambda self, x: self.out(
                (y := torch.relu(self.stem(x))) + self.b(torch.relu(self.a(y)))
            ),
            stem=nn.Linear(3, 4),
            a=nn.Linear(4, 5),
            b=nn.Linear(5, 4),
            out=nn.Linear(4, 2),
        ),
        (3,),
        2,
        0,
    ),
    "residual on the inputs": (
        lambda: Block(
            lambda self, x: x + self.b(torch.relu(self.a(x))), a=nn.Linear(3, 5), b=nn.Linear(5, 3)
        ),
        (3,),
        1,
        0,
    ),
    "concatenation": (
        lambda: Block(
            lambda self, x: _dense(x, self), a=nn.Linear(3, 4), b=nn.Linear(7, 2), c=nn.Linear(9, 2)
        ),
        (3,),
        2,
        0,
    ),
    "tied weights": (
        lambda: Block(
            lambda self, x: self.out(
                torch.relu(self.again(torch.relu(self.again(torch.relu(self.first(x))))))
            ),
            first=nn.Linear(3, 4),
            again=nn.Linear(4, 4, bias=False),
            out=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    # A sigmoid gate: its side cannot be scaled, the other can.
    "gate": (
        lambda: Block(
            lambda self, x: self.out(F.silu(self.a(x)) * self.b(x)),
            a=nn.Linear(3, 4),
            b=nn.Linear(3, 4),
            out=nn.Linear(4, 2),
        ),
        (3,),
        1,
        1,
    ),
    # Both factors can be scaled.
    "product": (
        lambda: Block(
            lambda self, x: self.out(self.a(x) * self.b(x)),
            a=nn.Linear(3, 4),
            b=nn.Linear(3, 4),
            out=nn.Linear(4, 2),
        ),
        (3,),
        1,
        1,
    ),
    "quotient": (
        lambda: Block(
            lambda self, x: self.out(self.a(x) / self.b(x)),
            a=nn.Linear(3, 4),
            b=nn.Linear(3, 4),
            out=nn.Linear(4, 2),
        ),
        (3,),
        1,
        1,
    ),
    "glu": (lambda: nn.Sequential(nn.Linear(3, 8), nn.GLU(), nn.Linear(4, 2)), (3,), 1, 0),
    "chunks": (
        lambda: Block(
            lambda self, x: self.out(torch.relu((parts := self.a(x).chunk(2, -1))[0]) * parts[1]),
            a=nn.Linear(3, 8),
            out=nn.Linear(4, 2),
        ),
        (3,),
        1,
        1,
    ),
    "squares": (
        lambda: Block(lambda self, x: self.b(self.a(x) ** 2), a=nn.Linear(3, 4), b=nn.Linear(4, 2)),
        (3,),
        1,
        0,
    ),
    "slopes": (
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.PReLU(4), nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 2)
        ),
        (3,),
        2,
        0,
    ),
    # Permutations of the first layer, and the scale of the norm's weight and bias.
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 2)),
        (3,),
        1,
        1,
    ),
    "root mean square norm": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4), nn.Linear(4, 2)),
        (3,),
        1,
        2,
    ),
    "layer norm without weight": (
        lambda: nn.Sequential(
            nn.Linear(3, 4), nn.LayerNorm(4, elementwise_affine=False), nn.Linear(4, 2)
        ),
        (3,),
        1,
        0,
    ),
    # Three runs of two channels, each with the scale of its weight and bias.
    "group norm": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 3),
            nn.GroupNorm(3, 6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 2),
        ),
        (1, 5, 5),
        3,
        3,
    ),
    "instance norm": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.InstanceNorm2d(4, affine=True),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(36, 2),
        ),
        (1, 5, 5),
        1,
        1,
    ),
    "squeeze and excitation": (
        lambda: Block(
            lambda self, x: self.out(
                (
                    (y := torch.relu(self.conv(x)))
                    * torch.sigmoid(self.b(torch.relu(self.a(y.mean((2, 3))))))[:, :, None, None]
                ).amax((2, 3))
            ),
            conv=nn.Conv2d(1, 4, 3),
            a=nn.Linear(4, 2),
            b=nn.Linear(2, 4),
            out=nn.Linear(4, 2),
        ),
        (1, 5, 5),
        2,
        0,
    ),
    # Units in two runs, read in another order: only whole runs of three can be moved by blocks.
    "channel shuffle": (
        lambda: Block(
            lambda self, x: self.out(
                torch.relu(self.a(x)).unflatten(1, (2, 3)).transpose(1, 2).flatten(1)
            ),
            a=nn.Linear(3, 6),
            out=nn.Linear(6, 2),
        ),
        (3,),
        1,
        0,
    ),
    "addmm": (
        lambda: Block(
            lambda self, x: torch.addmm(
                self.b.bias, torch.relu(torch.mm(x, self.a.weight.mT)), self.b.weight.t()
            ),
            a=nn.Linear(3, 4, bias=False),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    "product with a vector": (
        lambda: Block(
            lambda self, x: torch.mv(torch.relu(self.a(x)), self.b.weight[0]),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 1),
        ),
        (3,),
        1,
        0,
    ),
    "absolute values": (
        lambda: Block(
            lambda self, x: self.b(self.a(x).abs()), a=nn.Linear(3, 4), b=nn.Linear(4, 2)
        ),
        (3,),
        1,
        0,
    ),
    "signs": (
        lambda: Block(
            lambda self, x: self.b(self.a(x).sign()), a=nn.Linear(3, 4), b=nn.Linear(4, 2)
        ),
        (3,),
        1,
        0,
    ),
    # Units at the same place of a stack are one family.
    "stack": (
        lambda: Block(
            lambda self, x: self.c(
                sum(torch.stack([torch.relu(self.a(x)), torch.relu(self.b(x))], 1).unbind(1))
            ),
            a=nn.Linear(3, 4),
            b=nn.Linear(3, 4),
            c=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    "repetition": (
        lambda: Block(
            lambda self, x: self.b(torch.relu(self.a(x))[:, None].expand(-1, 3, -1).flatten(1)),
            a=nn.Linear(3, 4),
            b=nn.Linear(12, 2),
        ),
        (3,),
        2,
        0,
    ),
    # Units before, in and after the range are three families; those outside are read by nothing.
    "range": (
        lambda: Block(
            lambda self, x: self.b(torch.relu(self.a(x))[:, 1:4]),
            a=nn.Linear(3, 6),
            b=nn.Linear(3, 2),
        ),
        (3,),
        3,
        0,
    ),
    "circular padding": (
        lambda: nn.Sequential(
            *(
                nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"),
                nn.ReLU(),
                nn.AdaptiveMaxPool1d(2),
                nn.Flatten(),
                nn.Linear(6, 2),
            ),
        ),
        (2, 5),
        1,
        0,
    ),
    # A layer that becomes the pixels of one channel: the channel can be scaled.
    "one channel": (
        lambda: nn.Sequential(
            *(
                nn.Linear(3, 4),
                nn.ReLU(),
                nn.Unflatten(1, (1, 4)),
                nn.Conv1d(1, 2, 2),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(6, 2),
            ),
        ),
        (3,),
        2,
        0,
    ),
    "excitation by view": (
        lambda: Block(
            lambda self, x: self.out(
                (y := torch.relu(self.conv(x)))
                * torch.sigmoid(self.a(y.mean((2, 3)))).view(-1, 4, 1, 1)
            ).mean((2, 3)),
            conv=nn.Conv2d(1, 4, 3),
            a=nn.Linear(4, 4),
            out=nn.Conv2d(4, 2, 1),
        ),
        (1, 5, 5),
        1,
        0,
    ),
    "grouped and tied": (
        lambda: Block(
            lambda self, x: self.out(
                torch.relu(self.again(torch.relu(self.again(torch.relu(self.first(x)))))).flatten(1)
            ),
            first=nn.Conv1d(1, 4, 2),
            again=nn.Conv1d(4, 4, 1, groups=2),
            out=nn.Linear(16, 2),
        ),
        (1, 5),
        2,
        0,
    ),
    # What no leg can express is given up: every other unit, two incompatible readings, and units
    # that a constant tells apart.
    "every other unit": (
        lambda: Block(
            lambda self, x: self.b(torch.relu(self.a(x))[:, ::2]),
            a=nn.Linear(3, 6),
            b=nn.Linear(3, 2),
        ),
        (3,),
        0,
        0,
    ),
    "two readings": (
        lambda: Block(
            lambda self, x: self.b(
                torch.cat(
                    [(y := self.a(x)).unflatten(1, (2, 3)).amax(2), y.unflatten(1, (3, 2)).amax(2)],
                    1,
                )
            ),
            a=nn.Linear(3, 6),
            b=nn.Linear(5, 2),
        ),
        (3,),
        0,
        0,
    ),
    "concatenation within": (
        lambda: Block(
            lambda self, x: self.c(
                torch.cat([torch.relu(self.a(x)), torch.relu(self.b(x))], 1)
                .transpose(1, 2)
                .flatten(1)
            ),
            a=nn.Conv1d(1, 3, 2),
            b=nn.Conv1d(1, 2, 2),
            c=nn.Linear(20, 2),
        ),
        (1, 5),
        2,
        0,
    ),
    "constant": (
        lambda: Block(
            lambda self, x: self.b(torch.relu(self.a(x)) * torch.ones(4).to(x)),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    # The second layer acts on the last axis, its bias is the same for all units of the first: they
    # keep no scale.
    "mixing": (
        lambda: Block(
            lambda self, x: self.c(
                torch.relu(self.b(torch.relu(self.a(x.transpose(1, 2)).transpose(1, 2)))).flatten(1)
            ),
            a=nn.Linear(3, 4),
            b=nn.Linear(5, 2),
            c=nn.Linear(8, 2),
        ),
        (3, 5),
        2,
        0,
    ),
    "mixing without bias": (
        lambda: Block(
            lambda self, x: self.c(
                torch.relu(self.b(torch.relu(self.a(x.transpose(1, 2)).transpose(1, 2)))).flatten(1)
            ),
            a=nn.Linear(3, 4),
            b=nn.Linear(5, 2, bias=False),
            c=nn.Linear(8, 2),
        ),
        (3, 5),
        2,
        0,
    ),
    "padding with ones": (
        lambda: Block(
            lambda self, x: self.b(F.pad(torch.relu(self.a(x)), (1, 0), value=1.0).flatten(1)),
            a=nn.Conv1d(1, 3, 2),
            b=nn.Linear(15, 2),
        ),
        (1, 5),
        1,
        0,
    ),
    "half powers": (
        lambda: Block(
            lambda self, x: self.b(torch.relu(self.a(x)) ** 1.5),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    "centred": (
        lambda: Block(
            lambda self, x: self.b((y := torch.relu(self.a(x))) - y.mean(1, keepdim=True)),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    "axes of length one": (
        lambda: Block(
            lambda self, x: self.b(
                torch.cat(
                    [(y := torch.relu(self.a(x)).view(-1, 4, 1)), y.view(-1, 4).unsqueeze(-1)], 2
                ).amax(2)
            ),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
    # Two runs of four units, of which the largest is read; and each unit for itself.
    "two readings that fit": (
        lambda: Block(
            lambda self, x: self.b(
                torch.cat(
                    [
                        (y := torch.relu(self.a(x))).view(-1, 8, 1).amax(2),
                        y.view(-1, 2, 4).amax(2),
                        y.unsqueeze(2).squeeze(),
                    ],
                    1,
                )
            ),
            a=nn.Linear(3, 8),
            b=nn.Linear(18, 2),
        ),
        (3,),
        1,
        0,
    ),
    "maxout": (
        lambda: Block(
            lambda self, x: self.b(self.a(x).unflatten(1, (4, 2)).amax(2)),
            a=nn.Linear(3, 8),
            b=nn.Linear(4, 2),
        ),
        (3,),
        1,
        0,
    ),
}


def binary_module(*widths: int, seed: int = 0, **options: object) -> nn.Sequential:
    """Return a binary multilayer perceptron in float64 with reproducible latent weights."""
    options = {"widths": list(widths[1:-1]), **options}
    return build_binary_mlp(
        widths[:1], widths[-1], options, generator=stream("binary", seed)
    ).double()


def half_frozen(
    input_shape: tuple[int, ...],
    classes: int,
    options: dict[str, object],
    *,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a network with dropout whose first layer is frozen, as a user's function does."""
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(input_shape), 12),
        nn.ReLU(),
        nn.Linear(12, 9),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(9, classes),
    )
    network[1].requires_grad_(False)
    return network
