"""Cost of the noise of SGD, for `make bench`: processor times and memory, one thread.

`noise_force` against the mean and mean square of `vmap(grad)` over the same samples in chunks of 64
MB: an MLP 784-256-256-10 over 10,000 samples and LeNet over 2,000, in float64; and the MLP over
four times as many samples, for the memory. And the balance of all units of an MLP 784-5x512-10, of
made-up variances. `noise_equilibrium` of an MLP 784-64-10 on data in float32, for the memory.
Memory is what the process grew by; every row has a process of its own. Figures are of this machine;
none is a test.
"""

import itertools
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

from symgeom.dynamics.noise import balance, noise_equilibrium, noise_force
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
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


def mlp_spec(widths: list[int]) -> SymmetrySpec:
    """Return the units of a perceptron."""
    groups = []
    for layer in range(len(widths) - 2):
        incoming = (Leg(f"{2 * layer}.weight", 0), Leg(f"{2 * layer}.bias", 0))
        outgoing = Leg(f"{2 * layer + 2}.weight", 1, power=-1)
        groups.append(UnitGroup(f"hidden{layer}", widths[layer + 1], (*incoming, outgoing)))
    return SymmetrySpec(tuple(groups))


def lenet_spec() -> SymmetrySpec:
    """Return the units of the LeNet, by hand: discovery would need memory of its own."""
    sizes = {"0": ("3", 6, 1), "3": ("7", 16, 25), "7": ("9", 120, 1)}
    groups = []
    for here, (there, size, block) in sizes.items():
        incoming = (Leg(f"{here}.weight", 0), Leg(f"{here}.bias", 0))
        outgoing = Leg(f"{there}.weight", 1, power=-1, block=block)
        groups.append(UnitGroup(f"hidden{here}", size, (*incoming, outgoing)))
    return SymmetrySpec(tuple(groups))


MLP = [784, 256, 256, 10]
NARROW = [784, 64, 10]
CASES = {
    "mlp": (lambda: mlp(MLP), lambda: mlp_spec(MLP), (10_000, 784)),
    "larger": (lambda: mlp(MLP), lambda: mlp_spec(MLP), (40_000, 784)),
    "single": (lambda: mlp(NARROW).float(), lambda: mlp_spec(NARROW), (10_000, 784)),
    "more": (lambda: mlp(NARROW).float(), lambda: mlp_spec(NARROW), (40_000, 784)),
    "lenet": (lenet, lenet_spec, (2_000, 1, 28, 28)),
}


def problem_of(case: str) -> Problem:
    """Return a landscape of random data."""
    network, _, shape = CASES[case]
    generator = stream("bench", case)
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    module = network()
    inputs = inputs.to(next(module.parameters()).dtype)
    return Problem(module, inputs, torch.randint(10, shape[:1], generator=generator))


def formed(_: SymmetrySpec, problem: Problem, params: dict[str, torch.Tensor]) -> None:
    """Take the moments from gradients that are formed."""
    sums: dict[str, torch.Tensor] = {}
    squares: dict[str, torch.Tensor] = {}
    for gradients in problem.sample_gradients(params):
        for name, rows in gradients.items():
            sums[name] = sums.get(name, 0) + rows.sum(0)
            squares[name] = squares.get(name, 0) + rows.square().sum(0)


def equilibrium(spec: SymmetrySpec, problem: Problem, params: dict[str, torch.Tensor]) -> None:
    """Find the noise equilibrium."""
    noise_equilibrium(spec, problem, params, learning_rate=0.1, batch_size=64, weight_decay=1e-4)


WAYS = {"force": noise_force, "formed": formed, "equilibrium": equilibrium}


def measure(case: str, way: str) -> None:
    """Print seconds and megabytes of one way."""
    torch.set_num_threads(1)
    problem = problem_of(case)
    params = {name: tensor.detach() for name, tensor in parameters(problem.module).items()}
    spec = CASES[case][1]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    WAYS[way](spec, problem, params)
    seconds = time.process_time() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    sys.stdout.write(f"{seconds} {grown / 1024}\n")


def measured(case: str, way: str) -> tuple[float, float]:
    """Return seconds and megabytes of one way, from a process of its own."""
    words = [sys.executable, Path(__file__), case, way]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    seconds, megabytes = said.split()
    return float(seconds), float(megabytes)


def ratio(case: str) -> str:
    """Return how much faster and smaller the force is than forming the gradients."""
    seconds, megabytes = measured(case, "force")
    seconds_formed, megabytes_formed = measured(case, "formed")
    faster = seconds_formed / seconds
    return (
        f"noise_force, {case}: {faster:.1f} times faster; {megabytes:.0f} MB, formed "
        f"{megabytes_formed:.0f} MB"
    )


def balance_seconds() -> float:
    """Return the processor time of the balance of all units of a deep perceptron."""
    torch.set_num_threads(1)
    generator = stream("bench", "balance")
    variance = {}
    for name, tensor in mlp(WIDTHS).named_parameters():
        uniform = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        rows = torch.randn(len(tensor), generator=generator, dtype=torch.float64)
        variance[name] = uniform**4 * (10**rows).reshape(-1, *[1] * (tensor.ndim - 1))
    start = time.process_time()
    balance(mlp_spec(WIDTHS), variance, {})
    return time.process_time() - start


def main() -> None:
    """Run the benchmark and print its rows, beside what is wanted."""
    wanted = {
        "mlp": "wanted: at least 15 times",
        "lenet": "wanted: at least as fast, in a fifth of the memory",
    }
    rows = [f"{ratio(case)} ({words})" for case, words in wanted.items()]
    rows.append(
        f"noise_force, mlp, four times as many samples: {measured('larger', 'force')[1]:.0f} MB"
    )
    single = [f"{measured(case, 'equilibrium')[1]:.0f} MB" for case in ("single", "more")]
    rows.append(f"noise_equilibrium, 10,000 samples in float32: {single[0]}, 40,000: {single[1]}")
    rows.append(f"balance of 5 x 512 units: {balance_seconds():.2f} s (wanted at most 1)")
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()
