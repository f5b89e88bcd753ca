import pytest
import torch
from cases import batch, mlp, network
from torch import nn
from torch.func import jacrev

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import parameters
from symgeom.landscape.flatness import diagonal
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal, is_linear_by_layer
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
    found = gauss_newton_diagonal(problem, params)
    for tensor, expected in diagonal_of_the_hessian(problem, params).items():
        torch.testing.assert_close(found[tensor], expected, rtol=1e-10, atol=1e-12)


def test_it_is_not_that_of_the_hessian_of_smooth_networks():
    module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    params = {n: t.detach() for n, t in parameters(module).items()}
    problem = Problem(module, *batch(30, 5, 3))
    found = gauss_newton_diagonal(problem, params)["0.weight"]
    expected = diagonal_of_the_hessian(problem, params)["0.weight"]
    assert bool((found >= 0).all())
    assert float((found - expected).abs().max()) > 1e-3


def test_passes_over_parts_of_the_samples_add_up(monkeypatch):
    problem, params = Problem(mlp(*WIDTHS), *batch(30, 5, 3)), network(*WIDTHS)
    whole = gauss_newton_diagonal(problem, params)
    monkeypatch.setattr(diagonal, "ROWS", 20)
    torch.testing.assert_close(gauss_newton_diagonal(problem, params), whole)


def test_a_layer_that_is_used_twice_makes_outputs_curved():
    module = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3))
    module = module.double()
    problem = Problem(module, *batch(30, 5, 3))
    assert is_linear_by_layer(problem, parameters(module))
    module[2].weight = module[0].weight
    tied = Problem(module, *batch(30, 5, 3))
    assert not is_linear_by_layer(tied, parameters(module))


def test_another_loss_is_refused():
    problem = Problem(mlp(*WIDTHS), *batch(4, 5, 3), lambda outputs, _: outputs[:, 0])
    with pytest.raises(SymgeomError, match="known for the cross entropy of classes only"):
        gauss_newton_diagonal(problem, network(*WIDTHS))
