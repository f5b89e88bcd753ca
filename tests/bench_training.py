"""Speed of populations against plain PyTorch, and memory, for `make bench`.

Ratios within one process, one thread.

Eight networks 784-width-width-10 train for some epochs on 6000 random images, mini-batches of 128,
SGD with momentum and weight decay, in single precision. The plain side is what one writes for one
network, eight times: a DataLoader over a TensorDataset, nn.Module, torch.optim.SGD. Both sides
evaluate loss and error on the whole training set before training and after every epoch, because the
stop rule needs them (the plain side through a DataLoader too); ``steps alone`` is without
evaluations on either side, ours timed apart and taken off. Repeats are interleaved; medians of
processor times. Figures are of this machine; none is a test.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.learning.training.population import Population

MEMBERS, SAMPLES, BATCH, EPOCHS, REPEATS = 8, 6000, 128, 2, 5
WANTED = {256: 2.0, 64: 5.0}
RATE, MOMENTUM, DECAY = 0.05, 0.9, 1e-4


def timed(action: Callable[[], object]) -> float:
    """Return the processor time of an action in seconds, whatever else the machine does."""
    start = time.process_time()
    action()
    return time.process_time() - start


def mlp(width: int) -> nn.Sequential:
    """Return a network as PyTorch initialises it."""
    return nn.Sequential(
        nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def images() -> tuple[Tensor, Tensor]:
    """Return random inputs of the size of MNIST and random classes."""
    generator = stream("images")
    return torch.randn(SAMPLES, 784, generator=generator), torch.randint(
        10, (SAMPLES,), generator=generator
    )


def plain(width: int, inputs: Tensor, targets: Tensor, *, evaluate: bool) -> None:
    """Train the networks one after another, as one does."""
    data = TensorDataset(inputs, targets)
    for _ in range(MEMBERS):
        network = mlp(width)
        stepper = torch.optim.SGD(network.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)
        for epoch in range(EPOCHS + 1):
            for batch, labels in (
                DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True) if epoch else ()
            ):
                stepper.zero_grad()
                nn.functional.cross_entropy(network(batch), labels).backward()
                stepper.step()
            if evaluate:
                assess(network, DataLoader(data, batch_size=BATCH))


@torch.no_grad()
def assess(network: nn.Module, loader: DataLoader) -> tuple[float, float]:
    """Return loss and error over a data set."""
    loss = error = 0.0
    for batch, labels in loader:
        outputs = network(batch)
        loss += nn.functional.cross_entropy(outputs, labels, reduction="sum").item()
        error += (outputs.argmax(1) != labels).sum().item()
    return loss / SAMPLES, error / SAMPLES


def ours(problem: Problem, start: Parameters, together: str) -> None:
    """Train the same networks with this library."""
    plan = Plan(batch_size=BATCH, epochs=EPOCHS, least_epochs=EPOCHS, together=together)
    orders = [stream("order", member) for member in range(MEMBERS)]
    train(problem, start, SGD(RATE, MOMENTUM, DECAY), plan=plan, generators=orders)


def population(width: int) -> list[str]:
    """Time a population against plain trainings, and against itself one network after another."""
    problem, columns = Problem(mlp(width), *images()), []
    start = stack([parameters(mlp(width)) for _ in range(MEMBERS)])
    labels, together = problem.targets.expand(MEMBERS, -1), Population(problem, True, None)
    for _ in range(REPEATS + 1):
        whole = timed(lambda: plain(width, *images(), evaluate=True))
        steps = timed(lambda: plain(width, *images(), evaluate=False))
        batched, single = (timed(lambda: ours(problem, start, way)) for way in ("batched", "one"))  # noqa: B023
        evaluations = (EPOCHS + 1) * timed(lambda: together.evaluate(start, labels))
        columns.append(
            (
                whole / batched,
                steps / (batched - evaluations),
                single / batched,
                1e3 * batched,
                1e3 * whole,
            )
        )
    middle = [statistics.median(column) for column in zip(*columns[1:], strict=True)]
    low, high = (pick(row[0] for row in columns[1:]) for pick in (min, max))
    steps = EPOCHS * (SAMPLES // BATCH)
    wanted = WANTED.get(width, "none")
    spread = f"wanted {wanted}; {low:.1f} to {high:.1f}; steps alone {middle[1]:.1f} x"
    return [
        f"8 MLPs 784-{width}-{width}-10 against 8 plain trainings: {middle[0]:.1f} x ({spread}); "
        f"against our own one by one {middle[2]:.1f} x; {middle[3] / steps:.1f} ms a step of all "
        f"with its share of evaluations, plain {middle[4] / steps:.1f} ms"
    ]


def memory(count: int = 1000) -> list[str]:
    """Measure what evaluations leave behind in memory."""
    problem = Problem(mlp(64), *images())
    params = parameters(mlp(64))

    def resident() -> float:
        return (
            int(Path("/proc/self/statm").read_text().split()[1])
            * os.sysconf("SC_PAGE_SIZE")
            / 2**20
        )

    for _ in range(20):
        problem.loss_and_error(params)
    before = resident()
    for _ in range(count):
        problem.loss_and_error(params)
    return [f"memory after {count} evaluations: {resident() - before:+.1f} MB of {before:.0f} MB"]


def main() -> None:
    """Run the benchmark and print its rows."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    widths = [int(width) for width in sys.argv[1:]] or list(WANTED)
    sys.stdout.write(
        "\n".join([*(row for width in widths for row in population(width)), *memory()]) + "\n"
    )


if __name__ == "__main__":
    main()
