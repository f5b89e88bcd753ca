"""Descents of any loss, and networks whose weights or layers have a free length."""

import pytest
import torch

from symgeom.ground.randomness import stream
from symgeom.models.noise.descent import batch_moment, descend_losses, slopes_of
from symgeom.models.noise.scale_invariant import (
    crossed,
    direction,
    fourth_power_at_equilibrium,
    fourth_power_step,
    layerwise,
    lengths,
    squared_losses,
)

EXACT = 1e-12
NETWORKS, SAMPLES, INPUTS, UNITS = 3, 20, 4, 6
FREE_LENGTHS = {
    direction: [("incoming",)],
    crossed: [("incoming", "outgoing")],
    layerwise: [("incoming",), ("outgoing",)],
}


def normal(name, *shape):
    return torch.randn(shape, generator=stream(name), dtype=torch.float64)


def networks(function):
    if function is direction:
        return {"incoming": normal("w", NETWORKS, 1, INPUTS)}
    layers = {"incoming": normal("w", NETWORKS, UNITS, INPUTS)}
    return layers | {"outgoing": normal("u", NETWORKS, 1, UNITS)}


DATA = (normal("x", NETWORKS, SAMPLES, INPUTS), normal("y", NETWORKS, SAMPLES))


@pytest.mark.parametrize("function", FREE_LENGTHS)
def test_free_lengths_change_no_output_and_no_other_does(function):
    weights = networks(function)
    outputs = function(weights, DATA[0])
    together = dict.fromkeys(weights, 1.7)
    for scaled in [dict.fromkeys(layers, 1.7) for layers in FREE_LENGTHS[function]] + [together]:
        longer = {name: scaled.get(name, 1.0) * weight for name, weight in weights.items()}
        torch.testing.assert_close(function(longer, DATA[0]), outputs, rtol=EXACT, atol=EXACT)
    if function is crossed:
        longer = weights | {"incoming": 1.7 * weights["incoming"]}
        assert (function(longer, DATA[0]) - outputs).abs().max() > 0.1


@pytest.mark.parametrize("function", FREE_LENGTHS)
def test_free_lengths_change_by_the_squared_gradient_and_decay(function):
    """C' = (1 - eta wd)^2 C + eta^2 |g|^2, step by step."""
    gradients = slopes_of(squared_losses(function), lambda: DATA)
    rate, decay = 0.1, 0.05
    weights = networks(function)
    for _ in range(20):
        slopes = gradients(weights)
        after, _ = descend_losses(
            weights,
            lambda _, slopes=slopes: slopes,
            learning_rate=rate,
            records=[1],
            observe=lengths,
            weight_decay=decay,
        )
        for layers in FREE_LENGTHS[function]:
            charge, square, new = (
                sum(tensors[name].square().sum((1, 2)) for name in layers)
                for tensors in (weights, slopes, after)
            )
            expected = (1 - rate * decay) ** 2 * charge + rate**2 * square
            torch.testing.assert_close(new, expected, rtol=EXACT, atol=0)
        weights = after


def test_gradients_are_those_of_each_network_alone():
    losses = squared_losses(layerwise)
    weights = networks(layerwise)
    slopes = slopes_of(losses, lambda: DATA)(weights)
    for network in range(NETWORKS):
        one = {name: weight[[network]] for name, weight in weights.items()}
        batch = (DATA[0][[network]], DATA[1][[network]])
        alone = slopes_of(losses, lambda batch=batch: batch)(one)
        for name, slope in alone.items():
            torch.testing.assert_close(slope[0], slopes[name][network], rtol=EXACT, atol=1e-15)


def test_the_moment_of_a_batch_is_that_of_all_batches():
    """All pairs of samples, with replacement, as batches of two."""
    losses = squared_losses(crossed)
    weights = {name: weight[:1] for name, weight in networks(crossed).items()}
    samples = (DATA[0][:1, :5], DATA[1][:1, :5])
    squares = []
    for pair in torch.cartesian_prod(torch.arange(5), torch.arange(5)):
        batch = (samples[0][:, pair], samples[1][:, pair])
        slopes = slopes_of(losses, lambda batch=batch: batch)(weights)
        squares.append(sum(slope.square().sum() for slope in slopes.values()))
    moment = batch_moment(losses, weights, samples, batch_size=2)
    torch.testing.assert_close(moment[0], torch.stack(squares).mean(), rtol=EXACT, atol=0)


def test_the_length_at_equilibrium_is_a_fixed_point_of_the_mean_step():
    """With |g|^2 = m / C, C^2 is unchanged to the order of the step."""
    moment, rate, decay = 7.0, 0.05, 0.02
    square = fourth_power_at_equilibrium(torch.tensor(moment).double(), rate, decay)
    charge = square.sqrt()
    after = (1 - rate * decay) ** 2 * charge + rate**2 * moment / charge
    assert float(after) == pytest.approx(float(charge), rel=EXACT)
    grown = charge + rate**2 * moment / charge
    step = fourth_power_step(torch.tensor(moment).double(), rate)
    assert float(grown**2 - charge**2) == pytest.approx(float(step), rel=1e-2)
