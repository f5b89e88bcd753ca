import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network, randomised, self_attention
from torch import nn
from torch.func import functional_call

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import CAUSES, TERMS, Ledger
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import stack
from symgeom.symmetry.bilinear import pairing
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

WIDTHS = (5, 7, 6, 3)
SPEC = mlp_spec(*WIDTHS)
MEMBERS, BATCH = 3, 32
INPUTS, TARGETS = batch(200, WIDTHS[0], WIDTHS[-1])
SETTINGS = {"momentum": 0.9, "weight_decay": 1e-3}
CLOSED = 1e-10  # relative to the squared lengths that a charge is the difference of


def start():
    return stack([network(*WIDTHS, seed=seed) for seed in range(MEMBERS)])


def loss_gradient(params, index):
    """Gradients of the stacked networks on their own mini-batches (member, sample), by plain
    autograd."""
    theta = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
    hidden = INPUTS[index].to(params["0.weight"].dtype)
    for layer in ("0", "2", "4"):
        hidden = torch.baddbmm(
            theta[f"{layer}.bias"].unsqueeze(1), hidden, theta[f"{layer}.weight"].mT
        )
        hidden = hidden if layer == "4" else hidden.relu()
    loss = (
        torch.nn.functional.cross_entropy(
            hidden.flatten(0, 1), TARGETS[index].flatten(), reduction="sum"
        )
        / index.shape[1]
    )
    return dict(zip(theta, torch.autograd.grad(loss, list(theta.values())), strict=True))


def batches(steps, *words):
    return torch.randint(len(TARGETS), (steps, MEMBERS, BATCH), generator=stream("ledger", *words))


def heavy_ball(velocity, gradient, params, momentum, weight_decay):
    return {
        name: momentum * velocity[name] + gradient[name] + weight_decay * params[name]
        for name in params
    }


def train(
    ledger, params, steps, *, direction=heavy_ball, rate=lambda step: 0.05, every=50, record=True
):
    """Train with momentum and decay as in SETTINGS, snapshots at both ends and every so often."""
    velocity = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
    ledger.snapshot(0, params)
    for step, index in enumerate(batches(steps), 1):
        velocity = direction(velocity, loss_gradient(params, index), params, *SETTINGS.values())
        if record:
            ledger.record(params, velocity, learning_rate=rate(step))
        params = {name: params[name] - rate(step) * velocity[name] for name in params}
        if step % every == 0 or step == steps:
            ledger.snapshot(step, params)
    return params


def relative_defect(ledger):
    result = ledger.result()
    return max(
        float((result.defect[name].abs() / result.scale[name]).max()) for name in result.charge
    )


def final(by_group):
    """All units of the last snapshot, groups side by side: (member, unit) or (member, term,
    unit)."""
    return torch.cat([values[:, -1] for values in by_group.values()], dim=-1)


def test_it_closes_over_5000_mini_batch_steps_with_momentum_decay_and_a_changing_rate():
    params = start()
    ledger = Ledger(SPEC, params, **SETTINGS, equivariant=True)
    end = train(
        ledger, params, 5000, rate=lambda step: 0.03 * (1 + math.cos(step / 300)), every=500
    )
    result = ledger.result()
    assert result.step.tolist() == list(range(0, 5001, 500))
    assert relative_defect(ledger) < CLOSED
    # The charges moved much more than that, and the account is the whole of the change.
    assert (
        float((result.charge["hidden1"][:, -1] - result.charge["hidden1"][:, 0]).abs().min()) > 1e-3
    )
    changes = final(result.charge) - torch.cat(
        [charge[:, 0] for charge in result.charge.values()], dim=-1
    )
    torch.testing.assert_close(final(result.terms).sum(1), changes, rtol=0, atol=1e-10)
    largest = dict(zip(TERMS, final(result.terms).abs().amax((0, 2)).tolist(), strict=True))
    # The method is equivariant: of its own there is nothing to measure, and nothing to carry.
    assert largest.pop("optimizer") == largest.pop("carried_optimizer") == 0
    assert min(largest.values()) > 0.01, largest
    measured = torch.vmap(lambda theta: charges(SPEC, theta))(end)
    torch.testing.assert_close(
        final(result.charge), torch.cat(list(measured.values()), dim=1), rtol=1e-14, atol=1e-14
    )


def test_plain_sgd_agrees_with_the_one_step_identity():
    # Q' = (1 - eta lambda)^2 Q + eta^2 g^T M g, from the gradient alone: an account that never sees
    # the direction.
    rate, decay, params = 0.05, 0.02, start()
    ledger = Ledger(SPEC, params, momentum=0.0, weight_decay=decay, equivariant=True)
    ledger.snapshot(0, params)
    expected = torch.vmap(lambda theta: charges(SPEC, theta))(params)
    for index in batches(100):
        gradient = loss_gradient(params, index)
        noise = torch.vmap(lambda g: pairing(SPEC, g, g))(gradient)
        expected = {
            name: (1 - rate * decay) ** 2 * charge + rate**2 * noise[name]
            for name, charge in expected.items()
        }
        direction = heavy_ball(gradient, gradient, params, 0.0, decay)
        ledger.record(params, direction, learning_rate=rate)
        params = {name: params[name] - rate * direction[name] for name in params}
    ledger.snapshot(100, params)
    for name, charge in expected.items():
        booked = ledger.result().charge[name][:, 0] + ledger.result().terms[name][:, -1].sum(1)
        torch.testing.assert_close(booked, charge, rtol=1e-12, atol=1e-12)


def test_without_a_gradient_charges_decay_geometrically():
    rate, decay, params = 0.1, 0.05, start()
    ledger = Ledger(SPEC, params, momentum=0.0, weight_decay=decay, equivariant=True)
    ledger.snapshot(0, params)
    for _ in range(20):
        direction = {name: decay * tensor for name, tensor in params.items()}
        ledger.record(params, direction, learning_rate=rate)
        params = {name: params[name] - rate * direction[name] for name in params}
    ledger.snapshot(20, params)
    charge = ledger.result().charge["hidden1"]
    torch.testing.assert_close(
        charge[:, 1] / charge[:, 0], torch.full_like(charge[:, 0], (1 - rate * decay) ** 40)
    )
    assert relative_defect(ledger) < 1e-14


def test_the_scale_of_a_defect_is_the_largest_so_far():
    params = start()
    ledger = Ledger(SPEC, params, momentum=0.0, weight_decay=0.0, equivariant=True)
    for step, factor in enumerate((1, 2, 1e-3)):
        ledger.snapshot(step, {name: factor * tensor for name, tensor in params.items()})
    scale = ledger.result().scale["hidden1"]
    incoming = params["0.weight"].square().sum(2) + params["0.bias"].square()
    torch.testing.assert_close(
        scale[:, 0], incoming + params["2.weight"].square().sum(1), rtol=1e-14, atol=0
    )
    torch.testing.assert_close(
        scale[:, 1:] / scale[:, :1], torch.full_like(scale[:, 1:], 4), rtol=1e-14, atol=0
    )


def decay_spares_biases(velocity, gradient, params, momentum, weight_decay):
    plain = heavy_ball(velocity, gradient, params, momentum, weight_decay)
    return {
        name: plain[name] - (weight_decay * params[name] if "bias" in name else 0)
        for name in params
    }


def decay_is_doubled(velocity, gradient, params, momentum, weight_decay):
    return heavy_ball(velocity, gradient, params, momentum, 2 * weight_decay)


def damped(velocity, gradient, params, momentum, weight_decay):
    return heavy_ball(
        velocity,
        {name: (1 - momentum) * g for name, g in gradient.items()},
        params,
        momentum,
        weight_decay,
    )


@pytest.mark.parametrize("fault", [decay_spares_biases, decay_is_doubled])
def test_a_fault_of_the_optimizer_is_a_defect(fault):
    ledger = Ledger(SPEC, start(), **SETTINGS, equivariant=True)
    train(ledger, start(), 200, direction=fault)
    assert relative_defect(ledger) > 1e-2


def test_a_fault_of_the_spec_is_a_defect():
    legs = (Leg("0.weight", 0), Leg("2.weight", 1, power=-1))  # the bias is missing
    ledger = Ledger(
        SymmetrySpec((UnitGroup("hidden1", 7, legs),)), start(), **SETTINGS, equivariant=True
    )
    train(ledger, start(), 200)
    assert relative_defect(ledger) > 1e-3


def test_a_step_that_was_not_booked_is_a_defect():
    ledger = Ledger(SPEC, start(), **SETTINGS, equivariant=True)
    train(ledger, start(), 3, record=False)
    assert relative_defect(ledger) > 1e-3


def test_dampened_gradients_are_no_fault():
    ledger = Ledger(SPEC, start(), **SETTINGS, equivariant=True)
    train(ledger, start(), 100, direction=damped)
    assert relative_defect(ledger) < CLOSED


def adam():
    """Return the directions of Adam with the usual constants."""
    mean, square, step = {}, {}, 0

    def direction(velocity, gradient, params, momentum, weight_decay):
        nonlocal step
        step += 1
        for name, g in gradient.items():
            mean[name] = 0.9 * mean.get(name, 0) + 0.1 * g
            square[name] = 0.999 * square.get(name, 0) + 0.001 * g**2
        scale = math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        return {name: scale * mean[name] / (square[name].sqrt() + 1e-8) for name in gradient}

    return direction


def test_what_is_not_equivariant_is_named_and_measured():
    rate, params = 0.002, start()
    ledger = Ledger(SPEC, params, momentum=0.0, weight_decay=0.0, equivariant=False)
    train(ledger, params, 100, direction=adam(), rate=lambda step: rate)
    terms = final(ledger.result().terms)
    assert relative_defect(ledger) < CLOSED
    assert float(terms[:, TERMS.index("optimizer")].abs().max()) > 0.1
    carried = [TERMS.index(term) for term in TERMS if term.startswith("carried_")]
    assert float(terms[:, [TERMS.index("weight_decay"), *carried]].abs().max()) == 0
    # Taken for equivariant, the same run does not close.
    trusting = Ledger(SPEC, params, momentum=0.0, weight_decay=0.0, equivariant=True)
    train(trusting, params, 100, direction=adam(), rate=lambda step: rate)
    assert relative_defect(trusting) > 1e-3


def test_measuring_an_equivariant_method_finds_nothing_and_changes_no_term():
    trusting, measuring = (
        Ledger(SPEC, start(), **SETTINGS, equivariant=kind) for kind in (True, False)
    )
    for ledger in (trusting, measuring):
        train(ledger, start(), 200)
    for name, terms in trusting.result().terms.items():
        torch.testing.assert_close(measuring.result().terms[name], terms, rtol=1e-10, atol=1e-12)


def test_a_force_taken_elsewhere_is_booked_apart_from_decay_and_memory():
    # Sharpness-aware: the gradient of a shifted point. Only the first order of this shift is in the
    # optimizer's term.
    def sharpness_aware(velocity, gradient, params, momentum, weight_decay):
        shifted = {name: params[name] + 0.1 * gradient[name] for name in params}
        return heavy_ball(
            velocity, loss_gradient(shifted, batches(1)[0]), params, momentum, weight_decay
        )

    params, rate = start(), 0.05
    ledger = Ledger(SPEC, params, **SETTINGS, equivariant=False)
    train(ledger, params, 1, direction=sharpness_aware)
    direction = sharpness_aware(
        {name: torch.zeros_like(tensor) for name, tensor in params.items()},
        loss_gradient(params, batches(1)[0]),
        params,
        *SETTINGS.values(),
    )
    force = {name: direction[name] - SETTINGS["weight_decay"] * params[name] for name in params}
    expected = torch.vmap(lambda theta, f: pairing(SPEC, theta, f))(params, force)["hidden1"]
    terms = ledger.result().terms["hidden1"][:, -1]
    torch.testing.assert_close(
        terms[:, TERMS.index("optimizer")], -2 * rate * expected, rtol=1e-10, atol=1e-12
    )
    charge = ledger.result().charge["hidden1"][:, 0]
    torch.testing.assert_close(
        terms[:, TERMS.index("weight_decay")], -2 * rate * SETTINGS["weight_decay"] * charge
    )
    assert relative_defect(ledger) < CLOSED


@pytest.mark.parametrize(
    "form", [list, torch.tensor, lambda rows: torch.isin(torch.arange(MEMBERS), torch.tensor(rows))]
)
def test_members_that_leave_keep_their_account(form):
    params, direction = start(), loss_gradient(start(), batches(1)[0])
    ledger, alone = (Ledger(SPEC, params, **SETTINGS, equivariant=True) for _ in range(2))
    ledger.record(params, direction, learning_rate=0.1)
    alone.record(params, direction, learning_rate=0.1)
    params = {name: params[name] - 0.1 * direction[name] for name in params}
    alone.snapshot(1, params)
    rest = {name: tensor[[0, 2]] for name, tensor in params.items()}
    onward = {
        name: tensor[[0, 2]]
        for name, tensor in heavy_ball(direction, direction, params, *SETTINGS.values()).items()
    }
    ledger.record(rest, onward, learning_rate=0.1, members=form([0, 2]))
    rest = {name: rest[name] - 0.1 * onward[name] for name in rest}
    ledger.snapshot(2, rest, members=form([0, 2]))
    first, second = alone.result(), ledger.result()
    assert second.charge["hidden1"][1].isnan().all()  # member 1 was not measured
    assert not second.charge["hidden1"][[0, 2]].isnan().any()
    ledger.snapshot(2, {name: tensor[[1]] for name, tensor in params.items()}, members=form([1]))
    second = ledger.result()
    assert second.step.tolist() == [2]
    assert torch.equal(second.terms["hidden1"][1], first.terms["hidden1"][1])
    assert torch.equal(second.charge["hidden1"][1], first.charge["hidden1"][1])
    assert not torch.equal(second.terms["hidden1"][0], first.terms["hidden1"][0])


def test_legs_with_blocks_regions_and_buffers_are_read_like_charges():
    legs = (
        Leg("kernel", 1, region=((0, 1, 4), (2, 0, 2))),
        Leg("packed", 0, start=3, block=2, outer=2, power=-2),
        Leg("mean", 0, buffer=True),
    )
    spec = SymmetrySpec(
        (UnitGroup("channels", 3, legs), UnitGroup("gates", 2, (Leg("packed", 1),), "sign"))
    )
    generator = stream("legs")
    shapes = {"kernel": (5, 3, 4), "packed": (16, 2), "mean": (3,), "other": ()}
    params = {
        name: torch.randn(MEMBERS, *shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    ledger = Ledger(spec, params, momentum=0.0, weight_decay=0.0, equivariant=True)
    ledger.snapshot(0, params)
    expected = torch.vmap(lambda theta: charges(spec, theta))(params)
    assert list(ledger.result().charge) == ["channels"]
    torch.testing.assert_close(
        ledger.result().charge["channels"][:, 0], expected["channels"], rtol=1e-14, atol=1e-14
    )
    incoming = params["kernel"][:, 1:4, :, :2].square().sum((1, 3))
    weighted = 3 * incoming - expected["channels"]  # = 2 incoming + 2 outgoing
    torch.testing.assert_close(
        ledger.result().scale["channels"][:, 0], weighted - incoming, rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("kind", ["linear layers", "attention"])
def test_matrices_of_charges_close_too(kind):
    """Layers without activation between them; heads, with a bias of the keys that has no gradient
    of its own."""
    linear = kind == "linear layers"
    module = mlp(*WIDTHS, activation=nn.Identity) if linear else randomised(self_attention(6, 3))
    inputs = torch.randn(
        40, *((WIDTHS[0],) if linear else (4, 6)), generator=stream("inputs"), dtype=torch.float64
    )
    spec = discover(module, inputs, within_heads=True)
    assert {group.scale for group in spec.exact().groups} == {"linear"}
    names = [name for name, _ in module.named_parameters()]
    params = {name: tensor.detach()[None].clone() for name, tensor in module.named_parameters()}
    ledger, velocity = Ledger(spec, params, **SETTINGS, equivariant=True), dict.fromkeys(names, 0.0)
    ledger.snapshot(0, params)
    for index in batches(600):
        leaves = {name: params[name][0].clone().requires_grad_() for name in names}
        loss = (
            (functional_call(module, leaves, (inputs[index[0] % len(inputs)],)) - 1).square().mean()
        )
        slopes = torch.autograd.grad(loss, list(leaves.values()))
        gradient = {name: slope[None] for name, slope in zip(names, slopes, strict=True)}
        velocity = heavy_ball(velocity, gradient, params, **SETTINGS)
        ledger.record(params, velocity, learning_rate=0.05)
        params = {name: params[name] - 0.05 * velocity[name] for name in names}
    ledger.snapshot(600, params)
    result = ledger.result()
    assert relative_defect(ledger) < CLOSED
    for name, measured in charges(
        spec, {name: tensor[0] for name, tensor in params.items()}
    ).items():
        torch.testing.assert_close(result.charge[name][0, 1], measured, rtol=1e-12, atol=1e-12)
        assert float((result.charge[name][0, 1] - result.charge[name][0, 0]).abs().max()) > 1e-3
        assert result.terms[name].shape == (1, 2, len(TERMS), *measured.shape)


@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 1e-2), (0.5, 0.0)])
def test_the_noise_is_that_of_consecutive_forces(momentum, decay, every):
    """The account never sees a force; here all of them are kept, and paired one by one; what was
    found last is held."""
    params, rates, forces = start(), [0.05, 0.08, 0.02], []
    ledger = Ledger(
        SPEC, params, momentum=momentum, weight_decay=decay, equivariant=True, noise_every=every
    )
    ledger.snapshot(0, params)
    velocity = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
    expected = dict.fromkeys(("hidden1", "hidden2"), 0.0)
    noise = dict.fromkeys(expected, 0.0)
    for step, index in enumerate(batches(12)):
        rate = rates[step % 3]
        forces.append(loss_gradient(params, index))
        velocity = heavy_ball(velocity, forces[-1], params, momentum, decay)
        ledger.record(params, velocity, learning_rate=rate)
        params = {name: params[name] - rate * velocity[name] for name in params}
        if step:
            if (step - 1) % every == 0:
                change = {name: forces[-1][name] - forces[-2][name] for name in params}
                fresh = torch.vmap(lambda f, d: pairing(SPEC, f, d))(forces[-1], change)
            noise = {name: momentum**2 * noise[name] + fresh[name] for name in expected}
            expected = {name: expected[name] + rate**2 * noise[name] for name in expected}
    ledger.snapshot(12, params)
    for name, total in expected.items():
        found = ledger.result().terms[name][:, -1, TERMS.index("noise")]
        torch.testing.assert_close(found, total, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("equivariant", [True, False])
def test_what_momentum_carries_is_what_every_earlier_step_left(equivariant):
    """Each cause by a sum over all pairs of steps; their sum is the work of the velocity that is
    carried over, weights paired with the direction of the step before."""
    momentum, decay, count = 0.8, 1e-2, 12
    ledger = Ledger(
        SPEC,
        start(),
        momentum=momentum,
        weight_decay=decay,
        equivariant=equivariant,
        noise_every=1,
    )
    params, rates = start(), [0.05, 0.08, 0.02] * (count // 3)
    velocity = {name: torch.zeros_like(tensor) for name, tensor in params.items()}
    forces, left, work, noise = [], [], 0.0, 0.0
    ledger.snapshot(0, params)

    def paired(u, v):
        by_group = torch.vmap(lambda a, b: pairing(SPEC.exact(), a, b))(u, v)
        return torch.cat(list(by_group.values()), dim=1)

    for step, index in enumerate(batches(count)):
        at = params
        if not equivariant:  # the gradient of a point nearby, which moves charges at first order
            gradient = loss_gradient(params, index)
            at = {name: params[name] + 0.1 * gradient[name] for name in params}
        forces.append(loss_gradient(at, index))
        work = work - 2 * rates[step] * momentum * paired(params, velocity)
        velocity = heavy_ball(velocity, forces[-1], params, momentum, decay)
        ledger.record(params, velocity, learning_rate=rates[step])
        if step:
            change = {name: forces[-1][name] - forces[-2][name] for name in params}
            noise = momentum**2 * noise + paired(forces[-1], change)
        bend = paired(velocity, velocity)
        left.append(
            {
                "weight_decay": decay * paired(params, params),
                "noise": -rates[step] * noise * torch.ones_like(bend),
                "discretisation": -rates[step] * (bend - noise),
                "optimizer": paired(params, forces[-1]),
            }
        )
        params = {name: params[name] - rates[step] * velocity[name] for name in params}
    ledger.snapshot(count, params)
    terms = dict(zip(TERMS, final(ledger.result().terms).unbind(1), strict=True))
    carried = {cause: terms[f"carried_{cause}"] for cause in CAUSES}
    for cause, found in carried.items():
        expected = sum(
            -2 * rates[later] * momentum ** (later - earlier) * left[earlier][cause]
            for later in range(count)
            for earlier in range(later)
        )
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(sum(carried.values()), work, rtol=1e-10, atol=1e-12)
    assert (float(carried["optimizer"].abs().max()) > 1e-4) == (not equivariant)
    assert relative_defect(ledger) < 1e-14


def test_noise_is_that_of_sample_gradients_and_full_batches_have_none():
    """At weights that hardly move the mean is known: the spread of sample gradients over the size
    of the batch."""
    params, rate, steps = start(), 1e-7, 2000
    noise = {}
    for kind in ("batches", "full"):
        ledger = Ledger(
            SPEC, params, momentum=0.0, weight_decay=0.0, equivariant=True, noise_every=1
        )
        everything = torch.arange(len(TARGETS)).expand(MEMBERS, -1)
        for index in batches(steps) if kind == "batches" else [everything] * 3:
            ledger.record(params, loss_gradient(params, index), learning_rate=rate)
        ledger.snapshot(1, params)
        noise[kind] = (
            ledger.result().terms["hidden1"][:, 0, TERMS.index("noise")] / rate**2 / (steps - 1)
        )
    samples = [loss_gradient(params, torch.full((MEMBERS, 1), k)) for k in range(len(TARGETS))]
    squares = sum(
        torch.vmap(lambda g: pairing(SPEC, g, g)["hidden1"])(sample) for sample in samples
    ) / len(samples)
    mean = loss_gradient(params, everything)
    expected = (squares - torch.vmap(lambda g: pairing(SPEC, g, g)["hidden1"])(mean)) / BATCH
    torch.testing.assert_close(
        noise["batches"], expected, rtol=0.1, atol=0.1 * float(expected.abs().mean())
    )
    assert float(noise["full"].abs().max()) < 1e-12 * float(expected.abs().max())


def test_in_single_precision_the_account_is_as_good_as_the_weights():
    """Next to double precision: one step to rounding; over 500 what does not close is what
    rounding did to the weights."""
    single = {name: tensor.float() for name, tensor in start().items()}
    step = {name: tensor.float() for name, tensor in loss_gradient(start(), batches(1)[0]).items()}
    found = {}
    for dtype in (torch.float32, torch.float64):
        params, direction = (
            {name: tensor.to(dtype) for name, tensor in part.items()} for part in (single, step)
        )
        ledger = Ledger(SPEC, params, momentum=0.0, weight_decay=0.0, equivariant=True)
        ledger.record(params, direction, learning_rate=0.05)
        ledger.snapshot(1, params)
        found[dtype] = ledger.result()
    for name, exact in found[torch.float64].terms.items():
        torch.testing.assert_close(
            found[torch.float32].charge[name], found[torch.float64].charge[name], rtol=0, atol=0
        )
        scale = 1e-6 * float(exact.abs().max())
        torch.testing.assert_close(found[torch.float32].terms[name], exact, rtol=1e-5, atol=scale)
    ledger = Ledger(SPEC, single, **SETTINGS, equivariant=True)
    train(
        ledger,
        single,
        500,
        direction=lambda *step: {
            name: tensor.float() for name, tensor in heavy_ball(*step).items()
        },
    )
    assert relative_defect(ledger) < 500 * torch.finfo(torch.float32).eps


def test_an_architecture_without_charges_has_an_empty_ledger():
    ledger = Ledger(mlp_spec(*WIDTHS, scale="sign"), start(), **SETTINGS, equivariant=True)
    train(ledger, start(), 2)
    assert ledger.result().charge == {}
    assert ledger.result().step.tolist() == [0, 2]


def test_bad_requests_are_refused():
    params = start()
    for bad in ({"momentum": 1.0, "weight_decay": 0.0}, {"momentum": 0.0, "weight_decay": -1.0}):
        with pytest.raises(SymgeomError, match="Cannot keep the ledger for momentum"):
            Ledger(SPEC, params, **bad, equivariant=True)
    with pytest.raises(SymgeomError, match="noise at every 0 steps"):
        Ledger(SPEC, params, **SETTINGS, equivariant=True, noise_every=0)
    with pytest.raises(SymgeomError, match="the entries 0 to 7 of that axis, which has 6"):
        Ledger(SPEC, stack([network(5, 6, 6, 3)]), **SETTINGS, equivariant=True)
    ledger = Ledger(SPEC, params, **SETTINGS, equivariant=False)
    with pytest.raises(SymgeomError, match="ledger without snapshots"):
        ledger.result()
    two = {name: tensor[:2] for name, tensor in params.items()}
    for step in ((two, two), (two, params), (params, two)):
        with pytest.raises(
            SymgeomError, match=r"tensor '0.weight' with 2 members for 3 members.*members=\.\.\."
        ):
            ledger.record(*step, learning_rate=0.1)
    with pytest.raises(SymgeomError, match=r"tensors missing \['2.bias'\]"):
        ledger.snapshot(0, {name: tensor for name, tensor in params.items() if name != "2.bias"})
