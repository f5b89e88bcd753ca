"""Speed of ensembles beside one member after another, in one process, for `make bench`.

Repeats are interleaved, one thread is used, and ratios are of medians of processor time. The
members of an orbit differ in the layers around one group of units; independent ones in all. One
after another, a member is evaluated as a single network is (the same layout of images, the same
chunks). Nothing here is a test.
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from symgeom.ground.randomness import global_seed, stream
from symgeom.ground.types import Parameters, parameters, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.neighbours.ensembles import (
    EnsembleMaterial,
    ensemble_members,
    mean_prediction,
    member_log_probabilities,
)
from symgeom.quotient.torus import Torus
from symgeom.symmetry.discovery import discover

MEMBERS, SAMPLES, REPEATS = 100, 1000, 3
WANTED = "wanted: 3"


def perceptron(*widths: int) -> nn.Module:
    """Return a multilayer perceptron for images."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers[:-1])


def convolutional() -> nn.Module:
    """Return the network of the published ensembles on colour images."""
    below = (nn.Conv2d(3, 32, 3, padding=1), nn.LeakyReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(*below, nn.Linear(8192, 16), nn.LeakyReLU(0.1), nn.Linear(16, 10))


def one_after_another(problem: Problem, members: Parameters) -> Tensor:
    """Evaluate every member as a single network is evaluated."""
    problem = laid_out(problem)
    rows = []
    with torch.no_grad():
        for member in unstack(members):
            rows.append(problem.outputs(member).log_softmax(-1))
    return torch.stack(rows)


def interleaved(actions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median processor time in seconds of each action; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(REPEATS + 1):
        for name, action in actions.items():
            if turn == 0 and REPEATS > 1 and name == "apart":
                continue  # the first round does not count, and this one is slow
            start = time.process_time()
            action()
            if turn:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def row(name: str, problem: Problem, members: Parameters, wanted: str) -> str:
    """Time the evaluation of an ensemble."""
    times = interleaved(
        {
            "together": lambda: member_log_probabilities(problem, members),
            "apart": lambda: one_after_another(problem, members),
        }
    )
    together = mean_prediction(member_log_probabilities(problem, members))
    apart = mean_prediction(one_after_another(problem, members))
    difference = float((together - apart).abs().max())
    return (
        f"{name:48} {times['apart'] / times['together']:6.1f} x ({wanted}), "
        f"{times['apart']:.2f} s and {times['together']:.2f} s, difference {difference:.0e}"
    )


def main() -> None:
    """Run the benchmark and print its rows."""
    torch.set_num_threads(1)
    cases = (
        ("MLP 784-256-256-10", lambda: perceptron(784, 256, 256, 10), (1, 28, 28)),
        ("convolution, 8192-16-10", convolutional, (3, 32, 32)),
    )
    for name, factory, shape in cases:
        generator = stream("bench", name)
        inputs = torch.randn(SAMPLES, *shape, generator=generator)
        targets = torch.randint(10, (SAMPLES,), generator=generator)
        networks = []
        for seed in range(MEMBERS if "MLP" in name else 1):
            with global_seed(seed):
                networks.append(parameters(factory()))
        problem = Problem(factory(), inputs, targets)
        torus = Torus(discover(problem.module, inputs[:2]))
        material = EnsembleMaterial(torus, problem, networks[:1], count=MEMBERS)
        orbit = ensemble_members("orbit", material, generator=generator)
        rows = [row(f"{name}, orbit of the last hidden layer", problem, orbit, WANTED)]
        if len(networks) > 1:
            rows.append(row(f"{name}, independent", problem, stack(networks), "no wish"))
        sys.stdout.write("\n".join(rows) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
