"""Cost of the noise of SGD, for `make bench`: processor times and memory, one thread.

Moments of the sample gradients, as `noise_force` takes them, against `vmap(grad)` over the same
samples in chunks of 64 MB: an MLP 784-256-256-10 over 10,000 samples and LeNet over 2,000, in
float64. And the balance of all units of an MLP 784-5x512-10, of made-up variances. Memory is what
the process grew by; every row has a process of its own. Figures are of this machine; none is a
test.
"""

import itertools
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

from symgeom.dynamics.noise import balance
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients import gradient_moments
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = [784, 512, 512, 512, 512, 512, 10]


def mlp(widths: list[int]) -> nn.Sequential:
    """Return a perceptron."""
    layers = []
    for incoming, outgoing in itertools.pairwise(widths):
        layers += [nn.Linear(incoming, outgoing), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).double()


def lenet() -> nn.Sequential:
    """Return a LeNet for pictures of 28 x 28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 10),
    ).double()


CASES = {
    "mlp": (lambda: mlp([784, 256, 256, 10]), (10_000, 784)),
    "lenet": (lenet, (2_000, 1, 28, 28)),
}


def problem_of(case: str) -> Problem:
    """Return a landscape of random data."""
    network, shape = CASES[case]
    generator = stream("bench", case)
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    return Problem(network(), inputs, torch.randint(10, shape[:1], generator=generator))


def formed(problem: Problem, params: dict[str, torch.Tensor]) -> None:
    """Take the moments from gradients that are formed."""
    sums: dict[str, torch.Tensor] = {}
    squares: dict[str, torch.Tensor] = {}
    for gradients in problem.sample_gradients(params):
        for name, rows in gradients.items():
            sums[name] = sums.get(name, 0) + rows.sum(0)
            squares[name] = squares.get(name, 0) + rows.square().sum(0)


def measure(case: str, way: str) -> None:
    """Print seconds and megabytes of one way."""
    torch.set_num_threads(1)
    problem = problem_of(case)
    params = {name: tensor.detach() for name, tensor in parameters(problem.module).items()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    {"moments": gradient_moments, "formed": formed}[way](problem, params)
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(f"{seconds} {grown / 1024}\n")


def ratio(case: str) -> str:
    """Return how much faster and smaller the moments are."""
    measured = {}
    for way in ("moments", "formed"):
        words = [sys.executable, Path(__file__), case, way]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        measured[way] = [float(number) for number in said.split()]
    faster = measured["formed"][0] / measured["moments"][0]
    megabytes = " and ".join(f"{numbers[1]:.0f}" for numbers in measured.values())
    return f"moments of sample gradients, {case}: {faster:.1f} times faster; {megabytes} MB"


def balance_seconds() -> float:
    """Return the processor time of the balance of all units of a deep perceptron."""
    torch.set_num_threads(1)
    generator = stream("bench", "balance")
    groups = []
    variance = {}
    for layer in range(len(WIDTHS) - 2):
        incoming = (Leg(f"{2 * layer}.weight", 0), Leg(f"{2 * layer}.bias", 0))
        outgoing = Leg(f"{2 * layer + 2}.weight", 1, power=-1)
        groups.append(UnitGroup(f"hidden{layer}", WIDTHS[layer + 1], (*incoming, outgoing)))
    for name, tensor in mlp(WIDTHS).named_parameters():
        uniform = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        rows = torch.randn(len(tensor), generator=generator, dtype=torch.float64)
        variance[name] = uniform**4 * (10**rows).reshape(-1, *[1] * (tensor.ndim - 1))
    start = time.process_time()
    balance(SymmetrySpec(tuple(groups)), variance, {})
    return time.process_time() - start


def main() -> None:
    """Run the benchmark and print its rows, beside what is wanted."""
    wanted = {"mlp": "wanted at least 15 times", "lenet": "wanted at least as fast"}
    rows = [f"{ratio(case)} ({words})" for case, words in wanted.items()]
    rows.append(f"balance of 5 x 512 units: {balance_seconds():.2f} s (wanted at most 1)")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
