"""What of a profile no ceiling cuts: closed forms on profiles that are written out."""

import math

import pytest
import torch

from symgeom.landscape.barriers import barrier, first_rise, guessing_error, relative_barrier

T = torch.linspace(0, 1, 5, dtype=torch.float64)


def curve(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_two_barriers_that_end_at_the_ceiling_are_equal():
    """The one with worse ends is lower, and takes all of its headroom, too."""
    low = curve(0.1, 0.5, 0.9, 0.5, 0.1)
    high = curve(0.2, 0.6, 0.9, 0.6, 0.2)
    assert barrier(T, low) > barrier(T, high)
    assert relative_barrier(T, low, 0.9).item() == pytest.approx(1, abs=1e-12)
    assert relative_barrier(T, high, 0.9).item() == pytest.approx(1, abs=1e-12)


def test_the_headroom_is_that_at_the_same_point():
    """Between ends of errors 0 and 0.8 the line is at 0.6 at t = 3/4, 0.3 below the ceiling."""
    profile = curve(0, 0.2, 0.4, 0.75, 0.8)
    assert relative_barrier(T, profile, 0.9).item() == pytest.approx(0.15 / 0.3)
    stacked = torch.stack([profile, torch.zeros(5, dtype=torch.float64)])
    assert relative_barrier(T, stacked, 0.9)[1] == 0


@pytest.mark.parametrize(
    "profile",
    [
        curve(0.9, 0.9, 0.9, 0.5, 0.1),
        curve(0.1, 0.5, 0.9, 0.9, 0.95),
        curve(0.1, math.nan, 0.2, 0.2, 0.1),
    ],
)
def test_an_end_without_headroom_has_no_relative_barrier(profile):
    assert relative_barrier(T, profile, 0.9).isnan()


@pytest.mark.parametrize(
    ("height", "expected"),
    [(0.05, 0.125), (0.1, 0.25), (0.2, 0.25 + 0.25 / 3), (0.4, 0.5), (0.41, math.inf)],
)
def test_the_first_rise_is_interpolated(height, expected):
    """The error falls again, and rises a second time: the first counts."""
    profile = curve(0.1, 0.2, 0.5, 0.1, 0.5)
    assert first_rise(T, profile, height) == pytest.approx(expected, abs=1e-7)


def test_a_rise_to_a_point_of_the_grid_is_not_lost_to_rounding():
    profile = curve(0.1, 0.1, 0.1 + 0.2, 0.3, 0.3)  # 0.1 + 0.2 - 0.1 < 0.2
    assert first_rise(T, profile, 0.2) == pytest.approx(0.5, abs=1e-8)


def test_a_profile_with_an_error_that_is_none_has_no_first_rise():
    assert math.isnan(first_rise(T, curve(0, 1, 1, math.nan, 1), 0.05))


def test_the_error_of_guessing():
    assert guessing_error(torch.tensor([3, 3, 0, 1])) == 0.5
    assert guessing_error(torch.arange(10)) == 0.9
    assert guessing_error(torch.zeros(4, dtype=torch.int64)) == 0


def test_guessing_at_positions_is_a_mean_over_those_that_count_then_over_samples():
    targets = torch.tensor([[1, 1, 0], [0, -100, 1]])
    assert guessing_error(targets) == pytest.approx((1 / 3 + 1 / 2) / 2)
