"""The published experiment with ensembles in kind: its activation and width, trained once for all
cells, so that no training noise is between a network and its ensembles."""

from dataclasses import dataclass

import pytest
import torch
from cases import mlp_spec
from torch import Tensor, nn

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import data_dependent_action, random_mixing
from symgeom.study.datasets import load

WIDTH = 16
MEMBERS = 20
SPEC = mlp_spec(64, WIDTH, 10, scale="none")


class Square(nn.Module):
    """The activation of the published experiment."""

    def forward(self, units: Tensor) -> Tensor:
        """Square a leaky ReLU, and add a hundredth of the units."""
        return nn.functional.leaky_relu(units, 0.1) ** 2 + 0.01 * units


@dataclass
class Trained:
    """A trained network, and the landscapes of batches and of test samples."""

    training: Problem
    test: Problem
    params: Parameters

    def error(self, outputs: Tensor) -> float:
        """Return the fraction of test samples that outputs, or votes, get wrong."""
        wrong = outputs.argmax(1) != self.test.targets
        return float(wrong.double().mean())


@pytest.fixture(scope="module")
def trained() -> Trained:
    data = load("digits", root="data", options={})
    module = nn.Sequential(nn.Linear(64, WIDTH), Square(), nn.Linear(WIDTH, 10)).double()
    generator = stream("published")
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / tensor.shape[-1] ** 0.5)
    training = Problem(module, data.train_inputs, data.train_targets)
    test = Problem(module, data.test_inputs, data.test_targets)
    params = parameters(module)
    weights = [tensor.requires_grad_() for tensor in params.values()]
    optimizer = torch.optim.Adam(weights, lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        training.loss(params).backward()
        optimizer.step()
    return Trained(training, test, {name: tensor.detach() for name, tensor in params.items()})


def orbit(network: Trained, scale: float) -> tuple[list[Tensor], list[Parameters]]:
    """Return matrices, and the members that they lead to, each on a batch of its own."""
    generator = stream("members")
    mixings = []
    members = []
    for number in range(MEMBERS):
        mixing = random_mixing(WIDTH, scale, generator=generator)
        index = torch.arange(WIDTH) + WIDTH * number
        move = data_dependent_action(
            SPEC, network.training, network.params, {"hidden1": mixing}, index=index
        )
        mixings.append(mixing)
        members.append(move.params)
    return mixings, members


def vote_error(network: Trained, members: list[Parameters]) -> float:
    """Return the error of the vote of an ensemble."""
    votes = torch.zeros(len(network.test.targets), 10)
    for params in members:
        decisions = network.test.outputs(params).argmax(1)
        votes += nn.functional.one_hot(decisions, 10)
    return network.error(votes)


def test_the_orbit_gains_nothing_and_degrades_more_slowly_than_controls(trained: Trained):
    """The controls have the inverse matrix in the place of the action, or its columns shuffled."""
    single = trained.error(trained.test.outputs(trained.params))
    assert 0.01 < single < 0.15
    _, near = orbit(trained, 0.01)
    assert abs(vote_error(trained, near) - single) < 0.01
    mixings, far = orbit(trained, 1.0)
    generator = stream("shuffled")
    inverse = []
    shuffled = []
    for mixing, member in zip(mixings, far, strict=True):
        undone = trained.params["2.weight"] @ torch.linalg.inv(mixing)
        inverse.append({**member, "2.weight": undone})
        order = torch.randperm(WIDTH, generator=generator)
        shuffled.append({**member, "2.weight": member["2.weight"][:, order]})
    error = vote_error(trained, far)
    assert error > single - 0.01
    assert error < vote_error(trained, inverse) - 0.1
    assert error < vote_error(trained, shuffled) - 0.1
