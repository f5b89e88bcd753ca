"""Layers before a normalisation, whose length does not matter: noise lengthens them."""

import math

import numpy as np
import torch
from cases import batch, randomised
from torch import Tensor, nn

from symgeom.dynamics.noise import noise_equilibrium
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

SIZE, SAMPLES, BATCH = 6, 200, 4
SPEC = SymmetrySpec((UnitGroup("layer", 1, (Leg("w", 0, block=SIZE),)),))


class Normalised(nn.Module):
    """A linear function of the direction of its weights."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(SIZE, dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ (self.w / self.w.norm())


def regression():
    """Return noisy labels of a linear function, as a landscape, and its weights."""
    generator = stream("scale-invariant")
    inputs = torch.randn(SAMPLES, SIZE, generator=generator, dtype=torch.float64)
    weights = torch.randn(SIZE, generator=generator, dtype=torch.float64)
    weights = weights / weights.norm()
    noise = torch.randn(SAMPLES, generator=generator, dtype=torch.float64)
    return Problem(
        Normalised(), inputs, inputs @ weights + noise, lambda o, t: (o - t).square()
    ), weights


def sgd(landscape, starts, *, rate, decay, steps):
    """Train many copies by SGD, written out; return their weights after every step."""
    inputs, targets = landscape.inputs.numpy(), landscape.targets.numpy()
    generator = np.random.default_rng(5)
    weights = starts.copy()
    path = []
    for _ in range(steps):
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        units = weights / lengths
        drawn = generator.integers(0, SAMPLES, (len(weights), BATCH))
        residuals = np.einsum("rsd,rd->rs", inputs[drawn], units) - targets[drawn]
        slopes = 2 * np.einsum("rs,rsd->rd", residuals, inputs[drawn]) / BATCH
        across = slopes - units * (slopes * units).sum(1, keepdims=True)
        weights = weights - rate * (across / lengths + decay * weights)
        path.append(weights)
    return np.stack(path)


def moments(landscape, weights):
    """Return the variance and the squared mean of the gradient at length one, by a loop."""
    unit = weights / weights.norm()
    gradients = torch.stack(
        [landscape.gradient({"w": unit}, index=torch.tensor([k]))["w"] for k in range(SAMPLES)]
    )
    variance = (gradients - gradients.mean(0)).square().sum(1).mean()
    return float(variance), float(gradients.mean(0).square().sum())


def test_its_length_at_rest_is_that_of_the_formula():
    landscape, weights = regression()
    variance, drift = moments(landscape, weights)
    rate, decay = 0.1, 0.03
    for length in (0.3, 1.0, 4.0):
        start = {"w": length * weights}
        there = noise_equilibrium(
            SPEC, landscape, start, learning_rate=rate, batch_size=BATCH, weight_decay=decay
        )
        fourth = length**4 * math.exp(4 * float(there.displacement["layer"]))
        assert math.isclose(fourth, rate * variance / (2 * decay * BATCH), rel_tol=1e-12)
        fourth = length**4 * math.exp(4 * float(there.finite_steps["layer"]))
        push = variance / BATCH + drift
        assert math.isclose(
            fourth, rate * push / (2 * decay * (1 - rate * decay / 2)), rel_tol=1e-12
        )
        assert there.verdicts() == {"layer": ("balances",)}
        scale = there.joint.element.scales["layer"]
        torch.testing.assert_close(scale, there.displacement["layer"].exp(), rtol=1e-12, atol=0)


def test_a_step_of_sgd_leaves_its_length_in_the_mean_where_finite_steps_say():
    """All mini-batches of one sample, at a large learning rate, away from the minimum."""
    landscape, weights = regression()
    rate, decay = 0.5, 0.3
    away = {"w": weights + torch.linspace(-0.3, 0.5, SIZE, dtype=torch.float64)}
    recipe = {"learning_rate": rate, "batch_size": 1, "weight_decay": decay}
    before = noise_equilibrium(SPEC, landscape, away, **recipe)
    element = GroupElement(
        identity(SPEC).permutations, {"layer": before.finite_steps["layer"].exp()}
    )
    start = act(SPEC, element, away)["w"]
    lengths = []
    for sample in range(SAMPLES):
        slope = landscape.gradient({"w": start}, index=torch.tensor([sample]))["w"]
        lengths.append(float((start - rate * (slope + decay * start)).square().sum()))
    assert math.isclose(np.mean(lengths), float(start.square().sum()), rel_tol=1e-12)
    # The mean gradient counts here.
    assert float(before.finite_steps["layer"] - before.displacement["layer"]) > 0.01


def test_without_decay_it_grows_for_ever_at_the_rate_of_the_noise():
    landscape, weights = regression()
    recipe = {"learning_rate": 0.02, "batch_size": BATCH}
    there = noise_equilibrium(SPEC, landscape, {"w": 2 * weights}, **recipe)
    assert there.verdicts() == {"layer": ("grows",)} == there.phases()
    assert float(there.displacement["layer"]) == float(there.finite_steps["layer"]) == math.inf
    assert torch.equal(there.joint.element.scales["layer"], torch.ones(1).double())
    variance, drift = moments(landscape, weights)
    path = sgd(landscape, 2 * weights.numpy()[None].repeat(1000, 0), rate=0.02, decay=0, steps=100)
    fourth = (np.linalg.norm(path, axis=2) ** 4).mean(1)
    slope = (fourth[-1] - fourth[0]) / 99
    assert math.isclose(slope, 2 * 0.02**2 * (variance / BATCH + drift), rel_tol=0.03)


def test_sgd_comes_to_the_predicted_length():
    landscape, weights = regression()
    recipe = {"learning_rate": 0.02, "weight_decay": 0.05}
    factors = np.repeat([0.7, 1.5], 30)
    starts = factors[:, None] * weights.numpy()
    path = sgd(landscape, starts, rate=0.02, decay=0.05, steps=3000)
    fourth = (np.linalg.norm(path[2000:], axis=2) ** 4).mean(0)
    shorter, longer = fourth[:30].mean(), fourth[30:].mean()
    predicted = []
    for w in torch.from_numpy(path[2000::500, ::5]).flatten(0, 1):
        there = noise_equilibrium(SPEC, landscape, {"w": w}, batch_size=BATCH, **recipe)
        predicted.append(float(w.norm()) ** 4 * math.exp(4 * float(there.finite_steps["layer"])))
    assert math.isclose(np.mean(predicted), shorter, rel_tol=0.03)
    assert math.isclose(np.mean(predicted), longer, rel_tol=0.03)
    # When the lengths were first looked at, they had come nearer by the factor e several times.
    assert 6 * float(there.steps["layer"]) < 2000


def test_units_are_fast_or_slow_against_the_loss_or_a_number_of_steps():
    landscape, weights = regression()
    away = {"w": 3 * weights + 1}
    recipe = {"learning_rate": 0.1, "batch_size": BATCH, "weight_decay": 0.03}
    there = noise_equilibrium(SPEC, landscape, away, **recipe)
    slope = landscape.gradient(away)["w"]
    expected = float(landscape.loss(away)) / (0.1 * float(slope.square().sum()))
    assert math.isclose(there.loss_steps, expected, rel_tol=1e-12)
    needed = float(there.steps["layer"])
    share = float(there.noise_share["layer"])
    source = "noise" if share > 0.5 else "decay"
    assert there.phases(needed * 1.01) == {"layer": (f"{source}-dominated, fast",)}
    assert there.phases(needed * 0.99) == {"layer": (f"{source}-dominated, slow",)}
    speed = "fast" if needed <= there.loss_steps else "slow"
    assert there.phases() == {"layer": (f"{source}-dominated, {speed}",)}
    # Longer weights have smaller gradients: decay takes over.
    longer = noise_equilibrium(SPEC, landscape, {"w": 100 * away["w"]}, **recipe)
    assert longer.phases(1e9) == {"layer": ("decay-dominated, fast",)}
    shorter = noise_equilibrium(SPEC, landscape, {"w": away["w"] / 100}, **recipe)
    assert shorter.phases(0.0) == {"layer": ("noise-dominated, slow",)}


def test_at_rest_the_loss_takes_for_ever():
    landscape, weights = regression()
    still = Problem(landscape.module, landscape.inputs, landscape.targets, lambda o, _: 0 * o)
    there = noise_equilibrium(SPEC, still, {"w": weights}, learning_rate=0.1, batch_size=BATCH)
    assert there.loss_steps == math.inf
    assert there.phases() == {"layer": ("never moves",)}


def test_a_normalised_layer_and_the_units_before_it_come_to_rest_together():
    module = randomised(
        nn.Sequential(
            *(nn.Linear(5, 4), nn.LeakyReLU(), nn.Linear(4, 3, bias=False)),
            *(nn.LayerNorm(3, eps=0.0), nn.Linear(3, 3)),
        )
    )
    hidden = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
    layer = UnitGroup("layer", 1, (Leg("2.weight", 0, block=3),), permute=False)
    spec = SymmetrySpec((UnitGroup("hidden", 4, hidden), layer))
    landscape = Problem(module, *batch(40, 5, 3))
    params = parameters(module)
    certify(spec, module, params, inputs=landscape.inputs, generator=stream("certificate"))
    for decay in (0.0, 0.02):
        recipe = {"learning_rate": 0.1, "batch_size": BATCH, "weight_decay": decay}
        before = noise_equilibrium(spec, landscape, params, **recipe)
        there = act(spec, before.joint.element, params)
        after = noise_equilibrium(spec, landscape, there, **recipe)
        assert float(before.displacement["hidden"].abs().max()) > 0.01
        assert float(after.displacement["hidden"].abs().max()) < 1e-11
        assert after.verdicts()["layer"] == ("balances" if decay else "grows",)
        assert decay == 0 or abs(float(after.displacement["layer"])) < 1e-11
