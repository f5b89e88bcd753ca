"""Speed and quality of alignment beside plain weight matching, in one process, for `make bench`.

Both get the same networks (float32, freshly initialised and independent: the hardest case for
speed, since nothing is near) and the same spec. Ratios are medians over pairs; objectives are inner
products summed in float64. Nothing here is a test.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from weight_matching import weight_matching

from symgeom.ground.types import Parameters, parameters
from symgeom.quotient.alignment import align, align_pairs
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import GroupElement, act, extend
from symgeom.symmetry.spec import SymmetrySpec

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def mlp() -> nn.Module:
    """Return a multilayer perceptron of 1.1 million weights."""
    widths = (784, 512, 512, 512, 256, 10)
    layers = [
        layer for sizes in itertools.pairwise(widths) for layer in (nn.Linear(*sizes), nn.ReLU())
    ]
    return nn.Sequential(*layers[:-1])


def vgg16() -> nn.Module:
    """Return the VGG16 of small images: 14.7 million convolutional weights and a dense head (0:
    a pooling)."""
    layers, channels = [], 3
    for width in VGG16:
        layers += (
            [nn.MaxPool2d(2)]
            if not width
            else [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        )
        channels = width or channels
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )


class PreActivation(nn.Module):
    """A block of the wide residual network, normalised by layer."""

    def __init__(self, fan_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, fan_in), nn.GroupNorm(1, width)
        self.conv1 = nn.Conv2d(fan_in, width, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(fan_in, width, 1, stride, bias=False) if fan_in != width else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the branch to its shortcut."""
        first = torch.relu(self.norm1(x))
        branch = self.conv2(torch.relu(self.norm2(self.conv1(first))))
        return branch + (x if self.shortcut is None else self.shortcut(first))


def wide_resnet(width: int = 4, blocks: int = 3) -> nn.Module:
    """Return the pre-activation ResNet-22 of a width: 4.3 million weights at width 4."""
    sizes = [16] + [16 * width] * blocks + [32 * width] * blocks + [64 * width] * blocks
    stages = [
        PreActivation(fan_in, size, 2 if fan_in != size and fan_in > 16 else 1)
        for fan_in, size in itertools.pairwise(sizes)
    ]
    last = [
        nn.GroupNorm(1, sizes[-1]),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(sizes[-1], 10),
    ]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), *stages, *last)


def fresh(factory: Callable[[], nn.Module], seed: int) -> dict[str, torch.Tensor]:
    """Return the weights of a newly initialised network."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return parameters(factory())


def timed(action: Callable[[], object]) -> tuple[float, object]:
    """Return the wall time of an action in seconds, and its result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def objective(
    spec: SymmetrySpec, first: Parameters, second: Parameters, permutations: dict[str, torch.Tensor]
) -> float:
    """Return the inner product of the first network with the moved second one."""
    scales = {
        name: torch.ones(len(order), dtype=torch.float64) for name, order in permutations.items()
    }
    moved = act(spec, extend(spec, GroupElement(permutations, scales)), second)
    touched = {leg.tensor for group in spec.groups for leg in group.legs if not leg.buffer}
    return sum(
        float((first[name] * moved[name]).sum(dtype=torch.float64)) for name in sorted(touched)
    )


CASES = {
    "MLP 784-512-512-512-256-10": (mlp, (784,), 2.0, 10),
    "VGG16": (vgg16, (3, 32, 32), 1.5, 2),
    "ResNet-22x4": (wide_resnet, (3, 32, 32), 2.0, 20),
}
"""Name: factory, shape of an input, the ratio wanted, pairs."""


def one_pair_at_a_time() -> list[str]:
    """Time single pairs."""
    rows = []
    for name, (factory, shape, wanted, pairs) in CASES.items():
        spec, ratios, gains, steps = discover(factory(), torch.zeros(2, *shape)), [], [], []
        for seed in range(pairs):
            first, second = (fresh(factory, 2 * seed + end) for end in range(2))
            generator = torch.Generator().manual_seed(seed)
            plain, theirs = timed(lambda: weight_matching(spec, first, second, generator=generator))  # noqa: B023
            fast, ours = timed(lambda: align(spec, first, second))  # noqa: B023
            ratios.append(plain / fast)
            base = objective(spec, first, second, theirs.permutations)
            gains.append((ours.objective - base) / abs(base))
            steps.append((theirs.assignments, ours.visits, plain, fast))
        middle = [statistics.median(column) for column in zip(*steps, strict=True)]
        spread = f"wanted {wanted}; {min(ratios):.1f} to {max(ratios):.1f}"
        work = (
            f"{middle[2]:.2f} s and {middle[0]:.0f} assignments, ours {middle[3]:.2f} s and "
            f"{middle[1]:.0f}"
        )
        quality = f"objective {100 * min(gains):+.1f} % or better"
        rows.append(f"{name:28} {statistics.median(ratios):6.1f} x ({spread}), {quality}; {work}")
    return rows


def all_pairs(count: int = 20) -> list[str]:
    """Time all pairs of some networks, beside single calls (a sample of the plain ones,
    multiplied)."""
    factory, shape, *_ = CASES["MLP 784-512-512-512-256-10"]
    spec = discover(factory(), torch.zeros(2, *shape))
    networks = {seed: fresh(factory, seed) for seed in range(count)}
    pairs = [(a, b) for a in networks for b in networks if a < b]
    together, found = timed(lambda: dict(align_pairs(spec, networks, pairs)))
    single, alone = timed(lambda: [align(spec, networks[a], networks[b]) for a, b in pairs])
    sample = pairs[:: max(1, len(pairs) // 10)]
    generator = torch.Generator().manual_seed(0)
    plain, _ = timed(
        lambda: [
            weight_matching(spec, networks[a], networks[b], generator=generator) for a, b in sample
        ]
    )
    plain *= len(pairs) / len(sample)
    same = all(a.objective == b.objective for a, b in zip(found.values(), alone, strict=True))
    factors = (
        f"{plain / together:.1f} x faster than {len(pairs)} plain calls (wanted 3; "
        f"{len(sample)} timed)"
    )
    single = (
        f"{single / together:.1f} x faster than as many calls of align, with the same "
        f"results: {same}"
    )
    return [f"all {len(pairs)} pairs of {count} MLPs: {together:.1f} s; {factors}, {single}"]


def main() -> None:
    """Run the benchmark and print its rows."""
    sys.stdout.write("\n".join([*one_pair_at_a_time(), *all_pairs()]) + "\n")


if __name__ == "__main__":
    main()
