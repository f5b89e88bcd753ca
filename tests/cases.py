"""Tiny networks and problems, as data: what the tests run over."""

import torch
from torch import Tensor, nn

from symgeom.randomness import stream
from symgeom.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.types import cast, parameters


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU, bias: bool = True, seed: int = 0) -> nn.Sequential:
    """Return a multilayer perceptron in float64 with reproducible weights, biases included."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(widths, widths[1:], strict=False):
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
