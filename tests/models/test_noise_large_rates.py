"""Large learning rates from points of an orbit."""

import numpy as np
import pytest
import torch

from symgeom.ground.randomness import stream
from symgeom.models.noise.experiments.catalogue import experiment_named
from symgeom.models.noise.experiments.large_rates import POINTS, noise_forces, scaled
from symgeom.models.noise.linear.descent import layer_gradients
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import Pair, sharpness

FLOAT = torch.float64


def case() -> tuple[Pair, Teacher]:
    """A network of one unit with a large error, inputs and noise of unequal sizes."""
    random = stream("large rates")
    incoming = torch.randn((1, 1, 4), generator=random, dtype=FLOAT)
    outgoing = torch.randn((1, 3, 1), generator=random, dtype=FLOAT)
    target = torch.randn((1, 3, 4), generator=random, dtype=FLOAT)
    inputs = torch.tensor([[0.5, 1.0, 1.5, 0.8]], dtype=FLOAT)
    return Pair(outgoing, incoming), Teacher(
        inputs, target, torch.tensor([[1.0, 0.5, 2.0]]).double()
    )


def variance(samples: torch.Tensor) -> float:
    """The variance of vectors, shape (sample, entry)."""
    return float(samples.var(0, correction=0).sum())


def test_forces_are_the_variances_of_sample_gradients():
    pair, teacher = case()
    x, y = teacher.draw(200_000, generator=stream("samples"))
    hidden = x @ pair.incoming.mT
    slopes = 2 * (hidden @ pair.outgoing.mT - y)
    on_outgoing = variance((slopes * hidden)[0])
    on_incoming = variance(((slopes @ pair.outgoing) * x)[0])
    mean = layer_gradients([pair.incoming, pair.outgoing], (x, y))
    torch.testing.assert_close((slopes * hidden).mean(1)[0], mean[1][0, :, 0])
    of_outgoing, of_incoming = noise_forces(pair, teacher)
    assert 4 * float(of_outgoing) == pytest.approx(on_incoming, rel=0.03)
    assert 4 * float(of_incoming) == pytest.approx(on_outgoing, rel=0.03)


@pytest.mark.parametrize("name", POINTS)
def test_points_have_the_same_function_and_equal_amounts(name):
    pair, teacher = case()
    moved = scaled(pair, *POINTS[name](pair, teacher))
    function = pair.outgoing @ pair.incoming
    torch.testing.assert_close(moved.outgoing @ moved.incoming, function, rtol=1e-13, atol=1e-14)
    first, second = POINTS[name](moved, teacher)
    torch.testing.assert_close(first, second, rtol=1e-12, atol=0)


def test_the_smallest_trace_is_smallest_on_the_orbit():
    pair, teacher = case()
    pair = Pair(pair.outgoing, pair.incoming / teacher.inputs[:, None])
    alike = Teacher(torch.ones(1, 4, dtype=FLOAT), teacher.target, teacher.noise)
    lowest = scaled(pair, *POINTS["smallest trace"](pair, alike))
    identity = torch.eye(4, dtype=FLOAT)[None]
    there = float(sharpness(lowest, identity))
    for factor in (0.9, 0.99, 1.01, 1.1):
        other = Pair(lowest.outgoing * factor, lowest.incoming / factor)
        assert float(sharpness(other, identity)) > there


def test_what_diverges_does_not_survive():
    with torch.no_grad():
        arrays, coordinates = experiment_named("large_rates")(60, 2)
    survived = np.asarray(arrays["survived"].values)
    ended = np.asarray(arrays["sharpness_end"].values)
    assert (survived == np.isfinite(ended)).all()
    points = list(coordinates["point"].values)
    fresh = survived[0, points.index("fresh")]
    flattest = survived[0, points.index("smallest trace")]
    assert fresh.sum() < flattest.sum()
    start = np.asarray(arrays["sharpness"].values)
    of_orbit = start[:, : points.index("after warm-up")]
    assert (start[:, points.index("smallest trace")] <= of_orbit.min(1) * (1 + 1e-12)).all()
