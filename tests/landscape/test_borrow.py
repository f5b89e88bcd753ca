"""A module that borrows tensors, beside functional_call."""

import pytest
import torch
from cases import ARCHITECTURES, randomised
from torch import nn
from torch.func import functional_call

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem.borrow import Borrower


class Tied(nn.Module):
    """Two layers of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(inputs).relu())


@pytest.mark.parametrize("name", ["batch norm kept", "residual", "tied"])
def test_what_is_lent_is_used_and_the_original_stays(name):
    make, shape = (Tied, (3,)) if name == "tied" else ARCHITECTURES[name][:2]
    module, lent = (randomised(make(), seed).eval() for seed in (1, 2))
    before, network = parameters(module), parameters(lent)
    inputs = torch.randn(5, *shape, generator=stream(name), dtype=torch.float64)
    borrower = Borrower(module, torch.float64)
    borrower.lend(network)
    assert torch.equal(borrower.module(inputs), functional_call(lent, network, (inputs,)))
    for tensor in network.values():  # in place
        if tensor.is_floating_point():
            tensor.mul_(0.5)
    assert torch.equal(borrower.module(inputs), functional_call(lent, network, (inputs,)))
    assert all(torch.equal(tensor, before[key]) for key, tensor in parameters(module).items())


def test_gradients_are_those_at_what_is_lent():
    module, network = randomised(Tied(), 1), parameters(randomised(Tied(), 2))
    borrower, inputs = (
        Borrower(module, torch.float64),
        torch.randn(4, 3, dtype=torch.float64, generator=stream("any")),
    )
    borrower.lend(network)
    leaves = dict(borrower.module.named_parameters())
    found = torch.autograd.grad(borrower.module(inputs).square().sum(), list(leaves.values()))
    expected = torch.func.grad(
        lambda lent: functional_call(module, lent, (inputs,)).square().sum()
    )(network)
    for name, tensor in zip(leaves, found, strict=True):
        assert torch.allclose(tensor, expected[name], rtol=1e-12)
