"""Shuffled epochs, as a batch size."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network

from symgeom.dynamics.noise import effective_batch_size, noise_force
from symgeom.ground.checks import SymgeomError
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing


def charge_moved(gradients, momentum):
    """What a heavy ball adds to a charge, from rest until it rests again, for a step of 1.

    The gradients leave the charge alone at first order: with q the pairing of weights and
    velocity, q' = momentum (q - v^2), v' = momentum v + g, and the charge moves by v'^2 - 2 q'.
    """
    velocity, work, moved = 0.0, 0.0, 0.0
    for gradient in [*gradients, *[0.0] * (400 if momentum else 0)]:
        work = momentum * (work - velocity**2)
        velocity = momentum * velocity + gradient
        moved += velocity**2 - 2 * work
    return moved


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize(("samples", "size"), [(4, 1), (6, 2), (5, 2), (5, 3)])
def test_the_noise_of_all_orders_of_an_epoch_is_that_of_the_effective_batch_size(
    samples, size, momentum
):
    noise = np.array([1.0, -2.0, 0.3, 5.0, -0.7, 2.2])[:samples]
    noise -= noise.mean()
    steps = samples // size
    moved = []
    for order in itertools.permutations(noise):
        batches = np.reshape(order[: steps * size], (steps, size)).mean(1)
        moved.append(charge_moved(batches, momentum))
    effective = effective_batch_size(size, samples=samples, momentum=momentum)
    predicted = steps * noise.var() / effective / (1 - momentum) ** 2
    assert math.isclose(np.mean(moved), predicted, rel_tol=1e-12)


def test_without_replacement_the_mean_square_of_a_batch_is_that_of_all_batches():
    # F4: E <g_B, A g_B> = kappa Tr[Sigma A] / S + <g, A g>, over all 20 batches of three of six.
    spec, params = mlp_spec(5, 7, 6, 3), network(5, 7, 6, 3)
    landscape = Problem(mlp(5, 7, 6, 3), *batch(6, 5, 3))
    force, mean = noise_force(spec, landscape, params), landscape.gradient(params)
    size = effective_batch_size(3, samples=6)
    assert size == Fraction(3 * 5, 6 - 3)
    total = {name: np.zeros(rows.shape[1]) for name, rows in force.variance.items()}
    for index in itertools.combinations(range(6), 3):
        gradient = landscape.gradient(params, index=torch.tensor(index))
        squares = pairing(spec, gradient, gradient)
        for name in total:
            total[name] += squares[name].numpy() / 20
    for name in force.variance:
        rows = force.variance[name].numpy()
        noise = (rows[0] + rows[1] - rows[2]) / size
        expected = noise + pairing(spec, mean, mean)[name].numpy()
        np.testing.assert_allclose(total[name], expected, rtol=1e-12, atol=1e-14)


def decay_of_the_charge(*, shuffled):
    """Rate at which ln |u^2 - w^2| falls per step of a heavy ball, for u w x and noisy labels."""
    samples, size, rate, momentum, chains = 40, 4, 0.002, 0.9, 60
    random = np.random.default_rng(7)
    inputs = random.normal(size=samples)
    labels = inputs + random.normal(size=samples)
    scale = np.sqrt((inputs * labels).mean() / (inputs**2).mean())
    weights = scale * np.exp(np.array([[0.4], [-0.4]])) * np.ones((2, chains))
    velocity = np.zeros((2, chains))
    logarithms = []
    for _ in range(240):
        order = random.integers(samples, size=(chains, samples))
        if shuffled:
            order = random.permuted(np.tile(np.arange(samples), (chains, 1)), axis=1)
        for index in np.split(order, samples // size, axis=1):
            errors = inputs[index] * weights.prod(0)[:, None] - labels[index]
            velocity = momentum * velocity + (2 * inputs[index] * errors).mean(1) * weights[::-1]
            weights = weights - rate * velocity
        logarithms.append(np.log(abs(weights[0] ** 2 - weights[1] ** 2)).mean())
    return (logarithms[40] - logarithms[-1]) / (10 * 199)


def test_shuffling_slows_a_training_with_momentum_as_predicted():
    share = decay_of_the_charge(shuffled=True) / decay_of_the_charge(shuffled=False)
    predicted = 4 / effective_batch_size(4, samples=40, momentum=0.9)
    assert abs(predicted - 0.28) < 0.005
    assert predicted < share < 1.3 * predicted  # the mean gradient is no noise, and adds to both


def test_all_samples_at_once_have_no_noise_and_few_of_many_are_as_good_as_independent():
    assert effective_batch_size(10, samples=10, momentum=0.9) == math.inf
    assert math.isclose(effective_batch_size(1, samples=10**6), 1)
    assert math.isclose(effective_batch_size(1, samples=10**6, momentum=0.9), 1, rel_tol=1e-4)
    assert 2.1 < effective_batch_size(5, samples=100, momentum=0.9) / 5 < 2.3  # the module's "half"


def test_numbers_out_of_range_are_refused():
    with pytest.raises(SymgeomError, match="Cannot use 12 as the batch size: give a number from"):
        effective_batch_size(12, samples=10)
    with pytest.raises(SymgeomError, match="Cannot use momentum 1.0: it must lie in"):
        effective_batch_size(2, samples=10, momentum=1.0)
