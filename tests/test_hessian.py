import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import dense_hessian
from torch import nn

from symgeom.checks import SymgeomError
from symgeom.flatness.hessian import hessian_eigenvalues, hessian_vector_product
from symgeom.group import GroupElement, act, identity, random_element
from symgeom.problem import Problem
from symgeom.randomness import stream
from symgeom.types import parameters, ravel, unravel

WIDTHS = (4, 6, 5, 3)
PARAMS = network(*WIDTHS)
INPUTS, TARGETS = batch(71, 4, 3)


def problem(chunk=100):
    return Problem(mlp(*WIDTHS), INPUTS, TARGETS, chunk=chunk)


def mean_loss(params):
    return nn.functional.cross_entropy(torch.func.functional_call(mlp(*WIDTHS), params, (INPUTS,)), TARGETS)


def vector(size, word="v"):
    return torch.randn(size, generator=stream(word), dtype=torch.float64)


DENSE = dense_hessian(mean_loss, PARAMS)


@pytest.mark.parametrize("chunk", [100, 52, 10, 1])
def test_products_with_equal_and_unequal_chunks(chunk):
    v = vector(len(DENSE))
    measured = hessian_vector_product(problem(chunk), PARAMS)
    for _ in range(2):  # the graph survives the first product
        assert (measured(v) - DENSE @ v).abs().max() < 1e-13


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_products_against_curvlinops():
    from curvlinops import HessianLinearOperator  # importing it warns

    module = mlp(*WIDTHS)
    batches = list(zip(INPUTS.split(52), TARGETS.split(52), strict=True))
    theirs = HessianLinearOperator(module, nn.CrossEntropyLoss(), list(module.parameters()), batches)
    v = vector(len(DENSE))
    assert (theirs @ v - hessian_vector_product(problem(52), PARAMS)(v)).abs().max() < 1e-12


@pytest.mark.parametrize("chunk", [100, 52])
def test_eigenvalues_against_the_dense_spectrum(chunk):
    expected = torch.linalg.eigvalsh(DENSE).flip(0)
    found = hessian_eigenvalues(problem(chunk), PARAMS, count=3, tolerance=1e-9, generator=stream("start"))
    assert (found.values - expected[:3]).abs().max() < 1e-9
    assert found.residuals.max() < 1e-9 * expected[0]
    assert found.converged
    assert 0 < found.matvecs < 200


def test_default_tolerance_bounds_the_residuals_and_the_values():
    expected = torch.linalg.eigvalsh(DENSE).flip(0)
    found = hessian_eigenvalues(problem(), PARAMS, count=3, generator=stream("start"))
    assert found.converged
    assert ((found.values - expected[:3]).abs() <= found.residuals + 1e-14).all()
    assert found.residuals.max() <= 1e-3 * expected[0]


def test_the_generator_is_the_only_randomness():
    first, second = (hessian_eigenvalues(problem(), PARAMS, count=3, generator=stream("start")) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert torch.equal(first.residuals, second.residuals)


def diagonal(curvatures):
    """A quadratic whose Hessian is the diagonal matrix of these curvatures."""

    def sample_loss(outputs, targets):
        return len(curvatures) / 2 * targets * outputs.squeeze(1) ** 2

    inputs = torch.eye(len(curvatures), dtype=torch.float64)
    return Problem(nn.Linear(len(curvatures), 1, bias=False), inputs, torch.tensor(curvatures, dtype=torch.float64), sample_loss)


def leading(curvatures, count, **options):
    params = {"weight": torch.ones(1, len(curvatures), dtype=torch.float64)}
    return hessian_eigenvalues(diagonal(curvatures), params, count=count, generator=stream("start"), **options)


@pytest.mark.parametrize("scale", [1.0, 1e-20])
def test_the_algebraically_largest_come_first_at_any_scale(scale):
    found = leading([scale * x for x in (-5.0, 0.5, 2.0, 1.0, -1.0)], 2, tolerance=1e-8)
    assert torch.allclose(found.values, scale * torch.tensor([2.0, 1.0], dtype=torch.float64), rtol=1e-12, atol=0)
    assert found.converged


def test_degenerate_eigenvalues_are_found_reproducibly():
    first, second = (leading([3.0, 3.0, 3.0, 1.0, 1.0, 0.0], 4) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert torch.allclose(first.values, torch.tensor([3.0, 3.0, 3.0, 1.0], dtype=torch.float64))


def test_no_curvature_at_all():
    found = leading([0.0, 0.0, 0.0], 2)
    assert found.values.tolist() == found.residuals.tolist() == [0, 0]
    assert found.converged
    linear = Problem(nn.Linear(3, 1), torch.ones(2, 3), torch.zeros(2, 1), lambda outputs, targets: outputs.sum(1))
    assert hessian_eigenvalues(linear, parameters(nn.Linear(3, 1)), count=1, generator=stream("a")).values.tolist() == [0]


def test_a_solver_that_stops_early_says_so():
    curvatures = [1 + 0.01 * place for place in range(60)]
    found = leading(curvatures, 3, tolerance=1e-12, restarts=1)
    assert not found.converged
    assert len(found.values) == 3
    assert found.values.isnan().any()
    assert torch.equal(found.values.isnan(), found.residuals.isnan())


def test_a_diverged_network_has_no_eigenvalues():
    found = hessian_eigenvalues(problem(), {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan}, count=3, generator=stream("a"))
    assert found.values.isnan().all()
    assert not found.converged


def test_rescaling_moves_the_hessian_by_the_known_factors():
    # L(D theta) = L(theta) for a diagonal gauge D, so that H(D theta) = D^-1 H(theta) D^-1.
    spec = mlp_spec(*WIDTHS).exact()
    scales = random_element(spec, generator=stream("scales")).scales
    gauge = GroupElement(identity(spec).permutations, scales)
    factors = ravel(act(spec, gauge, {name: torch.ones_like(tensor) for name, tensor in PARAMS.items()}))
    v = vector(len(DENSE))
    moved = hessian_vector_product(problem(), act(spec, gauge, PARAMS))(v)
    assert (moved - (DENSE @ (v / factors)) / factors).abs().max() < 1e-12


def test_buffers_are_constants():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double().eval()
    params = parameters(module)
    weights = {name: tensor for name, tensor in params.items() if "running" not in name and "num" not in name}

    def loss(part):
        return nn.functional.cross_entropy(torch.func.functional_call(module, {**params, **part}, (INPUTS,)), TARGETS)

    v = vector(sum(tensor.numel() for tensor in weights.values()))
    expected = dense_hessian(loss, weights) @ v
    assert expected.abs().max() > 0.01
    assert (
        hessian_vector_product(Problem(module, INPUTS, TARGETS, batch_norm="carried"), params)(v) - expected
    ).abs().max() < 1e-13
    # The vector follows the order of the given network, wherever its buffers stand.
    backwards = hessian_vector_product(Problem(module, INPUTS, TARGETS, batch_norm="carried"), dict(reversed(params.items())))
    reverse = ravel(dict(reversed(unravel(v, weights).items())))
    assert (backwards(reverse) - ravel(dict(reversed(unravel(expected, weights).items())))).abs().max() < 1e-13


@pytest.mark.parametrize("count", [0, 3])
def test_more_eigenvalues_than_there_are(count):
    with pytest.raises(SymgeomError, match=f"find {count} eigenvalues of a Hessian of 3 parameters: ask for 1 to 2"):
        leading([1.0, 2.0, 3.0], count)
