"""The spherical negative perceptron: energies against Gaussian integrals, barriers against a
fine grid, and the star."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.special import ndtr
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.models.perceptron import Perceptron, Solution, geodesic_barrier, geodesic_energy, solve
from symgeom.symmetry.sphere import slerp


def perceptron(features: int, alpha: float, kappa: float = -0.5, seed: int = 0) -> Perceptron:
    return Perceptron.gaussian(
        features, alpha=alpha, kappa=kappa, generator=stream("patterns", seed)
    )


def points(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=stream("points", seed), dtype=torch.float64)


def expected_energy(theta: float, t: float, kappa: float) -> float:
    """Integrate two standard normal stabilities of correlation cos(theta), both at least kappa,
    where their mixture fails."""
    before, after = (
        math.sin((1 - t) * theta) / math.sin(theta),
        math.sin(t * theta) / math.sin(theta),
    )
    correlation, spread = math.cos(theta), math.sin(theta)

    def density(x: float, upper: float) -> float:
        """Density of the first stability times the probability of the second between kappa and
        an upper end."""
        least, most = ((end - correlation * x) / spread for end in (kappa, upper))
        return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * max(0.0, ndtr(most) - ndtr(least))

    failing, _ = quad(
        lambda x: density(x, (kappa - before * x) / after), kappa, 8, epsabs=1e-12, limit=200
    )
    satisfied, _ = quad(lambda x: density(x, math.inf), kappa, 8, epsabs=1e-12)
    return failing / satisfied


@pytest.mark.parametrize("theta", [1.0, 2.0, 2.8])
def test_energy_of_patterns_that_two_points_satisfy_is_that_of_a_bivariate_normal(theta: float):
    """Over 400,000 patterns, of which those that fail at an end are left out; within four
    standard deviations."""
    drawn = perceptron(3, 400_000 / 3, kappa=-0.4)
    first = torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64)
    second = 5 * torch.tensor([math.cos(theta), 0.0, math.sin(theta)], dtype=torch.float64)
    satisfied = (drawn.stabilities(torch.stack([first, second])) >= -0.4).all(0)
    kept = Perceptron(drawn.patterns[satisfied], -0.4)
    t = torch.tensor([0.2, 0.5, 0.8])
    for position, found in zip(
        t.tolist(), geodesic_energy(kept, first, second, t).tolist(), strict=True
    ):
        energy = expected_energy(theta, position, -0.4)
        assert abs(found - energy) < 4 * math.sqrt(energy / len(kept.patterns)) + 1e-9
        assert energy > 1e-6 or theta < 2


def test_energy_is_the_fraction_of_patterns_below_kappa_at_the_points_of_the_circle():
    model, first, second = perceptron(7, 6.0), points(2, 7), points(2, 7, seed=1)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    found = geodesic_energy(model, first, second, t)
    for row in range(2):
        for column, position in enumerate(t.tolist()):
            point = slerp(first[row], second[row], position)
            failing = sum(
                float(point @ pattern) / float(point.norm()) < -0.5 for pattern in model.patterns
            )
            assert found[row, column].item() == pytest.approx(failing / 42)
    assert found[0, 0] == model.energy(first[0])


@pytest.mark.parametrize("kappa", [-0.05, -0.5, -1.0])
def test_barrier_is_the_largest_energy_on_a_fine_grid(kappa: float):
    """Random ends, which fail some patterns themselves, 12 pairs near and far."""
    model, first = perceptron(5, 9.0, kappa), points(12, 5)
    second = points(12, 5, seed=1) + torch.linspace(-3, 3, 12, dtype=torch.float64)[:, None] * first
    grid = geodesic_energy(
        model, first, second, torch.linspace(0, 1, 8001, dtype=torch.float64)
    ).amax(-1)
    barrier = geodesic_barrier(model, first, second)
    assert (barrier >= grid - 1e-12).all()
    torch.testing.assert_close(barrier, grid)
    assert len(barrier.unique()) > 3


@pytest.mark.parametrize("distance", [0.0, 1e-9])
def test_barrier_between_coincident_points_is_the_energy_there(distance: float):
    model, point = perceptron(5, 9.0), points(6, 5)
    moved = point + distance * points(6, 5, seed=1)
    torch.testing.assert_close(geodesic_barrier(model, point, moved), model.energy(point))
    assert model.energy(point).max() > 0


def test_solutions_of_margin_0_form_a_convex_set():
    model = perceptron(60, 0.8)
    found = solve(model, margin=0.0, generator=stream("starts"), starts=4)
    assert found.solved.all()
    rows, columns = torch.triu_indices(4, 4, 1)
    assert not geodesic_barrier(model, found.weights[rows], found.weights[columns]).any()


def test_a_solution_has_the_margin_that_was_asked_for():
    model = perceptron(80, 2.0)
    for margin in (-0.5, -0.2):
        found = solve(model, margin=margin, generator=stream("starts"), starts=3)
        assert isinstance(found, Solution)
        assert found.solved.all()
        smallest = (found.weights @ model.patterns.mT / 80**0.5).min(1).values
        torch.testing.assert_close(found.margin, smallest)
        assert (margin <= smallest).all()
        assert (smallest < margin + 0.05).all()
        torch.testing.assert_close(
            found.weights.square().sum(1), torch.full((3,), 80.0, dtype=torch.float64)
        )
        assert (found.steps > 0).all()
        assert not model.energy(found.weights).any()


def test_starts_that_do_not_get_there_are_reported():
    """No point has a stability of 0.1 with a pattern and its opposite; every point has one of
    -0.5 with tiny patterns."""
    pattern = points(1, 5)
    model = Perceptron(torch.cat([pattern, -pattern]), -0.5)
    found = solve(model, margin=0.1, generator=stream("starts"), starts=2, limit=30)
    assert (found.solved.tolist(), found.steps.tolist()) == ([False] * 2, [30] * 2)
    assert (found.margin < 0).all()
    easy = solve(Perceptron(1e-3 * pattern, -0.5), margin=-0.5, generator=stream("starts"))
    assert (easy.solved.tolist(), easy.steps.tolist()) == ([True], [0])


def test_starts_depend_on_the_generator_alone():
    model = perceptron(30, 1.0)
    first, again, other = (
        solve(model, margin=-0.5, generator=stream("starts", seed), starts=2) for seed in (1, 1, 2)
    )
    assert torch.equal(first.weights, again.weights)
    assert not torch.equal(first.weights, other.weights)


def test_robust_solutions_are_joined_to_typical_ones_that_are_not_joined_to_each_other():
    model = perceptron(200, 3.0)
    typical, robust = (
        solve(model, margin=margin, generator=stream("starts"), starts=5) for margin in (-0.5, -0.3)
    )
    assert typical.solved.all()
    assert robust.solved.all()
    rows, columns = torch.triu_indices(5, 5, 1)
    among = geodesic_barrier(model, typical.weights[rows], typical.weights[columns])
    between = geodesic_barrier(
        model, robust.weights[:, None].expand(-1, 5, -1), typical.weights.expand(5, -1, -1)
    )
    assert among.min() > 0
    assert not between.any()


@pytest.mark.parametrize(
    ("patterns", "kappa", "message"),
    [
        (
            torch.ones(3),
            -0.5,
            r"patterns of shape \(3,\) and type torch.float32: give real numbers of shape",
        ),
        (torch.ones(3, 0), -0.5, r"patterns of shape \(3, 0\)"),
        (torch.ones(3, 2, dtype=torch.int64), -0.5, "type torch.int64"),
        (
            torch.tensor([[1.0, math.nan]]),
            -0.5,
            "Cannot use the patterns: .* 1 values that are NaN",
        ),
        (torch.ones(3, 2), 0.0, "with kappa = 0.0: from 0 on, solutions are geodesically convex"),
        (torch.ones(3, 2), math.nan, "with kappa = nan"),
        (torch.ones(3, 2), -math.inf, "with kappa = -inf"),
    ],
)
def test_what_is_no_negative_perceptron_is_named(patterns: Tensor, kappa: float, message: str):
    with pytest.raises(SymgeomError, match=message):
        Perceptron(patterns, kappa)


def test_impossible_requests_are_named():
    model, generator = perceptron(5, 1.0), stream("starts")
    with pytest.raises(
        SymgeomError, match="Cannot solve for the margin -0.6: it is less than kappa = -0.5"
    ):
        solve(model, margin=-0.6, generator=generator)
    with pytest.raises(
        SymgeomError, match="Cannot solve with 0 starts and 5 steps: give at least one of each"
    ):
        solve(model, margin=-0.5, generator=generator, starts=0, limit=5)
    with pytest.raises(SymgeomError, match="Cannot draw a geodesic between antipodal weights"):
        geodesic_barrier(model, points(5), -points(5))
