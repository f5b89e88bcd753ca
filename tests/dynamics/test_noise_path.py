"""The predicted path of charges under SGD, against closed forms, slow references and SGD itself."""

import math

import numpy as np
import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from references import sample_gradients_one_by_one
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import Ledger
from symgeom.dynamics.noise import (
    ChargeDrift,
    SgdRecipe,
    charge_drift,
    gradient_variance,
    noise_equilibrium,
    noise_force,
    predicted_changes,
    predicted_path,
)
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import stack
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import leg_powers, leg_products, pairing
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS).exact()
ROUNDING = 1e-12
PLAIN = {"weight_decay": 0.0, "momentum": 0.0}


def problem(samples=40):
    return Problem(mlp(*WIDTHS), *batch(samples, WIDTHS[0], WIDTHS[-1]))


def product():
    """Two weights whose product times the input is the loss.

    The variance of its slope is 5, the squared mean 4.
    """
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)).double()
    inputs = 2.0 + torch.tensor([[5.0], [-5.0]]).double().sign() * math.sqrt(5)
    landscape = Problem(net, inputs, torch.zeros(2), lambda outputs, _: outputs[:, 0])
    legs = (Leg("0.weight", 0), Leg("1.weight", 1, power=-1))
    params = {"0.weight": torch.full((1, 1), 3.0), "1.weight": torch.full((1, 1), 0.5)}
    return SymmetrySpec((UnitGroup("hidden1", 1, legs),)), landscape, params


@pytest.mark.parametrize("mean_gradient", [False, True])
@pytest.mark.parametrize(
    "settings",
    [PLAIN, {"weight_decay": 0.01, "momentum": 0.0}, {"weight_decay": 0.01, "momentum": 0.75}],
)
def test_the_charge_of_two_weights_decays_exponentially(settings, mean_gradient):
    """The force on (w, u) is (u, w) times the force on the product: charges lose a fixed share."""
    spec, landscape, params = product()
    recipe = SgdRecipe(0.05, 4, **settings)
    steps = [0.0, 1.0, 50.0, 400.0]
    path = predicted_path(
        spec, landscape, params, recipe=recipe, steps=steps, mean_gradient=mean_gradient
    )
    left = 1 - settings["momentum"]
    rate = (0.05 / left) ** 2 * 5 / 4 + 2 * 0.05 / left * settings["weight_decay"]
    if mean_gradient:
        rate += (0.05 / left) ** 2 * 4 * (1 + settings["momentum"]) / left
    expected = 8.75 * np.exp(-rate * np.array(steps))
    np.testing.assert_allclose(path.charge["hidden1"][:, 0], expected, rtol=1e-6, atol=1e-7)
    scale = path.exponents["hidden1"].exp()
    moved = (3 * scale) ** 2 - (0.5 / scale) ** 2
    torch.testing.assert_close(path.charge["hidden1"], moved, rtol=ROUNDING, atol=ROUNDING)


def test_full_batches_keep_the_noise_out():
    spec, landscape, params = product()
    recipe = SgdRecipe(0.05, math.inf)
    stays = predicted_path(spec, landscape, params, recipe=recipe, steps=[9.0], mean_gradient=False)
    moves = predicted_path(spec, landscape, params, recipe=recipe, steps=[9.0])
    assert float(stays.charge["hidden1"]) == 8.75
    assert float(moves.charge["hidden1"]) == pytest.approx(8.75 * math.exp(-9 * 0.05**2 * 4))


SMALL = (2, 3, 2, 2)


def moved(widths, exponents):
    """Return a network with its hidden units scaled."""
    spec = mlp_spec(*widths).exact()
    rest = identity(spec)
    scales = {}
    ends = np.cumsum(widths[1:-1])
    for name, part in zip(rest.scales, np.split(exponents, ends[:-1]), strict=True):
        scales[name] = torch.tensor(part).exp()
    return act(spec, GroupElement(rest.permutations, scales), network(*widths))


def flat(of_groups):
    return torch.cat(list(of_groups.values())).numpy()


def test_all_units_move_as_if_the_force_were_measured_at_every_place():
    spec = mlp_spec(*SMALL).exact()
    landscape = Problem(mlp(*SMALL), *batch(20, SMALL[0], SMALL[-1]))
    recipe = SgdRecipe(0.1, 8, weight_decay=0.02)
    units = sum(SMALL[1:-1])

    def velocity(exponents):
        """Solve for velocities by finite differences of the charges of moved networks."""
        here = moved(SMALL, exponents)
        drift = charge_drift(spec, here, noise_force(spec, landscape, here), recipe=recipe)
        columns = []
        for unit in np.eye(units) * 1e-5:
            ends = [charges(spec, moved(SMALL, exponents + sign * unit)) for sign in (1, -1)]
            columns.append((flat(ends[0]) - flat(ends[1])) / 2e-5)
        return np.linalg.solve(np.array(columns).T, flat(drift.total()))

    exponents = np.zeros(units)
    for _ in range(5):  # steps of the midpoint rule
        exponents = exponents + 40 * velocity(exponents + 20 * velocity(exponents))
    path = predicted_path(spec, landscape, network(*SMALL), recipe=recipe, steps=[200.0])
    assert np.abs(exponents).max() > 0.1
    fast = torch.cat([rows[-1] for rows in path.exponents.values()])
    np.testing.assert_allclose(fast, exponents, rtol=0, atol=3e-3 * np.abs(exponents).max())


def test_the_path_ends_at_the_joint_equilibrium():
    landscape, params = problem(), network(*WIDTHS)
    recipe = SgdRecipe(0.1, 8, weight_decay=0.02)
    path = predicted_path(SPEC, landscape, params, recipe=recipe, steps=[1e7], mean_gradient=False)
    there = noise_equilibrium(
        SPEC, landscape, params, learning_rate=0.1, batch_size=8, weight_decay=0.02
    )
    for name, exponents in path.exponents.items():
        expected = there.joint.element.scales[name].log()
        torch.testing.assert_close(exponents[-1], expected, rtol=0, atol=1e-8)


def test_a_unit_without_weights_stays():
    params = network(*WIDTHS)
    for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1)):
        params[name].select(axis, 3).zero_()
    path = predicted_path(SPEC, problem(), params, recipe=SgdRecipe(0.1, 8), steps=[0.0, 100.0])
    assert path.exponents["hidden1"][:, 3].tolist() == [0, 0]
    assert (path.exponents["hidden1"][1] != 0).sum() == WIDTHS[1] - 1


@pytest.mark.parametrize("steps", [[], [-1.0, 2.0], [1.0, 1.0]])
def test_steps_have_an_order(steps):
    spec, landscape, params = product()
    with pytest.raises(SymgeomError, match="give one or more, not negative and increasing"):
        predicted_path(spec, landscape, params, recipe=SgdRecipe(0.1, 1), steps=steps)


def test_a_path_that_cannot_be_followed_is_named(monkeypatch):
    class Failed:
        success = False
        message = "Too much work."

    monkeypatch.setattr("symgeom.dynamics.noise.path.solve_ivp", lambda *_, **__: Failed())
    spec, landscape, params = product()
    with pytest.raises(SymgeomError, match=r"to step 50: Too much work\. Ask for fewer steps"):
        predicted_path(spec, landscape, params, recipe=SgdRecipe(0.1, 1), steps=[50.0])


def test_the_drift_is_the_mean_over_all_mini_batches_of_one_sample():
    landscape, params = problem(), network(*WIDTHS)
    recipe = SgdRecipe(0.3, 1, weight_decay=0.05)
    drift = charge_drift(SPEC, params, noise_force(SPEC, landscape, params), recipe=recipe)
    before = charges(SPEC, params)
    gradients = sample_gradients_one_by_one(landscape, params)
    after = []
    for sample in range(len(landscape.targets)):
        stepped = {}
        for name, tensor in params.items():
            stepped[name] = tensor - 0.3 * (gradients[name][sample] + 0.05 * tensor)
        after.append(charges(SPEC, stepped))
    for name, predicted in drift.total().items():
        mean = torch.stack([of_sample[name] for of_sample in after]).mean(0) - before[name]
        # To first order in decay: the square of what it takes away is left out.
        expected = mean - (0.3 * 0.05) ** 2 * before[name]
        torch.testing.assert_close(predicted, expected, rtol=1e-10, atol=ROUNDING)


def test_each_cause_has_its_formula():
    landscape, params = problem(), network(*WIDTHS)
    recipe = SgdRecipe(0.1, 8, weight_decay=0.02, momentum=0.5)
    drift = charge_drift(SPEC, params, noise_force(SPEC, landscape, params), recipe=recipe)
    variance = gradient_variance(landscape, params)
    root = {name: tensor.sqrt() for name, tensor in variance.items()}
    slope = landscape.gradient(params)
    noise, squares = pairing(SPEC, root, root), pairing(SPEC, slope, slope)
    for name in noise:
        torch.testing.assert_close(drift.noise[name], 0.2**2 / 8 * noise[name])
        torch.testing.assert_close(drift.discretisation[name], 0.2**2 * 3 * squares[name])
        decayed = -2 * 0.2 * 0.02 * charges(SPEC, params)[name]
        torch.testing.assert_close(drift.weight_decay[name], decayed)


def slopes(landscape, params, index):
    """Return the gradients of stacked networks on mini-batches of their own."""
    theta = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
    hidden = landscape.inputs[index]
    for layer in ("0", "2", "4"):
        bias = theta[f"{layer}.bias"].unsqueeze(1)
        hidden = torch.baddbmm(bias, hidden, theta[f"{layer}.weight"].mT)
        hidden = hidden if layer == "4" else hidden.relu()
    targets = landscape.targets[index].flatten()
    total = nn.functional.cross_entropy(hidden.flatten(0, 1), targets, reduction="sum")
    gradients = torch.autograd.grad(total / index.shape[1], list(theta.values()))
    return dict(zip(theta, gradients, strict=True))


def trained(recipe, *, members, steps, snapshots):
    """Train copies with mini-batches of their own; return their ledger and what was predicted."""
    landscape = problem()
    theta = stack([network(*WIDTHS)] * members)
    rule = {"momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
    ledger = Ledger(SPEC, theta, **rule, equivariant=True, noise_every=1)
    velocity = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    samples = len(landscape.targets)
    index = torch.arange(samples).expand(members, samples)
    random = stream("copies")
    drifts = []
    for step in range(steps + 1):
        if step % (steps // snapshots) == 0:
            ledger.snapshot(step, theta)
            drifts.append(mean_drift(landscape, theta, recipe))
        if math.isfinite(recipe.batch_size):
            index = torch.randint(samples, (members, int(recipe.batch_size)), generator=random)
        for name, slope in slopes(landscape, theta, index).items():
            decayed = slope + recipe.weight_decay * theta[name]
            velocity = velocity | {name: recipe.momentum * velocity[name] + decayed}
        ledger.record(theta, velocity, learning_rate=recipe.learning_rate)
        for name, direction in velocity.items():
            theta = theta | {name: theta[name] - recipe.learning_rate * direction}
    record = ledger.result()
    return record, predicted_changes(record.step.tolist(), drifts)


def mean_drift(landscape, theta, recipe):
    """Return the mean of the drifts of some of the copies."""
    rows = []
    for member in range(min(4, len(theta["0.bias"]))):
        params = {name: tensor[member] for name, tensor in theta.items()}
        force = noise_force(SPEC, landscape, params)
        rows.append(charge_drift(SPEC, params, force, recipe=recipe))
    means = []
    for cause in ("noise", "discretisation", "weight_decay"):
        of_copies = [getattr(row, cause) for row in rows]
        mean = {name: torch.stack([x[name] for x in of_copies]).mean(0) for name in of_copies[0]}
        means.append(mean)
    return ChargeDrift(*means)


def booked(record, name, cause):
    """Return what a cause and what momentum carried on of it changed, of every member."""
    terms = record.terms[name][:, -1]
    causes = ["weight_decay", "noise", "discretisation", "optimizer"]
    number = causes.index(cause)
    return terms[:, number] + terms[:, 4 + number]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_sgd_moves_charges_by_the_predicted_noise_in_the_mean(momentum):
    recipe = SgdRecipe(0.005 * (1 - momentum), 2, momentum=momentum)
    members = 128
    record, predicted = trained(recipe, members=members, steps=60, snapshots=3)
    for name, changes in predicted.noise.items():
        noise = booked(record, name, "noise")
        error = noise.std(0) / members**0.5
        # The noise of the last step has not been carried on, that of the first is not split off.
        edges = 0.05 * changes[-1].abs()
        assert ((noise.mean(0) - changes[-1]).abs() < 4.5 * error + edges).all()
        assert (changes[-1].abs() / (error + edges)).max() > 8


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_full_batches_move_charges_by_the_predicted_finite_steps(momentum):
    recipe = SgdRecipe(5e-3 * (1 - momentum), math.inf, momentum=momentum)
    record, predicted = trained(recipe, members=1, steps=80, snapshots=8)
    for name, changes in predicted.total().items():
        change = record.charge[name][0, -1] - record.charge[name][0, 0]
        assert float((change - changes[-1]).norm() / change.norm()) < 0.04


def test_every_snapshot_has_a_drift():
    nothing = ChargeDrift({}, {}, {})
    with pytest.raises(SymgeomError, match="over 2 snapshots: 1 drifts are given"):
        predicted_changes([0, 1], [nothing])
    with pytest.raises(SymgeomError, match="over 0 snapshots"):
        predicted_changes([], [])


@pytest.mark.parametrize("wrong", [{"learning_rate": 0.0}, {"batch_size": 0.5}, {"momentum": 1.0}])
def test_a_recipe_has_a_range(wrong):
    with pytest.raises(SymgeomError, match="Cannot weigh decay against noise"):
        SgdRecipe(**{"learning_rate": 0.1, "batch_size": 4.0} | wrong)


def test_the_force_of_scaled_units_is_that_of_the_transported_variance():
    """Lemma B.1 of Ziyin et al.: one measurement is enough."""
    landscape, params = problem(), network(*WIDTHS)
    exponents = np.linspace(-0.5, 0.5, sum(WIDTHS[1:-1]))
    there = moved(WIDTHS, exponents)
    before = noise_force(SPEC, landscape, params).variance["hidden2"]
    after = noise_force(SPEC, landscape, there).variance["hidden2"]
    own = torch.tensor(exponents[WIDTHS[1] :])
    out = leg_products(SPEC, params, params)["hidden2"][2]
    assert leg_powers(SPEC, "hidden2").flatten().tolist() == [1, 1, -1]
    torch.testing.assert_close(after[2], before[2] * (2 * own).exp(), rtol=1e-10, atol=0)
    torch.testing.assert_close(
        leg_products(SPEC, there, there)["hidden2"][2], out * (-2 * own).exp(), rtol=1e-10, atol=0
    )
