"""The escape angle: closed forms on the circle, and what must not change it."""

import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, ravel, unravel
from symgeom.landscape.flatness.circles import GreatCircles
from symgeom.landscape.flatness.escape import HALVINGS, QUARTER_TURN, STEPS, escape_angle
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus
from symgeom.symmetry.group import GroupElement, act, identity, random_element
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 12, 9, 3)
SPEC = mlp_spec(*WIDTHS)
TORUS = Torus(SPEC)
RESOLUTION = QUARTER_TURN / STEPS / 2**HALVINGS


def labelled_by_the_network():
    """A network and data that it classifies without error."""
    params = network(*WIDTHS)
    inputs, targets = batch(120, 5, 3)
    labels = Problem(mlp(*WIDTHS), inputs, targets).outputs(params).argmax(1)
    return Problem(mlp(*WIDTHS), inputs, labels, chunk=50), params


PROBLEM, PARAMS = labelled_by_the_network()


def escape(problem, params, torus=TORUS, *, rise=0.05, draws=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return escape_angle(problem, params, torus=torus, draws=draws, generator=generator, rise=rise)


class HalfPlane(nn.Module):
    """Class 1 where the inputs are on the side of the weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        side = inputs @ self.weight.T
        return torch.cat([torch.zeros_like(side), side], dim=1)


DEGREES = torch.tensor([80.0, 61.0, 37.0, 20.0, 5.0], dtype=torch.float64)
CIRCLE = Torus(SymmetrySpec((UnitGroup("head", 1, (Leg("weight", 0),), permute=False),)))


def half_plane() -> Problem:
    """Ten samples of class 1, in pairs on both sides of the direction (1, 0)."""
    degrees = torch.cat([DEGREES, -DEGREES]).deg2rad()
    inputs = torch.stack([degrees.cos(), degrees.sin()], dim=1)
    return Problem(HalfPlane(), inputs, torch.ones(10, dtype=torch.int64))


@pytest.mark.parametrize("length", [1.0, 0.25])
@pytest.mark.parametrize(("lost", "rise"), [(1, 0.05), (1, 0.1), (2, 0.11), (3, 0.3), (5, 0.5)])
def test_a_linear_classifier_on_the_circle_loses_samples_at_known_angles(lost, rise, length):
    """A sample at angle a of the direction is lost after a turn of 90 degrees minus a."""
    params = {"weight": torch.tensor([[length, 0.0]], dtype=torch.float64)}
    measured = escape(half_plane(), params, CIRCLE, rise=rise)
    exact = math.pi / 2 - float(DEGREES[lost - 1].deg2rad())
    assert measured.reached.all()
    assert (measured.angle >= exact).all()
    assert (measured.angle <= exact + RESOLUTION).all()


def test_an_error_that_never_rises_so_counts_with_a_quarter_turn():
    params = {"weight": torch.tensor([[1.0, 0.0]], dtype=torch.float64)}
    measured = escape(half_plane(), params, CIRCLE, rise=0.51)  # half of the samples is lost
    assert not measured.reached.any()
    assert (measured.angle == QUARTER_TURN).all()
    assert float(measured.mean) == QUARTER_TURN
    assert float(measured.share_reached) == 0
    assert float(measured.standard_error) == 0


def test_directions_are_followed_to_the_first_rise():
    measured = escape(PROBLEM, PARAMS)
    circles = GreatCircles.around(PROBLEM, PARAMS, TORUS)
    generator = torch.Generator().manual_seed(0)
    for angle in measured.angle.tolist():
        tangents = circles.direction(generator)
        before = float(PROBLEM.error(circles.turned(tangents, angle - RESOLUTION)))
        after = float(PROBLEM.error(circles.turned(tangents, angle)))
        assert before < 0.05 <= after
    assert float(measured.mean) == pytest.approx(sum(measured.angle.tolist()) / 4, rel=1e-12)
    assert float(measured.standard_error) == pytest.approx(measured.angle.std().item() / 2)


@pytest.mark.parametrize("bias_in_norm", [True, False])
def test_the_angle_is_the_distance_on_the_torus_and_the_way_is_the_geodesic(bias_in_norm):
    torus = Torus(SPEC, bias_in_norm)
    circles = GreatCircles.around(PROBLEM, PARAMS, torus)
    tangents = circles.direction(stream("direction"))
    start = circles.turned(tangents, 0.0)
    assert ravel(start).equal(ravel(circles.params))
    end = circles.turned(tangents, 1.2)
    assert float(torus.distance(start, end)) == pytest.approx(1.2, rel=1e-12)
    middle = circles.turned(tangents, 0.3)
    torch.testing.assert_close(middle, torus.geodesic(start, end, 0.25), rtol=0, atol=1e-12)


def test_no_rescaling_changes_it():
    """Scales that are powers of two round nothing, so that equality is exact."""
    powers = {}
    for name, scales in identity(SPEC).scales.items():
        exponents = torch.arange(len(scales)) % 7 - 3
        powers[name] = 2.0 ** exponents.double()
    element = GroupElement(identity(SPEC).permutations, powers)
    copy = act(SPEC, element, PARAMS)
    assert not ravel(copy).equal(ravel(PARAMS))
    assert escape(PROBLEM, copy).angle.equal(escape(PROBLEM, PARAMS).angle)


def test_permuted_units_turn_alike():
    element = random_element(SPEC, generator=stream("permutation"), spread=0.0)
    circles = GreatCircles.around(PROBLEM, PARAMS, TORUS)
    copies = GreatCircles.around(PROBLEM, act(SPEC, element, PARAMS), TORUS)
    tangents = circles.direction(stream("direction"))
    permuted = ravel(act(SPEC, element, unravel(tangents, PARAMS)))
    for angle in (0.2, 0.9):
        here = circles.turned(tangents, angle)
        there = copies.turned(permuted, angle)
        torch.testing.assert_close(there, act(SPEC, element, here), rtol=0, atol=1e-12)
        assert PROBLEM.error(there) == PROBLEM.error(here)


def test_dropped_units_units_of_one_coordinate_and_buffers_stay():
    groups = (
        UnitGroup("hidden1", 2, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),
        UnitGroup("head", 1, (Leg("2.weight", 0, block=2),), permute=False, exact_for="error"),
    )
    module = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    module.register_buffer("count", torch.tensor(3))
    inputs = torch.ones(4, 1, dtype=torch.float64)
    problem = Problem(module.double(), inputs, torch.tensor([0, 0, 1, 1]))
    params = {
        "0.weight": torch.tensor([[2.0], [0.0]], dtype=torch.float64),
        "2.weight": torch.tensor([[1.0, 3.0], [2.0, 4.0]], dtype=torch.float64),
        "count": torch.tensor(3),
    }
    circles = GreatCircles.around(problem, params, Torus(SymmetrySpec(groups)))
    turned = circles.turned(circles.direction(stream("direction")), 0.7)
    assert turned["0.weight"].tolist() == [[1.0], [0.0]]
    assert turned["count"] == 3
    assert not turned["2.weight"].equal(circles.params["2.weight"])


def test_single_precision_is_enough():
    rounded = escape(PROBLEM.cast(torch.float32), cast(PARAMS, torch.float32))
    exact = escape(PROBLEM, PARAMS)
    assert rounded.angle.dtype == torch.float64
    torch.testing.assert_close(rounded.angle, exact.angle, rtol=0, atol=2 * RESOLUTION)


@pytest.mark.parametrize("spoilt", [math.nan, math.inf])
def test_a_diverged_network_has_no_escape_angle(spoilt):
    params = {**PARAMS, "0.weight": torch.full_like(PARAMS["0.weight"], spoilt)}
    measured = escape(PROBLEM, params)
    for number in (measured.mean, measured.standard_error, measured.share_reached):
        assert math.isnan(number)


def test_a_network_that_predicts_no_class_has_no_escape_angle():
    class Undecided(HalfPlane):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) * torch.nan

    on_circle = half_plane()
    problem = Problem(Undecided(), on_circle.inputs, on_circle.targets)
    params = {"weight": torch.tensor([[1.0, 0.0]], dtype=torch.float64)}
    assert escape(problem, params, CIRCLE).angle.isnan().all()


def test_a_direction_ends_where_no_class_is_predicted():
    class Fragile(HalfPlane):
        def forward(self, inputs: Tensor) -> Tensor:
            broken = torch.where(self.weight[0, 0] < 0.5, torch.nan, 1.0)
            return super().forward(inputs) * broken

    problem = Problem(Fragile(), torch.eye(2).double()[:1], torch.tensor([1]))
    params = {"weight": torch.tensor([[1.0, 0.0]], dtype=torch.float64)}
    measured = escape(problem, params, CIRCLE)
    torch.testing.assert_close(
        measured.angle, torch.full_like(measured.angle, math.pi / 3), rtol=0, atol=RESOLUTION
    )


@pytest.mark.parametrize("rise", [0.0, -0.1, 1.01])
def test_a_rise_is_a_share_of_the_samples(rise):
    with pytest.raises(SymgeomError, match=f"to a rise of {rise:.6g}: give a share"):
        escape(PROBLEM, PARAMS, rise=rise)


def test_a_standard_error_needs_two_draws():
    with pytest.raises(SymgeomError, match="Cannot estimate an escape angle from 1 draws"):
        escape(PROBLEM, PARAMS, draws=1)
