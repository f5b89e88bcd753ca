"""The suite of attacks beside the authors' package, for `make bench`: errors found, and times.

The package (`pip install pyautoattack`, AutoAttack of Croce and Hein) is not a dependency: it works
in single precision and on inputs from 0 to 1 alone, draws from the global generator, and brings 44
MB of examples. Where it is not installed, the other columns stand alone. Networks and data: a
perceptron 64-64-64-10 trained on digits, one trained on attacked digits, the first with outputs a
hundred times as large (whose loss has no gradient in single precision), and the mean of three
networks; 200 test samples, budget 0.08, one thread. Figures are of this machine; none is a test.
"""

import importlib.util
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from symgeom.ground.randomness import global_seed, stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.neighbours.robustness import (
    Attack,
    DataRange,
    Predictor,
    misclassified_samples,
    predictor,
    robust_error,
)
from symgeom.study.datasets.registry import load

BUDGET, SAMPLES, EPOCHS = 0.08, 200, 40
ATTACKS = (("noise", 1, 20), ("fgsm", 1, 1), ("pgd", 20, 1), ("pgd", 50, 4), ("suite", 20, 1))
"""Kinds, steps and restarts."""


def perceptron() -> nn.Sequential:
    """Return a network in single precision, as initialised."""
    layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*layers)


def trained(inputs: Tensor, targets: Tensor, budget: float, seed: int) -> dict[str, Tensor]:
    """Return a network after SGD on inputs that are attacked by the fast gradient sign method."""
    with global_seed(seed):
        network = perceptron()
        solver = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
        for _ in range(EPOCHS):
            for index in torch.randperm(len(inputs)).split(64):
                batch = inputs[index].clone().requires_grad_()
                loss = cross_entropy(network(batch), targets[index])
                (slope,) = torch.autograd.grad(loss, batch)
                attacked = (batch + budget * slope.sign()).clamp(0, 1).detach()
                solver.zero_grad()
                cross_entropy(network(attacked), targets[index]).backward()
                solver.step()
    return parameters(network)


def timed(action: Callable[[], float]) -> str:
    """Return an error and the processor time that it took."""
    start = time.process_time()
    error = action()
    return f"{error:.3f} in {time.process_time() - start:5.1f} s"


def of_the_authors(predict: Predictor, inputs: Tensor, targets: Tensor) -> float:
    """Return the error that the authors' package leaves: 100 steps and 5,000 patches."""
    from pyautoattack import AutoAttack

    class OfImages(nn.Module):
        """The predictor, of images."""

        def forward(self, images: Tensor) -> Tensor:
            """Predict."""
            return predict(images.flatten(1))

    attack = AutoAttack(OfImages(), norm="Linf", eps=BUDGET, seed=0, device="cpu")
    images = inputs.view(-1, 1, 8, 8).clone()
    attacked, *_ = attack.run_standard_evaluation(images, targets.clone(), batch_size=SAMPLES)
    wrong = misclassified_samples(predict, attacked.flatten(1), targets, SAMPLES)
    return wrong.double().mean().item()


def report(name: str, problem: Problem, networks: list[dict[str, Tensor]]) -> None:
    """Write one row for every attack."""
    predict = predictor(problem, stack(networks))
    inputs, targets = problem.inputs, problem.targets
    for kind, steps, restarts in ATTACKS:
        attack = Attack(kind, BUDGET, DataRange(), steps=steps, restarts=restarts)

        def attacked(attack: Attack = attack) -> float:
            result = robust_error(predict, inputs, targets, attack, generator=stream("bench"))
            return result.attacked.item()

        sys.stdout.write(f"{name:10} {kind:>6} {steps:3}x{restarts:<2} {timed(attacked)}\n")
    if importlib.util.find_spec("pyautoattack"):
        time_and_error = timed(lambda: of_the_authors(predict, inputs, targets))
        sys.stdout.write(f"{name:10} authors' package {time_and_error}\n")
    sys.stdout.flush()


def main() -> None:
    """Train the networks and attack them."""
    torch.set_num_threads(1)
    data = load("digits", root="data", options={})
    inputs, targets = data.train_inputs.float(), data.train_targets
    plain = trained(inputs, targets, 0.0, seed=0)
    sure = {name: tensor * (100 if name.startswith("4.") else 1) for name, tensor in plain.items()}
    robust = trained(inputs, targets, 0.1, seed=0)
    several = [trained(inputs, targets, 0.05, seed) for seed in range(3)]
    module = perceptron().requires_grad_(False)
    problem = Problem(module, data.test_inputs.float()[:SAMPLES], data.test_targets[:SAMPLES])
    report("plain", problem, [plain])
    report("sure", problem, [sure])
    report("robust", problem, [robust])
    report("ensemble", problem, several)


if __name__ == "__main__":
    main()
