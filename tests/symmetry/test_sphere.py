import math

import mpmath
import pytest
import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.symmetry.sphere import (
    ANTIPODAL_TOLERANCE,
    angle,
    normalise,
    random_direction,
    slerp,
    slerp_weights,
)

UNIT_ROUNDING = 2e-16

ANGLES = [0.0, 1e-9, 1e-4, 0.3, math.pi / 2, 3.0, math.pi - 1e-4, math.pi - 1e-9, math.pi]
"""Coincident, 1e-9 apart, orthogonal, antipodal, and between."""


def exact_angle(u, v):
    """Angle between two float vectors to 60 digits."""
    with mpmath.workdps(60):
        u, v = ([mpmath.mpf(x) for x in vector.tolist()] for vector in (u, v))
        cosine = mpmath.fdot(u, v) / mpmath.sqrt(mpmath.fdot(u, u) * mpmath.fdot(v, v))
        return float(mpmath.acos(max(min(cosine, 1), -1)))


def pair(theta, dimension):
    """Two vectors of different lengths in a random plane, at an angle close to theta (exactly where that is possible)."""
    frame = torch.linalg.qr(
        torch.randn(dimension, 2, generator=stream("pair", dimension), dtype=torch.float64)
    ).Q
    u = frame[:, 0]
    if theta in (0.0, math.pi):
        return u, 2 * u * math.cos(theta)
    return 3 * u, 0.5 * (math.cos(theta) * u + math.sin(theta) * frame[:, 1])


@pytest.mark.parametrize("dimension", [2, 3, 65])
@pytest.mark.parametrize("theta", ANGLES)
def test_angles_are_right_to_rounding_everywhere(theta, dimension):
    u, v = pair(theta, dimension)
    # The coordinates themselves are rounded: an absolute error of a few units in the last place of 1, at any angle.
    assert abs(float(angle(u, v)) - exact_angle(u, v)) < 3 * UNIT_ROUNDING * (1 + theta)
    assert abs(float(angle(u, v)) - theta) < 5e-16 * (1 + theta)


def test_the_angle_does_not_depend_on_order_or_length():
    u, v = pair(1.0, 65)
    assert float(angle(u, v)) == float(angle(v, u))
    assert abs(float(angle(1e6 * u, 1e-6 * v)) - float(angle(u, v))) < 3 * UNIT_ROUNDING
    assert abs(float(angle(u, -v)) + float(angle(u, v)) - math.pi) < 5e-16


def test_angles_of_batches_and_of_zero_vectors():
    u = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    v = torch.tensor([[0.0, 3.0], [1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    assert angle(u, v).tolist() == [math.pi / 2, 0, 0]
    assert angle(u[:, None], v[None]).shape == (3, 3)


def test_normalise_keeps_zero_at_zero():
    rows = normalise(torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(
        rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]], dtype=torch.float64), rtol=1e-15, atol=0
    )


@pytest.mark.parametrize("t", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize(
    "theta", [0.0, 1e-9, 1e-4, 0.3, math.pi / 2, 3.0, math.pi - 2 * ANTIPODAL_TOLERANCE]
)
def test_points_of_a_great_circle(theta, t):
    u, v = map(normalise, pair(theta, 5))
    point = slerp(u, v, t)
    # Near pi the plane of the circle is known to rounding / (pi - theta) only.
    tolerance = 1e-15 + 1e-15 / (math.pi - theta)
    assert abs(float(point.norm()) - 1) < tolerance
    assert abs(exact_angle(u, point) - t * theta) < tolerance
    assert abs(exact_angle(point, v) - (1 - t) * theta) < tolerance


def test_ends_are_met_exactly():
    u, v = map(normalise, pair(1.0, 5))
    assert torch.equal(slerp(u, v, 0.0), u)
    assert torch.equal(slerp(u, v, 1.0), v)


@pytest.mark.parametrize("theta", [1e-9, 0.3, 2.0, 3.1])
def test_weights_are_ratios_of_sines(theta):
    for t in (0.0, 0.2, 0.7, 1.0):
        with mpmath.workdps(40):
            expected = [
                float(mpmath.sin(x * mpmath.mpf(theta)) / mpmath.sin(theta))
                for x in (1 - mpmath.mpf(t), mpmath.mpf(t))
            ]
        found = slerp_weights(torch.tensor(theta, dtype=torch.float64), t)
        # The sine of an angle near pi has lost relative digits in proportion to 1 / sin.
        assert [float(w) for w in found] == pytest.approx(
            expected, rel=1e-15 + 5e-16 / math.sin(theta) * (theta > 1), abs=0
        )


def test_coincident_points_and_dropped_units_stay():
    u = torch.tensor([[0.6, 0.8], [0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(slerp(u, u, 0.3), u, rtol=1e-15, atol=0)


@pytest.mark.parametrize("gap", [0.0, 0.5 * ANTIPODAL_TOLERANCE])
def test_antipodal_points_have_no_great_circle(gap):
    u = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    v = torch.tensor([[0.0, 1.0], [-math.cos(gap), math.sin(gap)]], dtype=torch.float64)
    with pytest.raises(SymgeomError, match=r"the points of spheres \[1\] are antipodal"):
        slerp(u, v, 0.5)


def test_random_directions_are_uniform_and_repeatable():
    rows = random_direction((2000, 5), generator=stream("directions"))
    assert rows.dtype == torch.float64
    assert float((rows.norm(dim=1) - 1).abs().max()) < 1e-15
    # Uniform on the sphere: mean 0 and covariance 1/5, here within 4 standard errors.
    assert float(rows.mean(0).abs().max()) < 4 / math.sqrt(5 * 2000)
    covariance = rows.T @ rows / len(rows)
    assert float((covariance - torch.eye(5) / 5).abs().max()) < 4 * math.sqrt(8 / 175 / 2000)
    assert torch.equal(rows, random_direction((2000, 5), generator=stream("directions")))
