"""The noise of mini-batches, where samples are not apart: batch norm, dropout, coupled losses."""

import itertools
import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.dynamics.charge import charges
from symgeom.dynamics.noise import (
    effective_batch_size,
    equilibrium_of_force,
    noise_equilibrium,
    noise_force,
    noise_force_of_batches,
)
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.landscape.problem import Problem
from symgeom.symmetry.bilinear import pairing
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
EXACT = 1e-12


def normed(*, samples=40, eps=1e-300):
    """A layer, batch norm, ReLU and a layer, normalised by mini-batch."""
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, eps=eps), nn.ReLU(), nn.Linear(4, 3))
    module = randomised(module)
    inputs, labels = batch(samples, 5, 3)
    landscape = Problem(module, inputs, labels, batch_norm="recompute", training_inputs=inputs)
    return landscape, parameters(module)


# Units before the norm keep their function at every length; those behind it share their length
# with the next layer.
BEFORE = UnitGroup("before", 4, (Leg("0.weight", 0), Leg("0.bias", 0)))
BEHIND = UnitGroup(
    "behind", 4, (Leg("1.weight", 0), Leg("1.bias", 0), Leg("3.weight", 1, power=-1))
)
NORMED = SymmetrySpec((BEFORE, BEHIND))


def of_triples(landscape, params, spec):
    """The covariance of the gradients of all mini-batches of three, leg by leg, by enumeration."""
    indices = list(itertools.combinations(range(len(landscape.targets)), 3))
    gradients = [landscape.gradient(params, index=torch.tensor(index)) for index in indices]
    variances = {}
    for group in spec.groups:
        legs = []
        for leg in group.legs:
            rows = torch.stack([gradient[leg.tensor] for gradient in gradients])
            entries = rows.var(0, correction=0)
            legs.append(entries.movedim(leg.axis, 0).reshape(group.size, -1).sum(1))
        variances[group.name] = torch.stack(legs)
    return variances


def test_it_is_the_covariance_of_all_mini_batches_with_its_standard_error():
    landscape, params = normed(samples=7)
    size = effective_batch_size(3, samples=7)
    exact = of_triples(landscape, params, NORMED)
    force = noise_force_of_batches(
        NORMED, landscape, params, batch_size=3, batches=400, generator=stream("triples")
    )
    error = force.standard_error()
    for name, expected in exact.items():
        off = (force.variance[name] - size * expected) / error[name]
        assert float(off.abs().max()) < 4
        assert float((error[name] / force.variance[name]).median()) < 0.2
    assert force.batch_size == 3
    assert math.isnan(force.heaviest)


def test_it_is_unbiased_and_its_standard_error_tells_how_it_scatters():
    # Where samples are apart, the mean over many estimates is the force of single samples.
    params, landscape = network(*WIDTHS), Problem(mlp(*WIDTHS), *batch(9, 5, 3))
    force = noise_force(SPEC, landscape, params)
    estimates, errors, drifts = [], [], []
    for draw in range(40):
        of_batches = noise_force_of_batches(
            SPEC, landscape, params, batch_size=3, batches=8, generator=stream("draws", draw)
        )
        estimates.append(of_batches.variance["hidden1"])
        drifts.append(of_batches.drift["hidden1"])
        errors.append(of_batches.standard_error()["hidden1"])
    for drawn, expected in ((estimates, force.variance), (drifts, force.drift)):
        rows = torch.stack(drawn)
        off = (rows.mean(0) - expected["hidden1"]) / (rows.std(0) / 40**0.5)
        assert float(off.abs().max()) < 4
    # Four folds of two mini-batches: the mean square of the errors is that of the scatter.
    told = torch.stack(errors).square().mean(0).sqrt() / torch.stack(estimates).std(0)
    assert 0.8 < float(told.median()) < 1.25


@pytest.mark.parametrize("eps", [1e-300, 1e-5])
def test_the_symmetries_hold_for_every_mini_batch(eps):
    # F1 and F2 with the loss of the mini-batch: batch norm keeps the length of what it reads only
    # without its eps.
    landscape, params = normed(eps=eps)
    spec = NORMED if eps < 1e-99 else SymmetrySpec((BEHIND,))
    rate, decay = 0.05, 0.01
    generator = stream("steps")
    predicted = charges(spec, params)
    for _ in range(30):
        index = torch.randperm(40, generator=generator)[:8]
        gradient = landscape.gradient(params, index=index)
        size = sum(float(tensor.square().sum()) for tensor in gradient.values()) ** 0.5
        for crossed in pairing(spec, params, gradient).values():
            assert float(crossed.abs().max()) < EXACT * size
        for name, square in pairing(spec, gradient, gradient).items():
            predicted[name] = (1 - rate * decay) ** 2 * predicted[name] + rate**2 * square
        for name, tensor in gradient.items():
            params[name] = params[name] - rate * (tensor + decay * params[name])
    for name, charge in charges(spec, params).items():
        torch.testing.assert_close(charge, predicted[name], rtol=EXACT, atol=EXACT)


def test_a_heavy_ball_with_batch_norm_keeps_its_account():
    # F3: q' = momentum (q - rate <v, v>), C' = C - 2 rate q' + rate^2 <v', v'>.
    landscape, params = normed()
    rate, momentum = 0.02, 0.9
    generator = stream("heavy ball")
    trained = dict(landscape.module.named_parameters())
    velocity = {name: torch.zeros_like(params[name]) for name in trained}
    work = {name: torch.zeros_like(charge) for name, charge in charges(NORMED, params).items()}
    predicted = charges(NORMED, params)
    for _ in range(30):
        index = torch.randperm(40, generator=generator)[:8]
        squares = pairing(NORMED, velocity, velocity)
        gradient = landscape.gradient(params, index=index)
        velocity = {name: momentum * velocity[name] + gradient[name] for name in trained}
        after = pairing(NORMED, velocity, velocity)
        for name in work:
            work[name] = momentum * (work[name] - rate * squares[name])
            predicted[name] = predicted[name] - 2 * rate * work[name] + rate**2 * after[name]
        params = params | {name: params[name] - rate * velocity[name] for name in trained}
    for name, charge in charges(NORMED, params).items():
        torch.testing.assert_close(charge, predicted[name], rtol=EXACT, atol=EXACT)


def test_a_network_with_batch_norm_moves_to_its_equilibrium():
    landscape, params = normed()
    size = effective_batch_size(8, samples=40)
    recipe = {"learning_rate": 0.1, "batch_size": size, "weight_decay": 0.01}

    def measured(network):
        force = noise_force_of_batches(
            NORMED, landscape, network, batch_size=8, batches=40, generator=stream("there")
        )
        return equilibrium_of_force(NORMED, network, force, **recipe)

    before = measured(params)
    assert float(before.displacement["behind"].abs().min()) > 1e-3
    there = act(NORMED, before.joint.element, params)
    torch.testing.assert_close(landscape.loss(there), landscape.loss(params), rtol=EXACT, atol=0)
    after = measured(there)
    for name in ("before", "behind"):
        assert float(after.displacement[name].abs().max()) < 1e-10
    # Without decay, what batch norm reads grows for ever.
    recipe["weight_decay"] = 0.0
    assert set(measured(params).verdicts()["before"]) == {"grows"}
    with pytest.raises(SymgeomError, match="which units are fast: of a force that was given"):
        before.phases()
    assert before.phases(100.0)["behind"][0].startswith(("noise-dominated", "decay-dominated"))


def test_a_force_that_is_known_gives_the_same_equilibrium():
    params, landscape = network(*WIDTHS), Problem(mlp(*WIDTHS), *batch(40, 5, 3))
    recipe = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.01}
    whole = noise_equilibrium(SPEC, landscape, params, **recipe)
    given = equilibrium_of_force(SPEC, params, noise_force(SPEC, landscape, params), **recipe)
    for name in ("hidden1", "hidden2"):
        for part in ("displacement", "standard_error", "finite_steps", "noise_share", "steps"):
            assert torch.equal(getattr(whole, part)[name], getattr(given, part)[name])
        scales = whole.joint.element.scales[name]
        assert torch.equal(scales, given.joint.element.scales[name])


def test_dropout_is_part_of_the_noise():
    silent = nn.Sequential(*mlp(*WIDTHS)[:2], nn.Dropout(0.0), *mlp(*WIDTHS)[2:])
    drawing = nn.Sequential(*mlp(*WIDTHS)[:2], nn.Dropout(0.5), *mlp(*WIDTHS)[2:])
    forces = []
    for module in (silent, drawing, drawing):
        landscape = Problem(module, *batch(20, 5, 3))
        forces.append(
            noise_force_of_batches(
                SymmetrySpec(()),
                landscape,
                parameters(module),
                batch_size=5,
                batches=60,
                generator=stream("dropout"),
            ).entries["0.weight"]
        )
    assert torch.equal(forces[1], forces[2])
    assert float(forces[1].sum()) > 1.3 * float(forces[0].sum())


def test_what_cannot_be_measured_is_refused():
    landscape, params = normed()

    def measure(problem=landscape, **changes):
        recipe = {"batch_size": 4, "batches": 8, "generator": stream("wrong")} | changes
        return noise_force_of_batches(NORMED, problem, params, **recipe)

    with pytest.raises(SymgeomError, match="a batch of 1 sample for batch norm"):
        measure(batch_size=1)
    with pytest.raises(SymgeomError, match="Cannot use 40 as the number of samples in a mini-b"):
        measure(batch_size=40)
    with pytest.raises(SymgeomError, match="as the number of mini-batches: give a number of at"):
        measure(batches=3)
    with pytest.raises(SymgeomError, match="the noise of SGD on 1 sample"):
        measure(landscape.subset(torch.tensor([3])))

    def with_loss(loss):
        return Problem(
            landscape.module,
            landscape.inputs,
            landscape.targets,
            loss,
            batch_norm="recompute",
            training_inputs=landscape.inputs,
        )

    with pytest.raises(SymgeomError, match="of 4 samples the loss gives a tensor of shape"):
        measure(with_loss(nn.functional.cross_entropy))
    with pytest.raises(SymgeomError, match="losses of 4 of its 4 samples are NaN or infinite"):
        measure(with_loss(lambda outputs, targets: outputs[:, 0] / 0))
