"""Speed and quality of alignment beside plain weight matching, in one process, for `make bench`.

Both get the same networks (float32, freshly initialised and independent: the hardest case for
speed, since nothing is near) and the same spec. Ratios are medians over pairs; objectives are inner
products summed in float64. Nothing here is a test.
"""

import itertools
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from cases import torchvision_models
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention
from weight_matching import weight_matching

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, detached, parameters, size
from symgeom.quotient.alignment import align, align_pairs
from symgeom.symmetry.certificate import certify
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


class Decoder(nn.Module):
    """A block of GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.packed, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Add attention, then the layers of every token."""
        parts = self.packed(self.norm1(x)).chunk(3, -1)
        by_head = [part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts]
        read = scaled_dot_product_attention(*by_head, is_causal=True)
        x = x + self.mixed(read.transpose(1, 2).flatten(2))
        return x + self.narrow(gelu(self.wide(self.norm2(x))))


class GPT2(nn.Module):
    """A network of GPT-2's size: 124 million weights, the embedding tied to the head."""

    def __init__(self, words: int = 50257, context: int = 1024, width: int = 768) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Decoder(width, 12) for _ in range(12)))
        self.norm = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Tensor:
        """Return the logits of the next word at every place."""
        places = torch.arange(words.shape[1], device=words.device)
        x = self.blocks(self.words(words) + self.places(places))
        return linear(self.norm(x), self.words.weight)


def example(name: str) -> Tensor:
    """Return one input of a network."""
    if name == "GPT-2":
        return torch.arange(32).reshape(1, 32)
    pixels = 224 if name.startswith("vit") else 64
    return torch.randn(1, 3, pixels, pixels, generator=stream("example"))


SECONDS = {
    "densenet121": 20,
    "regnet_y_400mf": 20,
    "resnext50_32x4d": 20,
    "resnet50": 30,
    "vit_b_16": 20,
    "GPT-2": 120,
}
"""The largest time wanted, on two cores."""


def uncopied(factory: Callable[[], nn.Module], seed: int) -> dict[str, Tensor]:
    """Return the weights of a newly initialised network, which never are in memory twice."""
    torch.manual_seed(seed)
    module = factory()
    return detached(dict(module.named_parameters()) | dict(module.named_buffers()))


def measure_large(name: str) -> dict[str, float]:
    """Align two fresh networks in float32, and certify the spec."""
    factory = GPT2 if name == "GPT-2" else getattr(torchvision_models(), name)
    inputs = example(name)
    spec = discover(factory().to("meta"), inputs)
    first, second = (uncopied(factory, seed) for seed in range(2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    busy = time.process_time()
    seconds, alignment = timed(lambda: align(spec, first, second))
    busy = time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    moved = {name: 0.01 + tensor for name, tensor in second.items()}  # no bias is zero
    generator = stream("certificate")
    proving, certificate = timed(
        lambda: certify(spec, factory().eval(), moved, inputs=inputs, generator=generator)
    )
    return {
        "groups": len(spec.groups),
        "megabytes": size(first) / 2**20,
        "align": seconds,
        "busy": busy,
        "visits": alignment.visits,
        "memory": memory / size(first),
        "certify": proving,
        "passed": certificate.passed,
    }


def many_groups() -> list[str]:
    """Align networks of many groups and large ones, each pair in a process of its own."""
    rows = []
    for name, wanted in SECONDS.items():
        child = subprocess.run(
            [sys.executable, __file__, name], check=True, stdout=subprocess.PIPE, text=True
        )
        row = json.loads(child.stdout.splitlines()[-1])
        what = f"{name:16} {row['groups']:5} groups, {row['megabytes']:4.0f} MB"
        busy = f"{row['busy']:.1f} s of processor time; wanted {wanted}"
        memory = f"{row['memory']:.1f} networks of memory more (wanted 1 to 2)"
        proof = f"certify {row['certify']:.1f} s, passed: {row['passed']}"
        work = f"{row['align']:5.1f} s ({busy}), {row['visits']} matchings"
        rows.append(f"{what}: {work}, {memory}; {proof}")
    return rows


def main() -> None:
    """Run the benchmark and print its rows."""
    rows = [*one_pair_at_a_time(), *all_pairs(), *many_groups()]
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure_large(sys.argv[1])) + "\n")
    else:
        main()
