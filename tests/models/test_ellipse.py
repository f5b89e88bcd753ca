"""The ellipse: charge and loss are orthogonal coordinates, and finite steps change the charge."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from symgeom.ground.checks import SymgeomError
from symgeom.models.ellipse import (
    charge,
    decrease,
    descended,
    flow,
    loss,
    measure_ellipse,
    turned,
)

STEEPNESS = 3.0


def somewhere(count: int = 40) -> np.ndarray:
    """Return points in all quadrants."""
    return np.random.default_rng(3).normal(size=(count, 2))


def test_turns_are_a_group_that_keeps_the_loss():
    points, angles = somewhere(), np.linspace(-3, 3, 40)
    moved = turned(points, angles, STEEPNESS)
    np.testing.assert_allclose(loss(moved, STEEPNESS), loss(points, STEEPNESS), rtol=1e-14)
    again = turned(moved, 0.7, STEEPNESS)
    np.testing.assert_allclose(again, turned(points, angles + 0.7, STEEPNESS), atol=1e-14)
    np.testing.assert_allclose(turned(points, 0.0, STEEPNESS), points, rtol=1e-15)


def test_flow_solves_its_equation_and_keeps_the_charge():
    for start in somewhere(4):
        solved = solve_ivp(
            lambda _, w: [-2 * w[0], -2 * STEEPNESS * w[1]], (0, 0.8), start, rtol=1e-11, atol=1e-14
        )
        np.testing.assert_allclose(flow(start, 0.8, STEEPNESS), solved.y[:, -1], rtol=1e-8)
    points = somewhere()
    later = charge(flow(points, np.linspace(0, 2, 40), STEEPNESS), STEEPNESS)
    np.testing.assert_allclose(later, charge(points, STEEPNESS), atol=1e-13)


def test_charge_and_loss_are_orthogonal_coordinates():
    points = torch.from_numpy(somewhere()).requires_grad_()
    size = points[:, 0] ** 2 + STEEPNESS * points[:, 1] ** 2
    conserved = STEEPNESS * points[:, 0].abs().log() - points[:, 1].abs().log()
    np.testing.assert_allclose(conserved.detach(), charge(points.detach().numpy(), STEEPNESS))
    (of_loss,) = torch.autograd.grad(size.sum(), points)
    (of_charge,) = torch.autograd.grad(conserved.sum(), points)
    products = (of_loss * of_charge).sum(1) / (of_loss.norm(dim=1) * of_charge.norm(dim=1))
    assert products.abs().max() < 1e-14
    # Along a quarter of an orbit the charge falls from one end to the other.
    arrays, _ = measure_ellipse(STEEPNESS, 0.02, 3)
    assert (np.diff(arrays["orbit_charge"].values, axis=1) < 0).all()


def test_the_rate_of_decrease_is_that_of_the_flow():
    points, short = somewhere(), 1e-6
    fallen = loss(flow(points, short, STEEPNESS), STEEPNESS) / loss(points, STEEPNESS)
    rates = decrease(points, STEEPNESS)
    np.testing.assert_allclose(rates, -np.log(fallen) / short, rtol=1e-4)
    assert (rates >= 4).all()
    assert (rates <= 4 * STEEPNESS).all()


def test_steps_change_every_charge_alike():
    points, rate = somewhere(), 0.01
    change = charge(descended(points, rate, STEEPNESS), STEEPNESS) - charge(points, STEEPNESS)
    exact = STEEPNESS * np.log(1 - 2 * rate) - np.log(1 - 2 * STEEPNESS * rate)
    np.testing.assert_allclose(change, exact, atol=1e-13)
    assert exact == pytest.approx(2 * STEEPNESS * (STEEPNESS - 1) * rate**2, rel=0.1)


def test_one_turn_leads_to_the_fastest_descent_for_good():
    rate, steps = 0.02, 30
    arrays, coordinates = measure_ellipse(STEEPNESS, rate, steps)
    never, once = arrays["descent_loss"].values
    before, after = once[:, :11], once[:, 10:]
    np.testing.assert_array_equal(before, never[:, :11])
    fastest = (1 - 2 * STEEPNESS * rate) ** 2
    np.testing.assert_allclose(after[:, 1:] / after[:, :-1], fastest, rtol=1e-12)
    assert (never[:, -1] > once[:, -1]).all()
    np.testing.assert_allclose(arrays["flow_loss"].values[:, 0], 1, rtol=1e-14)
    np.testing.assert_allclose(coordinates["time"].values, rate * np.arange(steps + 1))
    orbits = np.broadcast_to(coordinates["level"].values[:, None], (25, 161))
    np.testing.assert_allclose(arrays["orbit_loss"].values, orbits, rtol=1e-13)


def test_steps_that_overshoot_are_refused():
    with pytest.raises(SymgeomError, match=r"at the learning rate 0\.2: .* Give a rate below 0\.1"):
        measure_ellipse(STEEPNESS, 0.2, 5)
