import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import dense_hessian
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, ravel, unravel
from symgeom.landscape.flatness import eigenpairs
from symgeom.landscape.flatness.hessian import hessian_eigenvalues, hessian_vector_product
from symgeom.landscape.flatness.parts import layers
from symgeom.landscape.problem import Problem
from symgeom.symmetry.group import GroupElement, act, identity, random_element

WIDTHS = (4, 6, 5, 3)
PARAMS = network(*WIDTHS)
INPUTS, TARGETS = batch(71, 4, 3)


def problem(chunk=100):
    return Problem(mlp(*WIDTHS), INPUTS, TARGETS, chunk=chunk)


def mean_loss(params):
    return nn.functional.cross_entropy(
        torch.func.functional_call(mlp(*WIDTHS), params, (INPUTS,)), TARGETS
    )


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
    theirs = HessianLinearOperator(
        module, nn.CrossEntropyLoss(), list(module.parameters()), batches
    )
    v = vector(len(DENSE))
    assert (theirs @ v - hessian_vector_product(problem(52), PARAMS)(v)).abs().max() < 1e-12


@pytest.mark.parametrize("chunk", [100, 52])
def test_eigenvalues_against_the_dense_spectrum(chunk):
    expected = torch.linalg.eigvalsh(DENSE).flip(0)
    found = hessian_eigenvalues(
        problem(chunk), PARAMS, count=3, tolerance=1e-9, generator=stream("start")
    )
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
    first, second = (
        hessian_eigenvalues(problem(), PARAMS, count=3, generator=stream("start")) for _ in range(2)
    )
    assert torch.equal(first.values, second.values)
    assert torch.equal(first.residuals, second.residuals)


def diagonal(curvatures):
    """A quadratic whose Hessian is the diagonal matrix of these curvatures."""

    def sample_loss(outputs, targets):
        return len(curvatures) / 2 * targets * outputs.squeeze(1) ** 2

    inputs = torch.eye(len(curvatures), dtype=torch.float64)
    return Problem(
        nn.Linear(len(curvatures), 1, bias=False),
        inputs,
        torch.tensor(curvatures, dtype=torch.float64),
        sample_loss,
    )


def leading(curvatures, count, **options):
    params = {"weight": torch.ones(1, len(curvatures), dtype=torch.float64)}
    return hessian_eigenvalues(
        diagonal(curvatures), params, count=count, generator=stream("start"), **options
    )


@pytest.mark.parametrize("scale", [1.0, 1e-20])
def test_the_algebraically_largest_come_first_at_any_scale(scale):
    found = leading([scale * x for x in (-5.0, 0.5, 2.0, 1.0, -1.0)], 2, tolerance=1e-8)
    assert torch.allclose(
        found.values, scale * torch.tensor([2.0, 1.0], dtype=torch.float64), rtol=1e-12, atol=0
    )
    assert found.converged


def test_degenerate_eigenvalues_are_found_reproducibly():
    first, second = (leading([3.0, 3.0, 3.0, 1.0, 1.0, 0.0], 4) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert torch.allclose(first.values, torch.tensor([3.0, 3.0, 3.0, 1.0], dtype=torch.float64))


def test_all_eigenvalues_there_are():
    found = leading([1.0, -2.0, 3.0], 3)
    assert torch.allclose(
        found.values, torch.tensor([3.0, 1.0, -2.0], dtype=torch.float64), rtol=1e-12
    )
    assert found.converged


def test_no_curvature_at_all():
    found = leading([0.0, 0.0, 0.0], 2)
    assert found.values.tolist() == found.residuals.tolist() == [0, 0]
    assert found.converged
    linear = Problem(
        nn.Linear(3, 1),
        torch.ones(2, 3),
        torch.zeros(2, 1),
        lambda outputs, targets: outputs.sum(1),
    )
    assert hessian_eigenvalues(
        linear, parameters(nn.Linear(3, 1)), count=1, generator=stream("a")
    ).values.tolist() == [0]


def test_a_solver_that_stops_early_says_so(monkeypatch):
    monkeypatch.setattr(eigenpairs, "BUDGET", 6)
    found = leading([1 + 0.01 * place for place in range(60)], 3, tolerance=1e-12)
    assert not found.converged
    assert len(found.values) == 3
    assert found.values.isnan().any()
    assert (found.residuals[found.values.isnan()] > 1e-12).all()
    assert found.matvecs <= 20 + 3 * 6


def test_restarts_find_eigenvalues_that_lie_close():
    curvatures = [1 + 0.01 * place for place in range(60)]
    found = leading(curvatures, 3, tolerance=1e-8)
    assert found.converged
    assert found.matvecs > 20 + 20  # more than both bases hold
    assert torch.allclose(
        found.values, torch.tensor(curvatures[:-4:-1], dtype=torch.float64), rtol=1e-12, atol=0
    )


def test_a_search_that_overflows_is_left_out():
    found = leading([2e50, 1e50, 0.0], 2, tolerance=1e-8)
    assert torch.allclose(
        found.values, torch.tensor([2e50, 1e50], dtype=torch.float64), rtol=1e-12, atol=0
    )
    assert found.converged


def test_eigenvalues_of_one_layer():
    names = ["2.weight", "2.bias"]
    place = ravel(
        {name: torch.full_like(tensor, float(name in names)) for name, tensor in PARAMS.items()}
    ).bool()
    block = DENSE[place][:, place]
    v = vector(len(block))
    assert (
        hessian_vector_product(problem(52), PARAMS, tensors=names)(v) - block @ v
    ).abs().max() < 1e-13
    found = hessian_eigenvalues(
        problem(), PARAMS, count=2, tolerance=1e-8, tensors=names, generator=stream("start")
    )
    assert (found.values - torch.linalg.eigvalsh(block).flip(0)[:2]).abs().max() < 1e-12
    everything = hessian_eigenvalues(problem(), PARAMS, count=2, generator=stream("start"))
    named = hessian_eigenvalues(
        problem(), PARAMS, count=2, tensors=set(PARAMS), generator=stream("start")
    )
    assert torch.equal(named.values, everything.values)


def test_against_arpack():
    operator = LinearOperator(
        DENSE.shape,
        matvec=lambda v: (DENSE @ torch.from_numpy(v.reshape(-1))).numpy(),
        dtype=np.float64,
    )
    theirs = np.sort(
        eigsh(operator, k=4, which="LA", v0=np.ones(len(DENSE)), rng=np.random.default_rng(0))[0]
    )[::-1].copy()
    found = hessian_eigenvalues(
        problem(), PARAMS, count=4, tolerance=1e-7, generator=stream("start")
    )
    assert (found.values - torch.from_numpy(theirs)).abs().max() < 1e-12


def test_single_precision_is_cast():
    small = cast(PARAMS, torch.float32)
    found = hessian_eigenvalues(
        problem().cast(torch.float32), small, count=2, generator=stream("start")
    )
    exact = hessian_eigenvalues(
        problem(), cast(small, torch.float64), count=2, generator=stream("start")
    )
    assert found.values.dtype == torch.float64
    assert torch.allclose(found.values, exact.values, rtol=1e-6)


def test_layers_are_named_by_their_modules():
    assert layers(problem(), PARAMS) == {str(i): [f"{i}.weight", f"{i}.bias"] for i in (0, 2, 4)}
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double()
    found = layers(Problem(module, INPUTS, TARGETS, batch_norm="carried"), parameters(module))
    assert found["1"] == ["1.weight", "1.bias"]


@pytest.mark.parametrize("tensors", [["0.weight", "9.weight"], ["running_mean"], []])
def test_tensors_that_are_not_there(tensors):
    with pytest.raises(SymgeomError, match="Cannot restrict a measure to the tensors"):
        hessian_eigenvalues(problem(), PARAMS, count=1, tensors=tensors, generator=stream("start"))


def test_recomputed_statistics_are_refused():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    landscape = Problem(module, INPUTS, TARGETS, batch_norm="recompute", training_inputs=INPUTS)
    with pytest.raises(
        SymgeomError,
        match="Cannot differentiate a loss twice whose batch norms use recomputed statistics",
    ):
        hessian_eigenvalues(landscape, parameters(module), count=1, generator=stream("start"))


def test_a_diverged_network_has_no_eigenvalues():
    found = hessian_eigenvalues(
        problem(),
        {**PARAMS, "2.bias": PARAMS["2.bias"] * torch.nan},
        count=3,
        generator=stream("a"),
    )
    assert found.values.isnan().all()
    assert not found.converged


def test_rescaling_moves_the_hessian_by_the_known_factors():
    # L(D theta) = L(theta) for a diagonal gauge D, so that H(D theta) = D^-1 H(theta) D^-1.
    spec = mlp_spec(*WIDTHS).exact()
    scales = random_element(spec, generator=stream("scales")).scales
    gauge = GroupElement(identity(spec).permutations, scales)
    factors = ravel(
        act(spec, gauge, {name: torch.ones_like(tensor) for name, tensor in PARAMS.items()})
    )
    v = vector(len(DENSE))
    moved = hessian_vector_product(problem(), act(spec, gauge, PARAMS))(v)
    assert (moved - (DENSE @ (v / factors)) / factors).abs().max() < 1e-12


def test_buffers_are_constants():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double().eval()
    params = parameters(module)
    weights = {
        name: tensor
        for name, tensor in params.items()
        if "running" not in name and "num" not in name
    }

    def loss(part):
        return nn.functional.cross_entropy(
            torch.func.functional_call(module, {**params, **part}, (INPUTS,)), TARGETS
        )

    v = vector(sum(tensor.numel() for tensor in weights.values()))
    expected = dense_hessian(loss, weights) @ v
    assert expected.abs().max() > 0.01
    assert (
        hessian_vector_product(Problem(module, INPUTS, TARGETS, batch_norm="carried"), params)(v)
        - expected
    ).abs().max() < 1e-13
    # The vector follows the order of the given network, wherever its buffers stand.
    backwards = hessian_vector_product(
        Problem(module, INPUTS, TARGETS, batch_norm="carried"), dict(reversed(params.items()))
    )
    reverse = ravel(dict(reversed(unravel(v, weights).items())))
    assert (
        backwards(reverse) - ravel(dict(reversed(unravel(expected, weights).items())))
    ).abs().max() < 1e-13


@pytest.mark.parametrize("count", [0, 4])
def test_more_eigenvalues_than_there_are(count):
    with pytest.raises(
        SymgeomError, match=f"find {count} eigenvalues of a Hessian of 3 parameters: ask for 1 to 3"
    ):
        leading([1.0, 2.0, 3.0], count)
