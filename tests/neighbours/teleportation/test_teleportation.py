"""Teleportation on the linear orbit: closed forms, grids and dense Hessians stand beside it."""

import itertools

import numpy as np
import pytest
import torch
from cases import batch, lenet, mlp, mlp_spec, network, randomised
from references import dense_hessian
from scipy.linalg import sqrtm
from torch import Tensor, nn

from symgeom.dynamics.fibre import move_to_point
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, ravel
from symgeom.landscape.flatness.diagonal import gauss_newton_diagonal
from symgeom.landscape.problem import Problem
from symgeom.neighbours.teleportation import OBJECTIVES, move, teleport
from symgeom.neighbours.teleportation.linear_orbit import LinearOrbit
from symgeom.neighbours.teleportation.measured import Measured
from symgeom.neighbours.teleportation.orbit import Spent
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

ROUNDING = 1e-12
SEARCHED = 1e-6
"""Relative error of a number that a search has made smallest: the square of that of the point."""

NETWORKS = {
    "mlp": (lambda: mlp(4, 5, 3, 2), (4,)),
    "convolutions": (lenet, (1, 8, 8)),
    "linear": (lambda: mlp(3, 4, 2, activation=nn.Identity), (3,)),
    "mixed": (lambda: nn.Sequential(*mlp(3, 3, 4), nn.ReLU(), nn.Linear(4, 2)), (3,)),
}


@pytest.fixture(params=NETWORKS)
def case(request):
    build, shape = NETWORKS[request.param]
    module = randomised(build())
    inputs = torch.randn(12, *shape, generator=stream("teleport"), dtype=torch.float64)
    outputs = module(inputs[:1]).shape[-1]
    _, targets = batch(12, 1, outputs)
    params = cast(parameters(module), torch.float64)
    return discover(module, inputs[:2]), Problem(module, inputs, targets), params


class Product(nn.Module):
    """The output u w x beside a zero."""

    def __init__(self, u: float, w: float) -> None:
        super().__init__()
        self.u = nn.Parameter(torch.tensor([u], dtype=torch.float64))
        self.w = nn.Parameter(torch.tensor([w], dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        """Multiply."""
        product = self.u * self.w * inputs
        return torch.cat([product, torch.zeros_like(product)], 1)


PRODUCT_SPEC = SymmetrySpec((UnitGroup("hidden", 1, (Leg("u", 0), Leg("w", 0, power=-1))),))


def product_landscape(u: float, w: float) -> tuple[Problem, float, float]:
    """Return the landscape, and the first two derivatives of the loss by the product u w."""
    module = Product(u, w)
    inputs = torch.tensor([[1.5], [-0.5], [2.0]], dtype=torch.float64)
    targets = torch.tensor([0, 0, 1])
    x, sign = inputs.flatten().numpy(), np.array([-1.0, -1.0, 1.0])
    wrong = 1 / (1 + np.exp(-sign * u * w * x))
    slope = np.mean(sign * x * wrong)
    bend = np.mean(x**2 * wrong * (1 - wrong))
    return Problem(module, inputs, targets), slope, bend


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("start", [(1.2, 0.4), (-0.3, 1.1), (0.7, 0.7), (2.0, -1.5)])
def test_a_product_is_where_closed_forms_say(start, bound):
    """All depends on s = u^2 + w^2: g^2 = l'^2 s, trace l'' s, curvature l'' s + 2 l' u w / s."""
    u, w = start
    problem, slope, bend = product_landscape(u, w)
    params = parameters(problem.module)
    ends = [u**2 * np.exp(2 * b) + w**2 * np.exp(-2 * b) for b in (-bound, bound)]
    balance = np.clip(np.log(abs(w / u)) / 2, -bound, bound)
    least = u**2 * np.exp(2 * balance) + w**2 * np.exp(-2 * balance)
    moved = teleport(PRODUCT_SPEC, problem, params, "steepest", bound=bound)
    assert moved.after == pytest.approx(abs(slope) * max(ends) ** 0.5, rel=ROUNDING)
    assert moved.verdict == "at the bound"
    assert moved.elements["hidden"].log().abs() == pytest.approx(bound)
    assert (moved.gradients, moved.products) == (1, 0)
    moved = teleport(PRODUCT_SPEC, problem, params, "flattest", bound=bound)
    assert moved.after == pytest.approx(bend * least, rel=SEARCHED)
    assert moved.verdict == ("at the bound" if abs(balance) == bound else "inside")
    moved = teleport(PRODUCT_SPEC, problem, params, "straightest", bound=bound)
    best = least
    if slope * u * w > 0:
        best = np.clip((2 * slope * u * w / bend) ** 0.5, least, max(ends))
    assert moved.after == pytest.approx(bend * best + 2 * slope * u * w / best, rel=SEARCHED)


def test_what_is_carried_along_an_orbit_is_what_is_measured_there(case):
    """And so are derivatives along the orbit, of the dense Hessian the first of all."""
    spec, problem, params = case
    orbit = LinearOrbit(spec, problem, params)
    noise = torch.randn(orbit.dimension, generator=stream("place"), dtype=torch.float64)
    place = (0.3 * noise).requires_grad_()
    moved = act(orbit.moved, orbit.element(orbit.elements(place)), params)
    carried, measured = orbit.locality(place), Measured(problem, moved, Spent())
    for objective in OBJECTIVES.values():
        numbers, slopes = [], []
        for around in (carried, measured):
            number = objective.measure(around)
            numbers.append(number.detach())
            slopes.append(torch.autograd.grad(number, place, retain_graph=True)[0])
        torch.testing.assert_close(*numbers, rtol=1e-10, atol=0)
        torch.testing.assert_close(*slopes, rtol=1e-8, atol=1e-10)


def test_what_is_measured_is_what_the_dense_hessian_says():
    module = mlp(3, 4, 2)
    inputs, targets = batch(12, 3, 2)
    params = network(3, 4, 2)
    problem = Problem(module, inputs, targets)
    hessian = dense_hessian(problem.loss, params)
    slope = ravel(problem.gradient(params))
    around = Measured(problem, params, Spent())
    expected = slope @ hessian @ slope
    torch.testing.assert_close(around.squared_gradient().detach(), slope @ slope)
    torch.testing.assert_close(around.curvature_along_gradient().detach(), expected)
    torch.testing.assert_close(around.trace().detach(), hessian.trace())


@pytest.mark.parametrize("bound", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_steepest_is_the_best_of_all_corners(seed, bound):
    """The objective is convex, so that its largest value lies in one of the 2^5 corners."""
    module = mlp(3, 3, 2, 2, seed=seed)
    inputs, targets = batch(10, 3, 2, seed=seed)
    params = network(3, 3, 2, 2, seed=seed)
    spec, problem = mlp_spec(3, 3, 2, 2), Problem(module, inputs, targets)
    moved = teleport(spec, problem, params, "steepest", bound=bound)
    orbit = LinearOrbit(spec, problem, params)
    lengths = []
    for corner in itertools.product((-bound, bound), repeat=5):
        scales = orbit.elements(torch.tensor(corner, dtype=torch.float64))
        there = act(spec.exact(), orbit.element(scales), params)
        lengths.append(float(ravel(problem.gradient(there)).norm()))
    assert moved.after == pytest.approx(max(lengths), rel=ROUNDING)
    there = problem.gradient(moved.params)
    assert moved.after == pytest.approx(float(ravel(there).norm()), rel=ROUNDING)


@pytest.mark.parametrize("bound", [0.5, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_straightest_and_flattest_are_the_best_of_a_grid(seed, bound):
    module = mlp(3, 2, 2, seed=seed)
    inputs, targets = batch(10, 3, 2, seed=seed)
    params = network(3, 2, 2, seed=seed)
    spec, problem = mlp_spec(3, 2, 2), Problem(module, inputs, targets)
    slope = ravel(problem.gradient(params)).numpy()
    hessian = dense_hessian(problem.loss, params).numpy()
    owner = {"0.weight": [0, 0, 0, 1, 1, 1], "0.bias": [0, 1], "2.weight": [0, 1, 0, 1]}
    powers = np.zeros((len(slope), 2))
    for name, sign, first in (("0.weight", 1, 0), ("0.bias", 1, 6), ("2.weight", -1, 8)):
        for entry, unit in enumerate(owner[name]):
            powers[first + entry, unit] = sign
    ticks = np.linspace(-bound, bound, 81)
    exponents = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    back = np.exp(-exponents @ powers.T)
    slopes = slope * back
    images = back * ((back * slopes) @ hessian)
    curvature = (slopes * images).sum(1) / (slopes**2).sum(1)
    trace = (hessian.diagonal() * back**2).sum(1)
    for name, values in (("straightest", curvature), ("flattest", trace)):
        moved = teleport(spec, problem, params, name, bound=bound)
        assert moved.after <= values.min() + SEARCHED * abs(values.min())
        assert moved.after >= values.min() - 0.01 * abs(values.min())


def test_without_a_bound_in_the_way_flattest_is_the_named_point_of_the_orbit():
    module = randomised(lenet())
    inputs = torch.randn(12, 1, 8, 8, generator=stream("teleport"), dtype=torch.float64)
    problem = Problem(module, inputs, batch(12, 1, 3)[1])
    spec, params = discover(module, inputs[:2]), cast(parameters(module), torch.float64)
    moved = teleport(spec, problem, params, "flattest", bound=8.0)
    expected, _ = move_to_point(spec, problem, params, "flattest")
    assert moved.verdict == "inside"
    least = sum(
        float(entries.sum()) for entries in gauss_newton_diagonal(problem, expected).values()
    )
    assert least * (1 - ROUNDING) <= moved.after <= least * (1 + 1e-4)
    for name, tensor in expected.items():
        torch.testing.assert_close(moved.params[name], tensor, rtol=0.1, atol=0.01)


def test_mixed_units_are_flattest_where_the_geometric_mean_leads():
    """tr(A P^-1) + tr(B P) is smallest, over positive P, at 2 tr (A^1/2 B A^1/2)^1/2."""
    module = mlp(3, 2, 3, activation=nn.Identity, bias=False)
    inputs, targets = batch(10, 3, 3)
    problem, params = Problem(module, inputs, targets), parameters(module)
    moved = teleport(discover(module, inputs), problem, params, "flattest", bound=4.0)
    incoming, outgoing = np.zeros((2, 2)), np.zeros((2, 2))
    for sample in inputs:
        probabilities = problem.batch_outputs(params, sample[None]).softmax(-1)[0]
        for label, share in enumerate(probabilities):
            one = problem.subset(torch.tensor([0])).relabel(torch.tensor([label]))
            one.inputs[:] = sample
            slopes = one.gradient(params)
            incoming += float(share) * (slopes["0.weight"] @ slopes["0.weight"].T).numpy() / 10
            outgoing += float(share) * (slopes["2.weight"].T @ slopes["2.weight"]).numpy() / 10
    root = sqrtm(incoming)
    assert moved.after == pytest.approx(2 * np.trace(sqrtm(root @ outgoing @ root)), rel=SEARCHED)
    assert moved.verdict == "inside"
    sizes = torch.linalg.svdvals(moved.elements["hidden1"]).log().abs()
    assert sizes.max() <= 4.0


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_function_stays_and_the_objective_does_not_get_worse(case, objective):
    spec, problem, params = case
    moved = teleport(spec, problem, params, objective, bound=0.7)
    torch.testing.assert_close(problem.outputs(moved.params), problem.outputs(params))
    assert moved.change < ROUNDING
    assert np.isnan(moved.held_out)
    better = moved.after >= moved.before if objective == "steepest" else moved.after <= moved.before
    assert better
    assert moved.after != moved.before
    around = Measured(problem, moved.params, Spent())
    number = float(OBJECTIVES[objective].measure(around).detach())
    assert number == pytest.approx(moved.after, rel=1e-9)


def test_no_random_mixture_within_the_bound_is_steeper():
    module = mlp(3, 3, 2, activation=nn.Identity)
    inputs, targets = batch(10, 3, 2)
    spec = discover(module, inputs)
    problem = Problem(module, inputs, targets)
    params = parameters(module)
    moved = teleport(spec, problem, params, "steepest", bound=0.5)
    orbit = LinearOrbit(spec, problem, params)
    generator = stream("mixtures")
    for number in range(300):
        place = torch.rand(orbit.dimension, generator=generator, dtype=torch.float64) - 0.5
        place = place.sign() / 2 if number % 2 else place
        assert orbit.locality(place).squared_gradient().sqrt() <= moved.after * (1 + ROUNDING)


def test_bounds_and_ends_are_part_of_the_result(monkeypatch):
    module = mlp(3, 3, 2)
    inputs, targets = batch(10, 3, 2)
    spec, problem, params = mlp_spec(3, 3, 2), Problem(module, inputs, targets), parameters(module)
    nowhere = teleport(spec, problem, params, "steepest", bound=0.0)
    assert (nowhere.params["0.weight"] == params["0.weight"]).all()
    assert nowhere.after == nowhere.before
    single = teleport(
        spec, problem.cast(torch.float32), cast(params, torch.float32), "flattest", bound=1.0
    )
    assert single.params["0.weight"].dtype == torch.float32
    assert (single.bound, single.dimension, single.objective) == (1.0, 3, "flattest")
    monkeypatch.setattr(move, "EVALUATIONS", 2)
    early = teleport(spec, problem, params, "straightest", bound=1.0)
    assert early.verdict == "unfinished"
    assert early.products <= 4


def test_units_stay_where_nothing_is_decided():
    """A unit that is dead on all samples, and one with a frozen weight."""
    module = mlp(3, 3, 3, 2)
    with torch.no_grad():
        module[0].bias[1] = -1e3
    module[4].weight.requires_grad_(False)
    inputs, targets = batch(10, 3, 2)
    problem, params = Problem(module, inputs, targets), parameters(module)
    moved = teleport(mlp_spec(3, 3, 3, 2), problem, params, "steepest", bound=1.0)
    assert list(moved.elements) == ["hidden1"]
    assert moved.elements["hidden1"][1] == 1.0
    assert moved.at_bound == 2


def test_bad_requests_are_named():
    module = mlp(3, 3, 2)
    inputs, targets = batch(10, 3, 2)
    spec, problem, params = mlp_spec(3, 3, 2), Problem(module, inputs, targets), parameters(module)
    with pytest.raises(SymgeomError, match="Unknown objective of teleportation 'flat': choose one"):
        teleport(spec, problem, params, "flat", bound=1.0)
    with pytest.raises(SymgeomError, match="Cannot use 11.0 as the bound of teleportation"):
        teleport(spec, problem, params, "steepest", bound=11.0)
    with pytest.raises(SymgeomError, match="no group of the spec has positive scales or mixes"):
        teleport(SymmetrySpec(()), problem, params, "steepest", bound=1.0)

    def squared(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets[:, None]).square().sum(1)

    real = Problem(module, inputs, targets.double(), squared)
    with pytest.raises(SymgeomError, match="known for the cross entropy of classes only"):
        teleport(spec, real, params, "flattest", bound=1.0)
    linear = mlp(3, 3, 2, activation=nn.Identity)
    mixed = Problem(linear, inputs, targets.double(), squared)
    with pytest.raises(SymgeomError, match="Cannot look for the smallest trace of the Gauss-New"):
        teleport(discover(linear, inputs), mixed, parameters(linear), "flattest", bound=1.0)
    straight = teleport(spec, real, params, "straightest", bound=1.0)
    assert straight.after < straight.before
