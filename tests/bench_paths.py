"""Speed of profiles and of training chains beside plain PyTorch, in one process, for `make bench`.

Repeats are interleaved, one thread is used, and ratios are of medians. The plain profile loads a
state dict for every point of every path and runs the network on batches of 256 samples; the plain
step is forward, backward and torch.optim.SGD with momentum, on a batch that is indexed from the
same data. Nothing here is a test.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path as File

import torch
from torch import nn

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters, stack
from symgeom.landscape.barriers import profile, refined_profile
from symgeom.landscape.chain import ChainPlan, optimise_path
from symgeom.landscape.path import LinearPath, PolygonalPath, curve_along
from symgeom.landscape.problem import Problem

SAMPLES, BATCH, POINTS, PAIRS = 2048, 256, 11, 20
STEPS = 128
"""Steps of one epoch of the chain."""


def mlp() -> nn.Module:
    """Return a multilayer perceptron 784-256-256-10."""
    layers = nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)
    return nn.Sequential(nn.Flatten(), *layers)


def lenet() -> nn.Module:
    """Return the LeNet with 20 and 50 filters and 500 units."""
    first = nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(
        *first, *second, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)
    )


def fresh(factory: Callable[[], nn.Module], seed: int) -> dict[str, torch.Tensor]:
    """Return the weights of a newly initialised network."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return parameters(factory())


def data(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random images and classes."""
    generator = stream("bench", samples)
    return torch.randn(samples, 1, 28, 28, generator=generator), torch.randint(
        10, (samples,), generator=generator
    )


def interleaved(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median wall time in seconds of each action; they take turns, after a first
    round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(repeats + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


@torch.no_grad()
def plain_profile(
    module: nn.Module, start: Parameters, end: Parameters, problem: Problem
) -> list[float]:
    """Load one state dict after the other."""
    errors = []
    for t in torch.linspace(0, 1, POINTS).tolist():
        module.load_state_dict({name: (1 - t) * start[name] + t * end[name] for name in start})
        batches = zip(problem.inputs.split(BATCH), problem.targets.split(BATCH), strict=True)
        wrong = sum((module(inputs).argmax(1) != targets).sum() for inputs, targets in batches)
        errors.append(float(wrong) / len(problem.targets))
    return errors


def profiles() -> list[str]:
    """Time the error profiles of some pairs."""
    rows = []
    for name, factory, repeats in (("MLP 784-256-256-10", mlp, 5), ("LeNet", lenet, 1)):
        ends = [
            [fresh(factory, 2 * pair + side) for side in range(2)]
            for pair in range(PAIRS if repeats > 1 else 5)
        ]
        problem, module, t = (
            Problem(factory(), *data(SAMPLES)),
            factory().eval(),
            torch.linspace(0, 1, POINTS).double(),
        )
        paths = [LinearPath(*pair) for pair in ends]
        times = interleaved(
            {
                "plain": lambda: [plain_profile(module, *pair, problem) for pair in ends],  # noqa: B023
                "error": lambda: [profile(problem, path, t, values="error") for path in paths],  # noqa: B023
                "both": lambda: [profile(problem, path, t) for path in paths],  # noqa: B023
            },
            repeats,
        )
        error, plain = (
            profile(problem, paths[0], t, values="error").error,
            torch.tensor(plain_profile(module, *ends[0], problem)),
        )
        apart = float((error - plain.double()).abs().max()) * SAMPLES
        both = f"loss too: {times['plain'] / times['both']:.2f} x"
        rows.append(
            f"{name:20} {POINTS}-point error profiles: "
            f"{times['plain'] / times['error']:.2f} x (wanted 1.5; {both}), plain "
            f"{1e3 * times['plain'] / len(paths):.0f} ms a pair ({len(paths)} pairs); "
            f"largest difference {apart:.0f} samples"
        )
    return rows


def chain_step() -> list[str]:
    """Time a step of a one-bend chain beside a step of training."""
    samples, rows = 128 * STEPS, []
    problem = Problem(mlp(), *data(samples))
    line = LinearPath(*(stack([fresh(mlp, seed)]) for seed in range(2)))
    plan = ChainPlan(epochs=1, batch_size=128, points=3, evaluation_samples=1)
    module = mlp()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)

    def plain() -> None:
        for index in torch.randperm(samples, generator=stream("order")).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(
                module(problem.inputs[index]), problem.targets[index]
            ).backward()
            optimizer.step()

    def chain(curve: PolygonalPath) -> None:
        optimise_path(problem, curve, plan=plan, generators=[stream("order")])

    curves = {
        f"{kind}, {bends} bend": curve_along(line, kind=kind, bends=bends) for kind, bends in KINDS
    }
    times = interleaved(
        {"plain": plain} | {name: lambda c=curve: chain(c) for name, curve in curves.items()}, 5
    )
    for name in curves:
        ratio = (
            f"{times[name] / times['plain']:.2f} times a plain step of "
            f"{1e3 * times['plain'] / STEPS:.2f} ms"
        )
        rows.append(
            f"chain step, {name}: "
            f"{ratio}{' (wanted at most 1.3)' if name == next(iter(curves)) else ''}"
        )
    return rows


KINDS = (("polygonal", 1), ("polygonal", 3), ("bezier", 1))


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    status = File("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def memory(evaluations: int = 1000) -> list[str]:
    """Watch the memory over many profiles."""
    problem = Problem(mlp(), *data(BATCH))
    line, t, held = LinearPath(fresh(mlp, 0), fresh(mlp, 1)), torch.linspace(0, 1, 5).double(), {}
    for count in range(1, evaluations + 1):
        profile(problem, line, t, values=("both", "error")[count % 2])
        if count % 10 == 0:
            refined_profile(problem, line, points=5, refinements=1)
        if count in (evaluations // 5, evaluations):
            held[count] = resident()
    grown = held[evaluations] - held[evaluations // 5]
    return [
        (
            f"memory: {grown:+.1f} MiB from evaluation {evaluations // 5} to {evaluations} (of "
            f"{held[evaluations]:.0f} MiB)"
        )
    ]


def main() -> None:
    """Run the benchmark and print its rows."""
    torch.set_num_threads(1)
    sys.stdout.write("\n".join([*profiles(), *chain_step(), *memory()]) + "\n")


if __name__ == "__main__":
    main()
