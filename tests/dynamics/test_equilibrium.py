import math
from itertools import product

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import sample_gradients_one_by_one
from scipy.optimize import brentq
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.dynamics.noise import (
    decay_ratio,
    effective_learning_rate,
    gradient_variance,
    noise_equilibrium,
    noise_force,
)
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
ROUNDING = 1e-12


def problem(samples=40, chunk=2048, module=None):
    return Problem(module or mlp(*WIDTHS), *batch(samples, WIDTHS[0], WIDTHS[-1]), chunk=chunk)


class Tied(nn.Module):
    """Two layers that share their weights."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 5), nn.Linear(5, 3)
        self.second = nn.Linear(5, 5)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.last(torch.relu(self.second(torch.relu(self.first(inputs)))))


class Twice(nn.Module):
    """A layer that is used twice, once behind the back of its forward method."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.last(
            nn.functional.linear(self.first(inputs).relu(), self.first.weight, self.first.bias)
        )


class Sequence(nn.Module):
    """Linear layers over a sequence: a sample's gradient is a sum of outer products."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(1, 4), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.last(torch.relu(self.layer(inputs.unsqueeze(-1))).mean(1))


ARCHITECTURES = {
    "mlp": lambda: mlp(*WIDTHS),
    "without biases": lambda: mlp(*WIDTHS, bias=False),
    "one layer": lambda: nn.Linear(5, 3),
    "layer used twice": Twice,
    "tied": Tied,
    "sequence": Sequence,
    "in place": lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)
    ),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("chunk", [7, 2048])
def test_variances_agree_with_a_loop_over_samples(name, chunk):
    module = ARCHITECTURES[name]().double()
    weights = {
        name: torch.randn(x.shape, generator=stream(name), dtype=x.dtype)
        for name, x in parameters(module).items()
    }
    weights = {name: weights[name] for name, _ in module.named_parameters()}
    landscape = problem(chunk=chunk, module=module)
    found = gradient_variance(landscape, weights)
    for tensor, gradients in sample_gradients_one_by_one(landscape, weights).items():
        expected = gradients.var(0, correction=0)
        torch.testing.assert_close(
            found[tensor], expected, rtol=ROUNDING, atol=ROUNDING * float(expected.max())
        )


def test_a_multilayer_perceptron_needs_no_sample_gradients(monkeypatch):
    monkeypatch.delattr(Problem, "sample_gradients")
    assert noise_force(SPEC, problem(), network(*WIDTHS))["hidden1"].shape == (3, 7)


def test_the_force_is_the_variance_on_each_leg_of_each_unit():
    params, landscape = network(*WIDTHS), problem()
    force, gradients = (
        noise_force(SPEC, landscape, params),
        sample_gradients_one_by_one(landscape, params),
    )
    assert sorted(force) == ["hidden1", "hidden2"]
    for k in range(6):
        slices = (
            gradients["2.weight"][:, k],
            gradients["2.bias"][:, k : k + 1],
            gradients["4.weight"][:, :, k],
        )
        expected = torch.stack([(rows - rows.mean(0)).square().mean(0).sum() for rows in slices])
        torch.testing.assert_close(force["hidden2"][:, k], expected, rtol=ROUNDING, atol=ROUNDING)


def test_single_precision_is_measured_in_double():
    landscape, params = problem(module=mlp(*WIDTHS).float()), cast(network(*WIDTHS), torch.float32)
    single = Problem(landscape.module, landscape.inputs.float(), landscape.targets)
    force = noise_force(SPEC, single, params)["hidden1"]
    assert force.dtype == torch.float64
    expected = noise_force(SPEC, single.cast(torch.float64), cast(params, torch.float64))["hidden1"]
    assert torch.equal(force, expected)


def test_the_mean_drift_of_a_charge_under_sgd_is_force_minus_decay():
    # All mini-batches of two samples of six, drawn with replacement, one SGD step each: an exact
    # mean.
    rate, decay, landscape, params = 0.1, 0.05, problem(samples=6), network(*WIDTHS)
    force, mean = noise_force(SPEC, landscape, params), landscape.gradient(params)
    drift = {name: torch.zeros_like(charge) for name, charge in charges(SPEC, params).items()}
    for pair in product(range(6), repeat=2):
        gradient = landscape.gradient(params, index=torch.tensor(pair))
        moved = {
            name: params[name] - rate * (gradient[name] + decay * params[name]) for name in params
        }
        for name, charge in charges(SPEC, moved).items():
            drift[name] += (charge - charges(SPEC, params)[name]) / 36
    for name, charge in charges(SPEC, params).items():
        noise = force[name][0] + force[name][1] - force[name][2]
        ratio = decay_ratio(learning_rate=rate, batch_size=2, weight_decay=decay)
        # Beyond the theory, both of second order in the step: the mean gradient, and the square of
        # the decay.
        discretisation = rate**2 * (pairing(SPEC, mean, mean)[name] + decay**2 * charge)
        torch.testing.assert_close(
            drift[name],
            rate**2 / 2 * (noise - ratio * charge) + discretisation,
            rtol=1e-10,
            atol=1e-13,
        )


def test_only_the_effective_step_of_momentum_enters():
    plain = decay_ratio(learning_rate=0.5, batch_size=32, weight_decay=1e-3)
    assert plain == 2 * 1e-3 * 32 / 0.5
    assert math.isclose(
        decay_ratio(learning_rate=0.05, batch_size=32, weight_decay=1e-3, momentum=0.9),
        plain,
        rel_tol=1e-15,
    )


def test_a_schedule_counts_by_what_its_steps_do():
    """A charge and the noise on it that stay as they are: all steps together balance the two."""
    rates = [0.3, 0.1, 0.05, 0.05]
    ratio = decay_ratio(
        learning_rate=effective_learning_rate(rates), batch_size=4, weight_decay=1e-2
    )
    charge, noise = 1.0, ratio
    moved = sum(rate**2 * noise / 4 - 2 * rate * 1e-2 * charge for rate in rates)
    assert abs(moved) < 1e-15
    assert effective_learning_rate([0.1, 0.1]) == pytest.approx(0.1)
    for wrong in ([], [0.1, 0.0]):
        with pytest.raises(SymgeomError, match="noise against decay at the learning rates"):
            effective_learning_rate(wrong)


def unit(*powers):
    """One unit with one leg of one weight for every power."""
    return SymmetrySpec(
        (UnitGroup("unit", 1, tuple(Leg(f"w{i}", 0, power=p) for i, p in enumerate(powers))),)
    )


def weights(*values):
    return {f"w{i}": torch.tensor([[value]], dtype=torch.float64) for i, value in enumerate(values)}


def displacement(powers, lengths, variances, decay):
    force = {"unit": torch.tensor(variances, dtype=torch.float64).unsqueeze(1)}
    return float(noise_equilibrium(unit(*powers), weights(*lengths), force, decay=decay)["unit"])


@pytest.mark.parametrize("decay", [0.0, 1e-6, 0.3, 1e6])
@pytest.mark.parametrize("powers", [(1, -1), (1, 1, -1), (1, -2), (2, -1), (3, 1, -2, 0), (2, -2)])
def test_the_displacement_is_the_root_of_the_drift(powers, decay):
    lengths, variances = [0.3, 2.0, 5.0, 1.1][: len(powers)], [1e-3, 7.0, 0.2, 1e4][: len(powers)]

    def drift(x):
        noise = sum(p * n * math.exp(-2 * p * x) for p, n in zip(powers, variances, strict=True))
        return noise - decay * sum(
            p * t**2 * math.exp(2 * p * x) for p, t in zip(powers, lengths, strict=True)
        )

    found = displacement(powers, lengths, variances, decay)
    assert drift(-9) > 0 > drift(9)
    assert abs(found - brentq(drift, -9, 9, xtol=1e-15, rtol=1e-15)) < 1e-12


@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_powers_of_two_halve_the_displacement(decay):
    # s**2 in place of s: the root-finder for general powers against the closed form for powers of
    # one.
    closed = displacement((1, 1, -1), (0.2, 1.0, 3.0), (0.5, 2.0, 0.1), decay)
    assert (
        abs(displacement((2, 2, -2), (0.2, 1.0, 3.0), (0.5, 2.0, 0.1), decay) - closed / 2)
        < ROUNDING
    )


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_the_equilibrium_minimises_noise_plus_decay_on_the_orbit(decay):
    variances, lengths = (0.5, 4.0), (1.3, 0.2)

    def free_energy(x):
        squares = [
            n * math.exp(-2 * p * x) + decay * t**2 * math.exp(2 * p * x)
            for p, n, t in zip((1, -1), variances, lengths, strict=True)
        ]
        return sum(squares)

    found = displacement((1, -1), lengths, variances, decay)
    assert found != 0
    assert free_energy(found) < min(
        free_energy(found - 1e-3), free_energy(found + 1e-3), free_energy(0.0)
    )


def moved(spec, params, name, displacements):
    size = spec[name].size
    return act(spec, GroupElement({name: torch.arange(size)}, {name: displacements.exp()}), params)


@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("name", ["hidden1", "hidden2"])
def test_a_network_moved_to_equilibrium_stays_there(name, decay):
    params, landscape = network(*WIDTHS), problem()
    before = noise_force(SPEC, landscape, params)
    step = noise_equilibrium(SPEC, params, before, decay=decay)[name]
    assert float(step.abs().min()) > 1e-3
    there = moved(SPEC, params, name, step)
    after = noise_force(SPEC, landscape, there)
    # Sample gradients transform by the inverse scale.
    powers = torch.tensor([[1.0], [1.0], [-1.0]], dtype=torch.float64)
    torch.testing.assert_close(
        after[name], before[name] * (-2 * powers * step).exp(), rtol=ROUNDING, atol=0
    )
    assert float(noise_equilibrium(SPEC, there, after, decay=decay)[name].abs().max()) < ROUNDING


def test_without_decay_variances_balance_and_under_strong_decay_norms_do():
    params, landscape = network(*WIDTHS), problem()
    force = noise_force(SPEC, landscape, params)
    free = moved(
        SPEC, params, "hidden2", noise_equilibrium(SPEC, params, force, decay=0.0)["hidden2"]
    )
    rows = noise_force(SPEC, landscape, free)["hidden2"]
    torch.testing.assert_close(rows[0] + rows[1], rows[2], rtol=ROUNDING, atol=0)
    bound = moved(
        SPEC, params, "hidden2", noise_equilibrium(SPEC, params, force, decay=1e15)["hidden2"]
    )
    assert float(charges(SPEC, bound)["hidden2"].abs().max()) < ROUNDING


@pytest.mark.parametrize("factor", [1, 2])
def test_without_a_balance_the_displacement_is_infinite_or_undefined(factor):
    powers = (factor, -factor)
    assert displacement(powers, (1.0, 1.0), (2.0, 0.0), 0.0) == math.inf
    assert displacement(powers, (1.0, 1.0), (0.0, 2.0), 0.0) == -math.inf
    assert math.isnan(displacement(powers, (1.0, 1.0), (0.0, 0.0), 0.0))
    assert displacement(powers, (1.0, 0.0), (0.0, 2.0), 0.5) == -math.inf
    # Decay alone balances the norms: 4 e^-2fx = 9 e^2fx at x = log(4 / 9) / 4f.
    assert math.isclose(
        displacement(powers, (3.0, 2.0), (0.0, 0.0), 0.5),
        math.log(4 / 9) / (4 * factor),
        rel_tol=1e-13,
    )


def test_a_scale_invariant_unit_grows_until_decay_stops_it():
    assert displacement((1,), (3.0,), (2.0,), 0.0) == math.inf
    # N / s**2 = c s**2 T
    assert math.isclose(
        displacement((1,), (3.0,), (2.0,), 0.5), math.log(2.0 / (0.5 * 9)) / 4, rel_tol=1e-13
    )


def test_extreme_scales_do_not_overflow():
    # 1e200 exp(-2 x) = 2e-200 exp(4 x)
    expected = (math.log(1e200) - math.log(2e-200)) / 6
    assert math.isclose(
        displacement((1, -2), (1.0, 1.0), (1e200, 1e-200), 0.0), expected, rel_tol=1e-13
    )


def test_a_unit_that_never_fires_has_no_equilibrium_and_one_sample_no_noise():
    params = network(*WIDTHS)
    params["0.bias"][2] = -1e3
    found = noise_equilibrium(SPEC, params, noise_force(SPEC, problem(), params), decay=0.0)[
        "hidden1"
    ]
    assert found.isnan().nonzero().flatten().tolist() == [2]
    alone = noise_force(SPEC, problem(samples=1), network(*WIDTHS))
    assert all(float(rows.abs().max()) == 0 for rows in alone.values())


def test_bad_requests_are_refused():
    params, landscape = network(*WIDTHS), problem()
    force = noise_force(SPEC, landscape, params)
    with pytest.raises(
        SymgeomError,
        match="learning rate 0.0, batch size 8, weight decay 0.1, momentum 0.0: the first two must",
    ):
        decay_ratio(learning_rate=0.0, batch_size=8, weight_decay=0.1)
    for wrong in ({"batch_size": 0}, {"weight_decay": -0.1}, {"momentum": 1.0}):
        with pytest.raises(SymgeomError, match="Cannot weigh decay against noise"):
            decay_ratio(**({"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1} | wrong))
    with pytest.raises(SymgeomError, match="Cannot balance noise with a decay ratio of"):
        noise_equilibrium(SPEC, params, force, decay=-1.0)
    for decay in (math.inf, math.nan):
        with pytest.raises(SymgeomError, match=f"'decay' is {decay}; a finite number"):
            noise_equilibrium(SPEC, params, force, decay=decay)
    with pytest.raises(
        SymgeomError, match=r"groups \{'hidden1': \(3, 7\)\} with a spec of .*'hidden2': \(3, 6\)"
    ):
        noise_equilibrium(SPEC, params, {"hidden1": force["hidden1"]}, decay=0.0)
    with pytest.raises(
        SymgeomError, match="Cannot use the noise force: tensor 'hidden1' holds 21 values"
    ):
        noise_equilibrium(SPEC, params, force | {"hidden1": force["hidden1"] * math.inf}, decay=0.0)
    with pytest.raises(
        SymgeomError, match="Cannot use the network: tensor '0.bias' holds 7 values"
    ):
        noise_force(
            SPEC, landscape, params | {"0.bias": torch.full((7,), math.nan, dtype=torch.float64)}
        )
    with pytest.raises(SymgeomError, match="which has 7"):
        noise_force(mlp_spec(5, 8, 6, 3), landscape, params)
