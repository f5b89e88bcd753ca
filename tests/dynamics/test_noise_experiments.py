"""Experiments with the path of charges: their parts against slow references, and small runs."""

import numpy as np
import pytest
import torch
from torch.func import functional_call

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import CAUSES
from symgeom.dynamics.noise.experiments import relu_flow
from symgeom.dynamics.noise.experiments.relu_layers import (
    SPEC,
    gradients,
    labels,
    landscape,
    network,
    squared_error,
    starts,
    unbalanced,
)
from symgeom.ground.randomness import stream
from symgeom.models.noise.experiments.catalogue import experiment_named
from symgeom.symmetry.discovery import discover

ADAM = list(relu_flow.DESCENTS).index("Adam")
NOISE = CAUSES.index("noise")
OPTIMIZER = CAUSES.index("optimizer")


@pytest.fixture(scope="module")
def small():
    with torch.no_grad():
        arrays, _ = experiment_named("relu_flow")(8, 1)
    return {name: np.asarray(array.values) for name, array in arrays.items()}


def test_gradients_are_those_of_automatic_differentiation():
    theta = starts(3, "test")
    inputs = torch.randn(3, 5, 6, generator=stream("inputs"), dtype=torch.float64)
    targets = labels(inputs, 1.0, "test")
    slopes = gradients(theta, inputs, targets)
    for member in range(3):
        free = {name: tensor[member].clone().requires_grad_() for name, tensor in theta.items()}
        outputs = functional_call(network(), free, (inputs[member],))
        squared_error(outputs, targets[member]).mean().backward()
        for name, tensor in free.items():
            torch.testing.assert_close(slopes[name][member], tensor.grad, rtol=1e-12, atol=1e-14)


def test_the_symmetries_are_those_that_are_discovered():
    derived = discover(network(), torch.randn(2, 6, dtype=torch.float64)).exact()
    params = {name: tensor[0] for name, tensor in starts(1, "test").items()}
    assert [group.size for group in derived.groups] == [SPEC["hidden"].size]
    (expected,) = charges(derived, params).values()
    torch.testing.assert_close(charges(SPEC, params)["hidden"], expected)


def test_noise_changes_labels_and_not_the_function_behind_them():
    inputs = torch.randn(2, 4000, 6, generator=stream("inputs"), dtype=torch.float64)
    noise = labels(inputs, 0.5, "test") - labels(inputs, 0.0, "test")
    assert float(noise.std()) == pytest.approx(0.5, rel=0.02)
    assert abs(float(noise.mean())) < 0.01


def test_adam_is_that_of_torch():
    theta = starts(1, "test")
    free = [tensor.clone().requires_grad_() for tensor in theta.values()]
    torchs = torch.optim.Adam(free, lr=0.01, betas=(0.9, 0.999), eps=1e-8)
    ours = relu_flow.Adam(theta)
    inputs = torch.randn(1, 5, 6, generator=stream("inputs"), dtype=torch.float64)
    for step in range(4):
        slopes = gradients(theta, inputs * (1 + step), labels(inputs, 1.0, "test"))
        for tensor, slope in zip(free, slopes.values(), strict=True):
            tensor.grad = slope.clone()
        torchs.step()
        directions = ours.direction(slopes)
        theta = {name: theta[name] - 0.01 * directions[name] for name in theta}
    for tensor, expected in zip(theta.values(), free, strict=True):
        torch.testing.assert_close(tensor, expected.detach(), rtol=1e-10, atol=1e-12)


def test_the_same_networks_descend_in_all_ways(small):
    noisy = [number for number, name in enumerate(relu_flow.DESCENTS) if "no label" not in name]
    first = small["charge"][noisy, :, 0]
    assert (first == first[0]).all()
    assert (small["loss"][noisy, :, 0] == small["loss"][0, :, 0]).all()


def test_what_is_booked_is_what_charges_change_by(small):
    change = small["charge"] - small["charge"][:, :, :1]
    np.testing.assert_allclose(small["booked"].sum(3), change, rtol=0, atol=1e-12)
    optimizer = small["booked"][:, :, -1, OPTIMIZER]
    others = np.delete(optimizer, ADAM, 0)
    assert (others == 0).all()
    assert (optimizer[ADAM] != 0).all()


def test_what_is_predicted_begins_where_charges_do(small):
    path, charge = small["path"], small["charge"]
    assert np.isnan(path[ADAM]).all()
    assert np.isnan(small["predicted"][ADAM]).all()
    seen = np.delete(path, ADAM, 0) - np.delete(charge, ADAM, 0)
    np.testing.assert_allclose(seen[:, :, 0], 0, atol=1e-12)
    full = list(relu_flow.DESCENTS).index("full batches")
    assert (small["predicted"][full, :, :, NOISE] == 0).all()
    # Without noise, finite steps are all there is: the prediction is that of a trapezoidal rule.
    change = charge[full, :, -1] - charge[full, :, 0]
    predicted = small["predicted"][full, :, -1].sum(1)
    assert np.linalg.norm(predicted - change) < 0.05 * np.linalg.norm(change)


def test_units_are_scaled_without_a_change_of_outputs():
    theta = {name: tensor[0] for name, tensor in starts(1, "test").items()}
    inputs = torch.randn(9, 6, generator=stream("inputs"), dtype=torch.float64)
    before, after = (
        functional_call(network(), params, (inputs,)) for params in (theta, unbalanced(theta, 1.5))
    )
    torch.testing.assert_close(before, after, rtol=1e-12, atol=1e-13)
    incoming = theta["0.weight"].square().sum(1) + theta["0.bias"].square()
    outgoing = theta["2.weight"].square().sum(0)
    moved = charges(SPEC, unbalanced(theta, 1.5))["hidden"]
    torch.testing.assert_close(moved, 2.25 * incoming - outgoing / 2.25)


def test_the_landscape_has_the_loss_that_is_descended():
    theta = {name: tensor[0] for name, tensor in starts(1, "test").items()}
    inputs = torch.randn(1, 9, 6, generator=stream("inputs"), dtype=torch.float64)
    targets = labels(inputs, 1.0, "test")
    problem = landscape(inputs[0], targets[0])
    slopes = gradients({name: tensor[None] for name, tensor in theta.items()}, inputs, targets)
    for name, slope in problem.gradient(theta).items():
        torch.testing.assert_close(slope, slopes[name][0], rtol=1e-12, atol=1e-14)
