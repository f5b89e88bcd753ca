"""Entropy-SGD and weight averaging: slow scalar references, closed forms on a quadratic, and
PyTorch's own average."""

import math

import pytest
import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.learning.optimizers.entropy_sgd import EntropySGD
from symgeom.learning.optimizers.swa import AveragedSGD

ROUNDING = {"rtol": 1e-12, "atol": 1e-14}  # a few dozen operations in float64
CURVATURE = 2.0


def quadratic(at):
    """Return the gradient of CURVATURE / 2 times the squared length."""
    return {name: CURVATURE * tensor for name, tensor in at.items()}


def run(method, params, state, steps):
    for _ in range(steps):
        direction, state = method.direction(quadratic, params, state)
        params = {
            name: params[name] - method.learning_rate_at(0, 1) * direction[name] for name in params
        }
    return params, state


def slow_entropy_sgd(x, outer_steps, method, scope):
    """Entropy-SGD on the quadratic, number by number and without noise, written from the
    algorithm."""
    for _ in range(outer_steps):
        walker = mean = x
        velocity = 0.0
        for _ in range(method.inner_steps):
            slope = CURVATURE * walker + method.weight_decay * walker - scope * (x - walker)
            velocity = method.momentum * velocity + slope
            walker -= method.inner_learning_rate * velocity
            mean = method.averaging * mean + (1 - method.averaging) * walker
        x -= method.learning_rate * (x - mean)
    return x


def test_entropy_sgd_is_its_algorithm():
    method = EntropySGD(
        0.7, 0.5, 1e-2, inner_steps=4, inner_learning_rate=0.05, scope=0.3, noise=0.0, averaging=0.6
    )
    params = {"w": torch.tensor([[3.0, -1.0], [0.5, 2.0]], dtype=torch.float64)}
    after, state = run(
        method, params, method.start(params, torch.tensor([1, 2])), 3 * method.inner_steps
    )
    expected = params["w"].clone().apply_(lambda x: slow_entropy_sgd(x, 3, method, 0.3))
    torch.testing.assert_close(method.output(after, state)["w"], expected, **ROUNDING)
    torch.testing.assert_close(
        after["w"], expected, **ROUNDING
    )  # the next walk begins at the outer point
    walking, state = run(method, after, state, 2)
    assert torch.equal(
        method.output(walking, state)["w"], method.output(after, state)["w"]
    )  # between outer steps it stays


def test_a_long_walk_finds_the_mean_of_the_local_entropy_of_a_quadratic():
    """The Gaussian around x of precision CURVATURE + scope has its mean at scope / (CURVATURE +
    scope) times x."""
    scope, rate, noise = 3.0, 0.05, 0.2
    options = {
        "momentum": 0.0,
        "inner_steps": 400,
        "inner_learning_rate": rate,
        "scope": scope,
        "averaging": 0.9,
    }
    params = {"w": torch.full((1, 3000), 2.0, dtype=torch.float64)}
    target = 2.0 * scope / (CURVATURE + scope)
    for strength in (0.0, noise):
        method = EntropySGD(noise=strength, **options)
        _, state = run(method, params, method.start(params, torch.tensor([5])), method.inner_steps)
        found = state["anchor"]["w"]
        contraction = 1 - rate * (CURVATURE + scope)
        variance = (
            strength**2 * 2 * rate / (1 - contraction**2)
        )  # of the walk, an autoregression; its running mean varies less
        assert abs(float(found.mean()) - target) <= 5 * math.sqrt(variance / 3000) + 1e-9
    assert 0.1 * variance < float(found.var()) < variance


def test_the_walk_has_the_variance_of_its_noise():
    rate, noise = 0.05, 0.3
    method = EntropySGD(
        momentum=0.0, inner_steps=10**6, inner_learning_rate=rate, scope=1.0, noise=noise
    )
    params = {"w": torch.zeros(1, 20000, dtype=torch.float64)}
    after, _ = run(method, params, method.start(params, torch.tensor([3])), 60)
    variance = noise**2 * 2 * rate / (1 - (1 - rate * (CURVATURE + 1.0)) ** 2)
    assert float(after["w"].var()) == pytest.approx(
        variance, rel=0.05
    )  # five standard deviations of a variance of 20,000


def test_noise_depends_on_seed_and_step_only():
    method, params = EntropySGD(noise=1.0), {"w": torch.zeros(3, 4), "b": torch.zeros(3, 2)}
    state = method.start(params, torch.tensor([7, 8, 7]))
    middle, at_middle = run(method, params, state, 3)
    whole, _ = run(method, params, state, 6)
    again, _ = run(
        method,
        {name: t.clone() for name, t in middle.items()},
        {k: dict(v) for k, v in at_middle.items()},
        3,
    )
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert all(
        torch.equal(tensor[0], tensor[2]) and not torch.equal(tensor[0], tensor[1])
        for tensor in whole.values()
    )
    with pytest.raises(
        SymgeomError,
        match="Cannot start optimizer 'entropy_sgd' without seeds of its noise: give an integer",
    ):
        method.start(params)


def test_scope_grows_up_to_the_inverse_learning_rate_and_the_schedule_is_of_the_outer_step():
    method = EntropySGD(
        0.8, schedule="cosine", scope=0.1, scope_growth=1e4, inner_learning_rate=0.02
    )
    params = {"w": torch.zeros(2, 1)}
    state, found = method.start(params, torch.tensor([0, 1])), []
    for progress in (0.0, 0.5, 0.75):
        state = method.begin_epoch(
            params, state, progress=progress, loss_at=lambda at: torch.zeros(2)
        )
        found += [float(state["outer"][name][1]) for name in ("scope", "learning_rate")]
    assert found == pytest.approx([0.1, 0.8, 10.0, 0.4, 50.0, 0.4 * (1 - math.sqrt(0.5))])
    assert method.learning_rate_at(3, 4) == 0.02


@pytest.mark.parametrize("every", [1, 2])
def test_the_average_is_that_of_pytorch(every):
    method, epochs = (
        AveragedSGD(0.2, 0.9, average_from=0.5, average_every=every, averages_least=2),
        9,
    )
    params = {"weight": torch.tensor([[[1.0, -2.0]], [[0.5, 3.0]]], dtype=torch.float64)}
    layers = [nn.Linear(2, 1, bias=False).double() for _ in range(2)]
    averages = [torch.optim.swa_utils.AveragedModel(layer) for layer in layers]
    state, taken = method.start(params), 0
    for epoch in range(epochs):
        state = method.begin_epoch(
            params, state, progress=epoch / epochs, loss_at=lambda at: torch.zeros(2)
        )
        params, state = run(method, params, state, 2)
        for member, layer in enumerate(layers):
            layer.load_state_dict({"weight": params["weight"][member]})
        if (
            epoch >= 5 and (epoch - 4) % every == 0
        ):  # epochs 5 to 8 begin in the second half of the nine
            taken += 1
            for average, layer in zip(averages, layers, strict=True):
                average.update_parameters(layer)
        found = method.output(params, state)["weight"]
        expected = (
            torch.stack([average.module.weight for average in averages]).detach()
            if taken
            else params["weight"]
        )
        torch.testing.assert_close(found, expected, **ROUNDING)
        assert method.may_stop(state) == (taken >= 2)
    assert taken == 4 // every


def test_averaging_begins_at_its_share_of_the_epochs_with_its_learning_rate():
    method = AveragedSGD(0.4, schedule="cosine", average_from=0.5, averaging_learning_rate=0.07)
    assert [method.learning_rate_at(epoch, 4) for epoch in range(4)] == pytest.approx(
        [0.4, 0.2 * (1 + math.sqrt(0.5)), 0.07, 0.07]
    )
