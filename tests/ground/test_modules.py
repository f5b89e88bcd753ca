"""Networks that run with lent tensors, and whose layers and weights have several names."""

import copy

import pytest
import torch
from cases import randomised
from references import sample_gradients_one_by_one
from torch import nn

from symgeom.dynamics.noise import gradient_variance, noise_force, noise_force_of_batches
from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.borrow import Borrower
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover

EXACT = 1e-12
"""Sums of a few products in float64, in another order."""


class TwoAttributes(nn.Module):
    """One layer under two names, the second of which its forward uses, too."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.last = nn.Linear(3, 2)

    def forward(self, inputs):
        return self.last(self.again(self.first(inputs).relu()).relu())


class TiedWeights(TwoAttributes):
    """Two layers of one weight, with a bias each."""

    def __init__(self):
        super().__init__()
        self.again = nn.Linear(3, 3)
        self.again.weight = self.first.weight


def in_sequence():
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(3, 2))


def in_two_containers():
    block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    return nn.Sequential(nn.Sequential(block, nn.Linear(3, 3)), block, nn.Linear(3, 2))


def with_a_norm():
    layer, norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
    return nn.Sequential(layer, norm, nn.ReLU(), layer, norm, nn.ReLU(), nn.Linear(3, 2))


NETWORKS = {
    "a layer twice in a sequence": in_sequence,
    "a layer under two attributes": TwoAttributes,
    "a block in two containers": in_two_containers,
    "tied weights": TiedWeights,
    "a batch norm twice": with_a_norm,
}


def landscape(name, seed=0):
    module = randomised(NETWORKS[name](), seed).eval()
    inputs = torch.randn(9, 3, generator=stream("shared"), dtype=torch.float64)
    targets = torch.randint(2, (9,), generator=stream("shared", "targets"))
    return Problem(module, inputs, targets, batch_norm="carried")


@pytest.mark.parametrize("name", NETWORKS)
def test_shared_layers_train_and_stay_as_they_are(name):
    problem, other = landscape(name), landscape(name, seed=1)
    before = list(problem.module.parameters())
    own, lent = parameters(problem.module), parameters(other.module)
    trained = {key: weight.grad for key, weight in _differentiated(other).items()}
    assert problem.trainable == tuple(trained)
    torch.testing.assert_close(problem.gradient(lent), trained, rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(problem.outputs(lent), other.module(problem.inputs), rtol=0, atol=0)
    after = list(problem.module.parameters())
    assert all(weight is same for weight, same in zip(before, after, strict=True))
    assert all(torch.equal(parameters(problem.module)[key], own[key]) for key in own)
    borrower = Borrower(problem.module, torch.float64)
    borrower.lend(lent)
    assert torch.equal(borrower.module(problem.inputs), problem.outputs(lent))


def _differentiated(problem):
    """Let plain PyTorch differentiate the loss of a copy."""
    module = copy.deepcopy(problem.module)
    nn.functional.cross_entropy(module(problem.inputs), problem.targets).backward()
    return dict(module.named_parameters())


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "a batch norm twice"])
def test_the_noise_of_shared_layers_is_that_of_their_sample_gradients(name):
    problem = landscape(name)
    params = parameters(problem.module)
    spec = discover(problem.module, problem.inputs)
    proof = certify(
        spec, problem.module, params, inputs=problem.inputs, generator=stream("certificate")
    )
    proof.require()
    rows = sample_gradients_one_by_one(problem, params)
    exact = {key: tensor.var(0, correction=0) for key, tensor in rows.items()}
    force = noise_force(spec, problem, params)
    for entries in (gradient_variance(problem, params), force.entries):
        torch.testing.assert_close(entries, exact, rtol=EXACT, atol=EXACT)
    of_batches = noise_force_of_batches(
        spec, problem, params, batch_size=2, batches=4, generator=stream("batches")
    )
    assert of_batches.entries.keys() == exact.keys()
    assert of_batches.variance.keys() == force.variance.keys()
    assert ("hidden1" in force.variance) == (name == "a block in two containers")


@pytest.mark.parametrize("name", ["a layer under two attributes", "tied weights"])
def test_one_weight_that_is_given_twice(name):
    problem = landscape(name)
    params = parameters(problem.module)
    same = {**params, "again.weight": params["first.weight"]}
    assert torch.equal(call_module(problem.module, same, problem.inputs), problem.outputs(params))
    twice = {**params, "again.weight": params["first.weight"] + 1}
    with pytest.raises(SymgeomError, match=r"'first.weight' and 'again.weight' are one"):
        problem.outputs(twice)
