"""Teleportation on the data-dependent orbit of a batch."""

import pytest
import torch
from cases import batch, mlp
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.neighbours.action import data_dependent_action
from symgeom.neighbours.teleportation import OBJECTIVES, teleport
from symgeom.neighbours.teleportation.batch_orbit import BatchOrbit
from symgeom.neighbours.teleportation.flattest import FLATTEST
from symgeom.neighbours.teleportation.linear_orbit import LinearOrbit
from symgeom.neighbours.teleportation.measured import Measured
from symgeom.neighbours.teleportation.objective import Locality
from symgeom.neighbours.teleportation.orbit import Spent
from symgeom.neighbours.teleportation.search import search
from symgeom.symmetry.discovery import discover

ROUNDING = 1e-12
INDEX = torch.tensor([0, 3, 5])


@pytest.fixture(params=[nn.Tanh, nn.ReLU])
def case(request):
    module = mlp(3, 5, 4, 2, activation=request.param, seed=2)
    inputs, targets = batch(12, 3, 2)
    return discover(module, inputs), Problem(module, inputs, targets), parameters(module)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_slopes_along_the_orbit_are_differences(case, objective):
    """Central differences of numbers that are measured at moved networks."""
    spec, problem, params = case
    orbit = BatchOrbit(spec, problem, params, INDEX)
    generator = stream("batch orbit")
    place, way = torch.randn(2, orbit.dimension, generator=generator, dtype=torch.float64) / 5
    place.requires_grad_()
    value = OBJECTIVES[objective].measure(orbit.locality(place))
    (slope,) = torch.autograd.grad(value, place)

    def number(step: float) -> float:
        elements = orbit.elements((place + step * way).detach())
        move = data_dependent_action(spec, problem, params, elements, index=INDEX)
        around = Measured(problem.subset(INDEX), move.params, Spent())
        return float(OBJECTIVES[objective].measure(around).detach())

    difference = (number(1e-5) - number(-1e-5)) / 2e-5
    assert float(slope @ way) == pytest.approx(difference, rel=1e-6)
    assert float(value.detach()) == pytest.approx(number(0.0), rel=1e-9)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_outputs_stay_on_the_batch_and_only_there(case, objective):
    spec, problem, params = case
    moved = teleport(spec, problem, params, objective, bound=0.5, index=INDEX)
    few = problem.subset(INDEX)
    outputs = few.outputs(params)
    torch.testing.assert_close(few.outputs(moved.params), outputs, rtol=1e-6, atol=1e-6)
    again = data_dependent_action(spec, problem, params, moved.elements, index=INDEX)
    assert moved.change < ROUNDING * max(again.condition.values())
    assert moved.held_out == pytest.approx(again.held_out)
    assert moved.held_out > 1e-3
    around = Measured(few, moved.params, Spent())
    number = float(OBJECTIVES[objective].measure(around).detach())
    assert number == pytest.approx(moved.after, rel=1e-9)
    for matrix in moved.elements.values():
        assert torch.linalg.svdvals(matrix).log().abs().max() <= 0.5 + ROUNDING


def test_more_is_in_reach_than_by_scales():
    """Scales are data-dependent moves, too, exact on all samples."""
    module = mlp(3, 5, 2, activation=nn.LeakyReLU, seed=2)
    inputs, targets = batch(12, 3, 2)
    spec = discover(module, inputs)
    problem = Problem(module, inputs, targets)
    params = parameters(module)
    few = problem.subset(INDEX)
    scaled = teleport(spec, few, params, "flattest", bound=0.2)
    mixed = teleport(spec, problem, params, "flattest", bound=1.0, index=INDEX)
    assert mixed.before == pytest.approx(scaled.before)
    assert mixed.after < scaled.after
    assert mixed.dimension == 25
    orbit = BatchOrbit(spec, problem, params, INDEX)
    generator = stream("matrices")
    for _ in range(100):
        place = 2 * torch.rand(orbit.dimension, generator=generator, dtype=torch.float64) - 1
        assert float(orbit.locality(place).trace().detach()) >= mixed.after


def test_what_was_computed_is_counted(case):
    spec, problem, params = case
    moved = teleport(spec, problem, params, "straightest", bound=0.2, index=INDEX)
    assert moved.products == 3 * moved.gradients
    moved = teleport(spec, problem, params, "flattest", bound=0.2, index=INDEX)
    assert moved.products == moved.gradients
    assert moved.gradients % 2 == 0  # one for each class
    single = teleport(
        spec,
        problem.cast(torch.float32),
        cast(params, torch.float32),
        "flattest",
        bound=0.2,
        index=INDEX,
    )
    assert single.params["0.weight"].dtype == torch.float32
    assert single.before == pytest.approx(moved.before, rel=1e-5)
    assert single.after == pytest.approx(moved.after, rel=1e-2)  # of a search that ends otherwise


def test_a_batch_that_the_action_refuses_is_refused(case):
    spec, problem, params = case
    with pytest.raises(SymgeomError, match="Give at most 5 samples, or ask"):
        teleport(spec, problem, params, "steepest", bound=0.5, index=torch.arange(6))


def test_the_search_stays_before_points_that_the_action_refuses():
    """A wall across the best way of scales: the search ends on this side of it."""
    module = mlp(3, 5, 4, 2, seed=2)
    inputs, targets = batch(12, 3, 2)
    spec = discover(module, inputs)
    problem = Problem(module, inputs, targets)
    params = parameters(module)
    free = search(LinearOrbit(spec, problem, params), FLATTEST, bound=2.0, evaluations=50)
    wall = float(free.coordinates.abs().max()) / 2

    class Walled(LinearOrbit):
        def locality(self, coordinates: Tensor) -> Locality:
            """Refuse what is far from the origin."""
            if coordinates.detach().abs().max() > wall:
                raise SymgeomError("Cannot mix the units: no full rank.")
            return super().locality(coordinates)

    best = search(Walled(spec, problem, params), FLATTEST, bound=2.0, evaluations=50)
    assert best.coordinates.abs().max() <= wall
    assert free.after < best.after < best.before
