"""The weighted middle of several networks, where the mean of the logarithms vanishes."""

import mpmath
import pytest
import torch
from cases import mlp_spec, network

from symgeom.ground.randomness import stream
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus, frechet_mean, frechet_point, simplex_point
from symgeom.symmetry.sphere import AntipodalError, normalise, random_direction, slerp

WIDTHS = (5, 4, 3, 2)
TORUS = Torus(mlp_spec(*WIDTHS))


def column(*weights):
    """Return weights of points for one unit."""
    return torch.tensor(weights, dtype=torch.float64).unsqueeze(1)


@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-3, 1.0, 100.0])
@pytest.mark.parametrize("t", [0.25, 0.5, 0.9])
def test_of_two_points_it_is_a_point_of_the_great_circle(apart, t):
    generator = stream("two", apart)
    first = random_direction((6, 5), generator=generator)
    second = normalise(first + apart * random_direction((6, 5), generator=generator))
    middle = frechet_mean(torch.stack([first, second]), column(1 - t, t).expand(2, 6))
    torch.testing.assert_close(middle, slerp(first, second, t), rtol=0, atol=1e-15)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_the_mean_of_the_logarithms_vanishes(count):
    """With 40 digits, because an arc cosine in float64 loses half of them."""
    generator = stream("several", count)
    points = random_direction((count, 1, 6), generator=generator)
    weights = torch.rand(count, generator=generator, dtype=torch.float64)
    weights = weights / weights.sum()
    middle = frechet_mean(points, weights.unsqueeze(1))[0].tolist()
    with mpmath.workdps(40):
        pull = [mpmath.mpf(0)] * 6
        for weight, (point,) in zip(weights.tolist(), points.tolist(), strict=True):
            cosine = mpmath.fdot(middle, point)
            sine = mpmath.norm([a - cosine * b for a, b in zip(point, middle, strict=True)])
            angle = mpmath.atan2(sine, cosine)
            ratio = angle / sine if count > 1 else 1
            for axis in range(6):
                pull[axis] += weight * ratio * (point[axis] - cosine * middle[axis])
        assert mpmath.norm(pull) < 1e-14


def test_orthogonal_points_with_equal_weights_have_the_diagonal():
    points = torch.eye(4, dtype=torch.float64).unsqueeze(1)
    middle = frechet_mean(points, column(0.25, 0.25, 0.25, 0.25))
    torch.testing.assert_close(middle, torch.full((1, 4), 0.5, dtype=torch.float64))


def test_a_point_of_two_networks_is_that_of_their_geodesic():
    """The direction of the weighted mean is another one; in the middle both are the same."""
    first, second = (
        canonicalise(TORUS.spec, network(*WIDTHS, seed=seed)).parameters for seed in (0, 1)
    )
    longer = {name: 3 * tensor for name, tensor in second.items() if name.startswith("4.")}
    second = second | longer  # the head may have any length
    point = frechet_point(TORUS, [first, second], torch.tensor([0.8, 0.2], dtype=torch.float64))
    on_geodesic = TORUS.geodesic(first, second, 0.2)
    for name, tensor in point.items():
        torch.testing.assert_close(tensor, on_geodesic[name], rtol=0, atol=1e-14)
    other = simplex_point(TORUS, [first, second], torch.tensor([0.8, 0.2]))
    assert float((other["0.weight"] - point["0.weight"]).abs().max()) > 1e-3
    halves = torch.tensor([0.5, 0.5], dtype=torch.float64)
    in_middle = frechet_point(TORUS, [first, second], halves)
    torch.testing.assert_close(
        in_middle["0.weight"], simplex_point(TORUS, [first, second], halves)["0.weight"]
    )


def test_a_unit_that_is_zero_in_some_networks_is_the_middle_of_the_others():
    networks = [canonicalise(TORUS.spec, network(*WIDTHS, seed=k)).parameters for k in range(3)]
    for name in ("0.weight", "0.bias"):
        networks[2][name] = networks[2][name].clone()
        networks[2][name][1] = 0
    thirds = torch.full((3,), 1 / 3, dtype=torch.float64)
    point = TORUS._coordinates(frechet_point(TORUS, networks, thirds))["hidden1"]
    pair = TORUS._coordinates(TORUS.geodesic(networks[0], networks[1], 0.5))["hidden1"]
    torch.testing.assert_close(point[1], pair[1] * 2 / 3, rtol=0, atol=1e-15)
    torch.testing.assert_close(point[0].norm(), torch.tensor(1.0, dtype=torch.float64))
    for params in networks:
        params["0.weight"][1] = 0
        params["0.bias"][1] = 0
    assert not frechet_point(TORUS, networks, thirds)["0.weight"][1].any()


def test_directions_that_cancel_have_no_middle():
    points = torch.tensor([[[1.0, 0.0]], [[-1.0, 0.0]]], dtype=torch.float64)
    with pytest.raises(AntipodalError, match=r"Cannot find the middle of units \[0\]: their dir"):
        frechet_mean(points, column(0.5, 0.5))
    first = canonicalise(TORUS.spec, network(*WIDTHS)).parameters
    second = {name: -tensor for name, tensor in first.items()}
    halves = torch.tensor([0.5, 0.5], dtype=torch.float64)
    with pytest.raises(AntipodalError, match="Group 'hidden1': Cannot find the middle of units"):
        frechet_point(TORUS, [first, second], halves)
