"""Cost of the ledger and of the published descents, for `make bench`: processor times of one
process, one thread.

The ledger: eight networks 784-256-256-10 train for two epochs on 6000 random images, mini-batches
of 128, SGD with momentum and decay, without and with an observer that books every step; the
difference over the time without. Charges are measured four times (a whole training measures them
more rarely). Descents: all learning rates of the published figure in one stack, a tenth of its
steps, times ten. Figures are of this machine; none is a test.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.observe import LedgerObserver
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.models.two_layer import descend
from symgeom.models.two_layer.experiments.drift import POINTWISE, RATES, SIZES
from symgeom.models.two_layer.starts import normal_start
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

MEMBERS, SAMPLES, BATCH, EPOCHS, REPEATS = 8, 6000, 128, 2, 5
WANTED, WANTED_SECONDS = 0.2, 60.0
STEPS, SHARE = 400_000, 10


def timed(action: Callable[[], object]) -> float:
    """Return the processor time of an action in seconds."""
    start = time.process_time()
    action()
    return time.process_time() - start


def hidden(name: str, layer: int, size: int) -> UnitGroup:
    """Return the group of a hidden layer of a sequential network."""
    incoming = (Leg(f"{layer}.weight", 0), Leg(f"{layer}.bias", 0))
    return UnitGroup(name, size, (*incoming, Leg(f"{layer + 2}.weight", 1, power=-1)))


def ledger_cost(dtype: torch.dtype) -> list[float]:
    """Return, for each repeat, what the ledger adds to the time of training."""
    generator, relu = stream("images"), torch.nn.ReLU()
    inputs, targets = (
        torch.randn(SAMPLES, 784, generator=generator),
        torch.randint(10, (SAMPLES,), generator=generator),
    )
    layers = [
        torch.nn.Linear(784, 256),
        relu,
        torch.nn.Linear(256, 256),
        relu,
        torch.nn.Linear(256, 10),
    ]
    module = torch.nn.Sequential(*layers).to(dtype)
    problem, spec = (
        Problem(module, inputs.to(dtype), targets),
        SymmetrySpec((hidden("hidden1", 0, 256), hidden("hidden2", 2, 256))),
    )
    start = cast(stack([parameters(module)] * MEMBERS), dtype)
    method, plan = SGD(0.05, 0.9, 1e-4), Plan(batch_size=BATCH, epochs=EPOCHS, least_epochs=EPOCHS)

    def run(observer: LedgerObserver | None) -> None:
        orders = [stream("order", member) for member in range(MEMBERS)]
        train(problem, start, method, plan=plan, generators=orders, observe=observer)

    steps, costs = EPOCHS * (SAMPLES // BATCH), []
    for _ in range(REPEATS):
        without = timed(lambda: run(None))
        costs.append(
            timed(lambda: run(LedgerObserver(spec, method, steps=steps, snapshots=4))) / without - 1
        )
    return costs


def descent_seconds(activation: str) -> float:
    """Return the time of the published descents of one activation."""
    targets, *sides = normal_start(*SIZES, 0.1)
    outgoing, incoming = (np.stack([side] * len(RATES)) for side in sides)
    options = {"learning_rates": RATES, "records": [0, STEPS // SHARE]}
    return SHARE * timed(lambda: descend(activation, targets, outgoing, incoming, **options))


def main() -> None:
    """Run the benchmark and print its rows, beside what is wanted."""
    torch.set_num_threads(1)
    rows = []
    for precision in ("float32", "float64"):
        costs = ledger_cost(getattr(torch, precision))
        spread = f"wanted at most {WANTED:.0%}; {min(costs):.0%} to {max(costs):.0%}"
        rows.append(
            f"ledger of 8 MLPs 784-256-256-10, {precision}: "
            f"{statistics.median(costs):+.0%} of the training ({spread})"
        )
    for activation in POINTWISE:
        wanted = f"wanted at most {WANTED_SECONDS:.0f} s; from a tenth of the steps"
        rows.append(
            f"{STEPS} steps at 3 learning rates, {activation}: "
            f"{descent_seconds(activation):.0f} s ({wanted})"
        )
    sys.stdout.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
