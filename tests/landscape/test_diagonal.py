import pytest
import torch
from cases import batch, mlp, network
from torch import nn
from torch.func import jacrev

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import parameters
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal
from symgeom.landscape.problem import Problem

WIDTHS = (5, 7, 6, 3)

NETWORKS = {
    "mlp": lambda: mlp(*WIDTHS),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)),
        nn.Conv1d(1, 3, 2),
        nn.LeakyReLU(),
        nn.AvgPool1d(2),
        nn.Flatten(),
        nn.Linear(6, 3),
    ),
}


def diagonal_of_the_hessian(problem, params):
    blocks = jacrev(jacrev(problem.loss))(params)
    diagonals = {}
    for name, tensor in params.items():
        size = tensor.numel()
        diagonals[name] = blocks[name][name].reshape(size, size).diagonal().view(tensor.shape)
    return diagonals


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_diagonal_of_the_hessian_of_piecewise_linear_networks(name):
    module = NETWORKS[name]().double()
    params = {n: t.detach() for n, t in parameters(module).items()}
    problem = Problem(module, *batch(30, WIDTHS[0], WIDTHS[-1]))
    diagonal = gauss_newton_diagonal(problem, params)
    for tensor, expected in diagonal_of_the_hessian(problem, params).items():
        torch.testing.assert_close(diagonal[tensor], expected, rtol=1e-10, atol=1e-12)


def test_it_is_not_that_of_the_hessian_of_smooth_networks():
    module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    params = {n: t.detach() for n, t in parameters(module).items()}
    problem = Problem(module, *batch(30, 5, 3))
    diagonal = gauss_newton_diagonal(problem, params)["0.weight"]
    expected = diagonal_of_the_hessian(problem, params)["0.weight"]
    assert bool((diagonal >= 0).all())
    assert float((diagonal - expected).abs().max()) > 1e-3


def test_another_loss_is_refused():
    problem = Problem(mlp(*WIDTHS), *batch(4, 5, 3), lambda outputs, _: outputs[:, 0])
    with pytest.raises(SymgeomError, match="known for the cross entropy of classes only"):
        gauss_newton_diagonal(problem, network(*WIDTHS))
