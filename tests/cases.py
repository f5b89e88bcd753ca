"""Tiny networks and problems, as data: what the tests run over."""

import itertools
from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from symgeom.randomness import stream
from symgeom.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.types import cast, parameters


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU, bias: bool = True, seed: int = 0) -> nn.Sequential:
    """Return a multilayer perceptron in float64 with reproducible weights, biases included."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out, bias=bias), activation()]
    network = nn.Sequential(*layers[:-1]).double()
    generator = stream("case", seed)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype) / tensor.shape[-1] ** 0.5)
    return network


def mlp_spec(*widths: int, scale: str = "positive", bias: bool = True) -> SymmetrySpec:
    """Write the spec of :func:`mlp` by hand: the oracle for discovery."""
    groups = []
    for layer, size in enumerate(widths[1:-1]):
        here, there = 2 * layer, 2 * layer + 2
        incoming = [Leg(f"{here}.weight", 0)] + [Leg(f"{here}.bias", 0)] * bias
        groups.append(UnitGroup(f"hidden{layer + 1}", size, (*incoming, Leg(f"{there}.weight", 1, power=-1)), scale))
    last = 2 * (len(widths) - 2)
    legs = [Leg(f"{last}.weight", 0, block=widths[-1])] + [Leg(f"{last}.bias", 0, block=widths[-1])] * bias
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
    """Return the module in float64 and eval mode with ordinary random weights and statistics: nothing zero, nothing one."""
    module, generator = module.double().eval(), stream("randomised", seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
                positive = name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight"))
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


def lenet(activation: type[nn.Module] = nn.ReLU, pool: type[nn.Module] = nn.MaxPool2d) -> nn.Sequential:
    """Return a small LeNet for inputs of shape (1, 8, 8)."""
    return nn.Sequential(
        *(nn.Conv2d(1, 3, 3, padding=1), activation(), pool(2), nn.Conv2d(3, 5, 3), activation(), nn.Flatten()),
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
            layers["shortcut"] = nn.Sequential(nn.Conv2d(fan_in, size, 1, stride, bias=False), nn.BatchNorm2d(size))

        def forward(self: Block, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            if extra and projection:
                return torch.relu(y + self.shortcut(x))
            return torch.relu(y + (pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra // 2, extra - extra // 2)) if extra else x))

        return Block(forward, **layers)

    sizes = [width] * (blocks + 1) + [2 * width] * blocks + [4 * width] * blocks
    stem = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    stages = [block(fan_in, size) for fan_in, size in itertools.pairwise(sizes)]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 3))


def self_attention(width: int, heads: int) -> nn.Module:
    """Return attention with a weight of its own for queries, keys and values."""

    def forward(self: Block, x: Tensor) -> Tensor:
        q, k, v = (f(x).view(*x.shape[:2], heads, width // heads).transpose(1, 2) for f in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(-2, -1) / (width // heads) ** 0.5, -1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))

    return Block(forward, **{name: nn.Linear(width, width) for name in ("query", "key", "value", "out")})


def torchvision_models() -> ModuleType:
    """Return the models of torchvision (imported only by the tests that need them)."""
    from symgeom.datasets.torchvision_door import import_torchvision

    return import_torchvision().models
