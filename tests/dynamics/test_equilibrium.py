import math
from itertools import product

import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import sample_gradients_one_by_one
from scipy.optimize import brentq, minimize
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.dynamics.fibre import move_on_fibre
from symgeom.dynamics.noise import (
    NoiseForce,
    balance,
    decay_ratio,
    effective_learning_rate,
    gradient_variance,
    noise_equilibrium,
    noise_force,
    unit_displacements,
)
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing
from symgeom.symmetry.group import GroupElement, act, identity, inverse, random_element
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


class Attention(nn.Module):
    """One head over the features as a sequence, with projections that are linear layers."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Linear(1, 4), nn.LayerNorm(4)
        self.queries, self.keys, self.values = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, inputs):
        tokens = self.norm(self.embed(inputs.unsqueeze(-1)))
        mixed = nn.functional.scaled_dot_product_attention(
            self.queries(tokens), self.keys(tokens), self.values(tokens)
        )
        return self.last(mixed.mean(1))


class PositionsFirst(nn.Module):
    """A layer that sees the features along the first axis, where samples usually are."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(1, 4), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.last(torch.relu(self.layer(inputs.T.unsqueeze(-1))).mean(0))


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
    "groups": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)),
        nn.Conv1d(1, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv1d(4, 6, 3, groups=2, stride=2, padding="valid"),
        nn.Flatten(),
        nn.Linear(12, 3),
    ),
    "dilation": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 1, 5)),
        nn.Conv2d(1, 4, (1, 3), padding="same", dilation=(1, 2)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20, 3),
    ),
    "circular": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5)),
        nn.Conv1d(1, 3, 3, padding=1, padding_mode="circular"),
        nn.Flatten(),
        nn.Linear(15, 3),
    ),
    "attention": Attention,
    "positions first": PositionsFirst,
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


PRODUCTS = ("mlp", "sequence", "in place", "convolution", "groups", "dilation")


@pytest.mark.parametrize("name", PRODUCTS)
def test_linear_layers_and_convolutions_need_no_sample_gradients(name, monkeypatch):
    monkeypatch.delattr(Problem, "sample_gradients")
    module = ARCHITECTURES[name]().double()
    landscape = problem(module=module).cast(torch.float64)
    assert (
        gradient_variance(landscape, parameters(module)).keys()
        == dict(module.named_parameters()).keys()
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_share_of_the_heaviest_samples_is_that_of_a_loop(name):
    module = ARCHITECTURES[name]().double()
    landscape = problem(samples=150, module=module).cast(torch.float64)
    gradients = sample_gradients_one_by_one(landscape, parameters(module))
    rows = torch.cat([rows.flatten(1) for rows in gradients.values()], 1)
    distances = (rows - rows.mean(0)).square().sum(1).sort(descending=True).values
    expected = distances[:2].sum() / distances.sum()
    force = noise_force(SymmetrySpec(()), landscape, parameters(module))
    assert math.isclose(force.heaviest, float(expected), rel_tol=1e-10)


def test_the_standard_error_is_that_of_the_jackknife_over_blocks():
    params, landscape = network(*WIDTHS), problem(samples=200)
    force = noise_force(SPEC, landscape, params)
    rows = sample_gradients_one_by_one(landscape, params)["2.weight"]
    apart = (rows - rows.mean(0)).square().sum(2)
    without = []
    for block in range(20):
        rest = torch.ones(200, dtype=torch.bool)
        rest[block::20] = False
        without.append(apart[rest].mean(0))
    without = torch.stack(without)
    expected = (19 / 20 * (without - without.mean(0)).square().sum(0)).sqrt()
    torch.testing.assert_close(force.standard_error()["hidden2"][0], expected, rtol=1e-9, atol=0)


def test_the_standard_error_tells_how_estimates_scatter():
    params = network(*WIDTHS)
    variances, errors = [], []
    for draw in range(60):
        inputs, targets = batch(300, WIDTHS[0], WIDTHS[-1], seed=draw)
        force = noise_force(SPEC, Problem(mlp(*WIDTHS), inputs, targets), params)
        variances.append(force.variance["hidden1"])
        errors.append(force.standard_error()["hidden1"])
    scatter = torch.stack(variances).std(0)
    told = torch.stack(errors).mean(0)
    ratio = (told / scatter).median()
    assert 0.8 < float(ratio) < 1.25
    off = (torch.stack(variances) - torch.stack(variances).mean(0)).abs() / torch.stack(errors)
    covered = (off < torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(0.975))).double().mean()
    assert 0.88 < float(covered) < 0.99


def test_the_force_is_the_variance_on_each_leg_of_each_unit():
    params, landscape = network(*WIDTHS), problem()
    force, gradients = (
        noise_force(SPEC, landscape, params).variance,
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
    force = noise_force(SPEC, single, params).variance["hidden1"]
    assert force.dtype == torch.float64
    expected = noise_force(SPEC, single.cast(torch.float64), cast(params, torch.float64)).variance[
        "hidden1"
    ]
    assert torch.equal(force, expected)


def test_the_mean_drift_of_a_charge_under_sgd_is_force_minus_decay():
    # All mini-batches of two samples of six, drawn with replacement, one SGD step each: an exact
    # mean.
    rate, decay, landscape, params = 0.1, 0.05, problem(samples=6), network(*WIDTHS)
    force, mean = noise_force(SPEC, landscape, params).variance, landscape.gradient(params)
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
    variance = {"unit": torch.tensor(variances, dtype=torch.float64).unsqueeze(1)}
    force = NoiseForce(variance, {}, {}, {}, samples=2, heaviest=1.0)
    return float(unit_displacements(unit(*powers), weights(*lengths), force, decay=decay)["unit"])


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


def test_gradients_move_against_the_weights_sample_by_sample():
    # Lemma B.1: one measurement knows the variance of every entry everywhere on the orbit.
    params, landscape = network(*WIDTHS), problem()
    scales = random_element(SPEC.exact(), generator=stream("lemma")).scales
    element = GroupElement(identity(SPEC).permutations, {**identity(SPEC).scales, **scales})
    there = act(SPEC, element, params)
    back = inverse(SPEC, element)
    gradients = sample_gradients_one_by_one(landscape, params)
    moved_gradients = sample_gradients_one_by_one(landscape, there)
    for sample in range(0, 40, 8):
        of_sample = {name: rows[sample] for name, rows in gradients.items()}
        for name, expected in act(SPEC, back, of_sample).items():
            torch.testing.assert_close(
                moved_gradients[name][sample], expected, rtol=1e-11, atol=1e-13
            )
    predicted = act(SPEC, back, act(SPEC, back, noise_force(SPEC, landscape, params).entries))
    for name, entries in noise_force(SPEC, landscape, there).entries.items():
        torch.testing.assert_close(entries, predicted[name], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("decay", [0.0, 0.02])
@pytest.mark.parametrize("name", ["hidden1", "hidden2"])
def test_a_network_moved_to_equilibrium_stays_there(name, decay):
    params, landscape = network(*WIDTHS), problem()
    before = noise_force(SPEC, landscape, params)
    step = unit_displacements(SPEC, params, before, decay=decay)[name]
    assert float(step.abs().min()) > 1e-3
    there = moved(SPEC, params, name, step)
    after = noise_force(SPEC, landscape, there)
    # Sample gradients transform by the inverse scale.
    powers = torch.tensor([[1.0], [1.0], [-1.0]], dtype=torch.float64)
    torch.testing.assert_close(
        after.variance[name],
        before.variance[name] * (-2 * powers * step).exp(),
        rtol=ROUNDING,
        atol=0,
    )
    displacements = unit_displacements(SPEC, there, after, decay=decay)
    assert float(displacements[name].abs().max()) < ROUNDING


def test_without_decay_variances_balance_and_under_strong_decay_norms_do():
    params, landscape = network(*WIDTHS), problem()
    force = noise_force(SPEC, landscape, params)
    free = moved(
        SPEC, params, "hidden2", unit_displacements(SPEC, params, force, decay=0.0)["hidden2"]
    )
    rows = noise_force(SPEC, landscape, free).variance["hidden2"]
    torch.testing.assert_close(rows[0] + rows[1], rows[2], rtol=ROUNDING, atol=0)
    bound = moved(
        SPEC, params, "hidden2", unit_displacements(SPEC, params, force, decay=1e15)["hidden2"]
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


def test_a_unit_that_never_fires_has_no_equilibrium_and_equal_samples_have_no_noise():
    params = network(*WIDTHS)
    params["0.bias"][2] = -1e3
    equilibrium = noise_equilibrium(SPEC, problem(), params, learning_rate=0.1, batch_size=4)
    assert equilibrium.displacement["hidden1"].isnan().nonzero().flatten().tolist() == [2]
    assert equilibrium.verdicts()["hidden1"][1:4] == ("balances", "never moves", "balances")
    assert float(equilibrium.joint.element.scales["hidden1"][2]) == 1
    twins = problem(samples=1).subset(torch.tensor([0, 0, 0]))
    alike = noise_force(SPEC, twins, network(*WIDTHS))
    assert all(float(rows.abs().max()) == 0 for rows in alike.variance.values())
    assert math.isnan(alike.heaviest)


RECIPE = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.01}


@pytest.mark.parametrize("decay", [0.0, 1e-4, 0.02])
def test_all_units_together_come_to_rest(decay):
    params, landscape = network(*WIDTHS), problem().cast(torch.float64)
    recipe = RECIPE | {"weight_decay": decay}
    before = noise_equilibrium(SPEC, landscape, params, **recipe)
    there = act(SPEC, before.joint.element, params)
    torch.testing.assert_close(
        landscape.outputs(there), landscape.outputs(params), rtol=1e-13, atol=1e-13
    )
    after = noise_equilibrium(SPEC, landscape, there, **recipe)
    for name in ("hidden1", "hidden2"):
        assert float(before.displacement[name].abs().max()) > 1e-2
        assert float(after.displacement[name].abs().max()) < 1e-11
    assert after.joint.before < before.joint.before
    assert math.isclose(after.joint.before, before.joint.after, rel_tol=1e-12)
    assert after.joint.sweeps <= 1


def scaling(spec, scales):
    """Return the element that scales the units of all groups."""
    rest = identity(spec)
    return GroupElement(rest.permutations, {**rest.scales, **scales})


def test_the_balance_is_where_a_minimiser_finds_the_smallest_sum():
    params, landscape = network(*WIDTHS), problem()
    variance = gradient_variance(landscape, params)
    squares = {name: 0.3 * tensor**2 for name, tensor in params.items()}
    names = ("hidden1", "hidden2")
    sizes = [SPEC[name].size for name in names]
    owned = [name for name in params if name != "4.bias"]

    def total(exponents):
        scales = torch.from_numpy(exponents).exp().split(sizes)
        element = scaling(SPEC, dict(zip(names, scales, strict=True)))
        back = inverse(SPEC, element)
        falling = act(SPEC, back, act(SPEC, back, variance))
        growing = act(SPEC, element, act(SPEC, element, squares))
        return sum(float((falling[name] + growing[name]).sum()) for name in owned)

    smallest = minimize(total, np.zeros(sum(sizes)), method="BFGS", options={"gtol": 1e-9})
    there = balance(SPEC, variance, squares)
    exponents = torch.cat([there.element.scales[name].log() for name in names])
    torch.testing.assert_close(exponents, torch.from_numpy(smallest.x), rtol=0, atol=1e-5)
    assert there.after < smallest.fun * (1 + 1e-12)
    assert math.isclose(there.before, total(np.zeros(sum(sizes))), rel_tol=1e-13)


def test_the_shortest_network_of_an_orbit_is_balanced():
    params = network(*WIDTHS)
    squares = {name: tensor**2 for name, tensor in params.items()}
    shortest = act(SPEC, balance(SPEC, {}, squares).element, params)
    moved, _ = move_on_fibre(
        SPEC, params, {n: torch.zeros_like(q) for n, q in charges(SPEC, params).items()}
    )
    for name, tensor in moved.items():
        torch.testing.assert_close(shortest[name], tensor, rtol=1e-10, atol=1e-12)


def test_without_a_balance_a_unit_is_left_where_it_is_and_the_others_find_theirs():
    params = network(*WIDTHS)
    variance = gradient_variance(problem(), params)
    variance["2.weight"][:, 3] = 0
    there = balance(SPEC, variance, {})
    assert there.alone["hidden1"].isinf().nonzero().flatten().tolist() == [3]
    assert float(there.element.scales["hidden1"][3]) == 1
    moved = act(SPEC, there.element, params)
    assert float((moved["0.weight"] / params["0.weight"]).std()) > 0


def test_powers_that_are_not_one_balance_together_too():
    legs = (Leg("in", 0, power=2), Leg("middle", 1, power=-1))
    spec = SymmetrySpec(
        (UnitGroup("a", 2, legs), UnitGroup("b", 3, (Leg("middle", 0), Leg("out", 1, power=-3))))
    )
    generator = stream("powers")
    variance = {
        "in": torch.rand(2, 4, generator=generator, dtype=torch.float64),
        "middle": torch.rand(3, 2, generator=generator, dtype=torch.float64),
        "out": torch.rand(5, 3, generator=generator, dtype=torch.float64),
    }
    there = balance(spec, variance, {})
    back = inverse(spec, there.element)
    again = balance(spec, act(spec, back, act(spec, back, variance)), {})
    assert max(float(steps.abs().max()) for steps in again.alone.values()) < 1e-12


def test_the_predicted_approach_is_that_of_a_unit_under_noise():
    # A step of SGD moves the displacement of a single weight pair by its share of the way, in the
    # mean over all mini-batches of one sample.
    module = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    inputs = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    targets = torch.tensor([2.0, 1.0, 4.0], dtype=torch.float64)
    landscape = Problem(module.double(), inputs, targets, lambda o, t: (o[:, 0] - t).square())
    spec = SymmetrySpec(
        (UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))),)
    )
    rate = 1e-3
    recipe = {"learning_rate": rate, "batch_size": 1, "weight_decay": 0.01}
    product, offset = 1.1, 1e-3
    scale = math.sqrt(product) * math.exp(offset)
    params = {
        "0.weight": torch.tensor([[scale]], dtype=torch.float64),
        "2.weight": torch.tensor([[product / scale]], dtype=torch.float64),
    }
    predicted = noise_equilibrium(spec, landscape, params, **recipe)
    assert math.isclose(float(predicted.displacement["hidden1"]), -offset, rel_tol=1e-9)
    charge = float(charges(spec, params)["hidden1"])
    after = []
    for sample in range(3):
        gradient = landscape.gradient(params, index=torch.tensor([sample]))
        moved = {n: params[n] - rate * (gradient[n] + 0.01 * params[n]) for n in params}
        after.append(float(charges(spec, moved)["hidden1"]))
    share = (charge - sum(after) / 3) / charge
    assert math.isclose(float(predicted.steps["hidden1"]), 1 / share, rel_tol=2e-3)


def test_bad_requests_are_refused():
    params, landscape = network(*WIDTHS), problem()
    for rate in (0.0, -0.1):
        with pytest.raises(SymgeomError, match=f"learning rate {rate}: noise and decay act in st"):
            decay_ratio(learning_rate=rate, batch_size=8, weight_decay=0.1)
    for wrong in ({"batch_size": 0}, {"weight_decay": -0.1}, {"momentum": 1.0}):
        with pytest.raises(SymgeomError, match="Cannot weigh decay against noise"):
            decay_ratio(**({"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1} | wrong))
    with pytest.raises(SymgeomError, match="'learning_rate' is nan; a finite number"):
        noise_equilibrium(SPEC, landscape, params, **RECIPE | {"learning_rate": math.nan})
    with pytest.raises(
        SymgeomError, match="Cannot use the network: tensor '0.bias' holds 7 values"
    ):
        noise_force(
            SPEC, landscape, params | {"0.bias": torch.full((7,), math.nan, dtype=torch.float64)}
        )
    with pytest.raises(SymgeomError, match="which has 7"):
        noise_force(mlp_spec(5, 8, 6, 3), landscape, params)
    normed = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).double()
    inputs, labels = batch(40, 5, 3)
    together = Problem(normed, inputs, labels, batch_norm="recompute", training_inputs=inputs)
    with pytest.raises(
        SymgeomError, match="loss of one depends on all others.*noise_force_of_batches measures it"
    ):
        noise_force(SymmetrySpec(()), together, parameters(normed))


def test_a_balance_that_does_not_settle_says_so(monkeypatch):
    params = network(*WIDTHS)
    monkeypatch.setattr("symgeom.dynamics.noise.balancing.SWEEPS", 1)
    with pytest.raises(SymgeomError, match="after 1 visits of every group some unit still moves"):
        balance(SPEC, gradient_variance(problem(), params), {})
