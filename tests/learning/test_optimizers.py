"""Optimizers: steps against PyTorch's own, and the closed forms of replicas, perturbations and
labels."""

import math

import pytest
import torch
from cases import batch, mlp, mlp_spec, network
from torch import nn

from symgeom.ground.types import cast, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers import METHODS, build
from symgeom.learning.optimizers.adam import Adam
from symgeom.learning.optimizers.adversarial import Adversarial, random_labels
from symgeom.learning.optimizers.arithmetic import squared_norms
from symgeom.learning.optimizers.method import Pretraining
from symgeom.learning.optimizers.rsgd import ReplicatedSGD
from symgeom.learning.optimizers.sam import SAM
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.optimizers.swa import AveragedSGD
from symgeom.symmetry.group import act, random_element

ROUNDING = {"rtol": 1e-11, "atol": 1e-13}  # a few hundred operations in float64
WIDTHS, STEPS, MEMBERS = (4, 5, 3), 12, 3


def batches(member, step):
    return batch(8, 4, 3, seed=100 * member + step)


def gradients(step):
    """Return the stacked mini-batch gradients of one step, each member on data of its own."""

    def gradient_at(params):
        each = [
            Problem(mlp(*WIDTHS), *batches(m, step)).gradient(net)
            for m, net in enumerate(unstack(params))
        ]
        return stack(each)

    return gradient_at


def run(method, params, state=None, steps=STEPS):
    state = method.start(params) if state is None else state
    for step in range(steps):
        direction, state = method.direction(gradients(step), params, state)
        params = {name: params[name] - method.learning_rate * direction[name] for name in params}
    return params


def starts(members=MEMBERS):
    return stack([network(*WIDTHS, seed=seed) for seed in range(members)])


def reference(member, optimizer, rho=None, offset=None):
    """Train one member with an optimizer of PyTorch; with ``rho``, on gradients of the explicitly
    perturbed network.

    With an ``offset`` too, the perturbation is ASAM's: the vector T^2 g over the length of T g, T
    being a diagonal matrix.
    """
    module = mlp(*WIDTHS, seed=member)
    stepper = optimizer(module.parameters())
    for step in range(STEPS):
        inputs, targets = batches(member, step)
        stepper.zero_grad()
        nn.functional.cross_entropy(module(inputs), targets).backward()
        if rho is not None:
            origin = [tensor.detach().clone() for tensor in module.parameters()]
            slope = nn.utils.parameters_to_vector([tensor.grad for tensor in module.parameters()])
            weights = nn.utils.parameters_to_vector(origin)
            matrix = torch.eye(len(slope)) if offset is None else torch.diag(weights.abs() + offset)
            matrix = matrix.to(slope)
            worst = weights + rho * matrix @ matrix @ slope / torch.linalg.vector_norm(
                matrix @ slope
            )
            with torch.no_grad():
                nn.utils.vector_to_parameters(worst, module.parameters())
            stepper.zero_grad()
            nn.functional.cross_entropy(module(inputs), targets).backward()
            with torch.no_grad():
                for tensor, value in zip(module.parameters(), origin, strict=True):
                    tensor.copy_(value)
        stepper.step()
    return {name: tensor.detach() for name, tensor in module.named_parameters()}


@pytest.mark.parametrize(
    ("method", "optimizer", "perturbation"),
    [
        (SGD(0.1, 0.0, 0.0), lambda p: torch.optim.SGD(p, 0.1), ()),
        (
            SGD(0.1, 0.9, 1e-2),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2),
            (),
        ),
        (
            SGD(0.1, 0.9, 1e-2, nesterov=True),
            lambda p: torch.optim.SGD(p, 0.1, 0.9, 0, 1e-2, nesterov=True),
            (),
        ),
        (
            Adam(0.01, 1e-2, beta1=0.8),
            lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.999), weight_decay=1e-2),
            (),
        ),
        (
            Adam(0.01, 0.1, decoupled=True),
            lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
            (),
        ),
        (
            Adversarial(0.2, 0.5, 1e-2),
            lambda p: torch.optim.SGD(p, 0.2, momentum=0.5, weight_decay=1e-2),
            (),
        ),
        (
            AveragedSGD(0.1, 0.9, 1e-2),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2),
            (),
        ),
        (
            SAM(0.1, 0.9, 1e-2, rho=0.3),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2),
            (0.3,),
        ),
        (
            SAM(0.1, rho=0.5, adaptive=True, offset=0.01),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
            (0.5, 0.01),
        ),
    ],
    ids=["sgd", "heavy ball", "nesterov", "adam", "adamw", "adversarial", "swa", "sam", "asam"],
)
def test_steps_are_those_of_pytorch(method, optimizer, perturbation):
    for member, found in enumerate(unstack(run(method, starts()))):
        torch.testing.assert_close(found, reference(member, optimizer, *perturbation), **ROUNDING)


@pytest.mark.parametrize("name", METHODS)
def test_a_member_does_not_depend_on_its_company_and_nothing_given_is_modified(name):
    method = build(name, {"weight_decay": 1e-2})
    seeds = method.members_per_seed
    together = stack([network(*WIDTHS, seed=seed) for seed in range(3 * seeds)])
    together = cast(together, torch.float32)

    def ascend(params, noise):
        """Take steps along the weights themselves (a gradient that is the caller's own tensors)."""
        state = method.start(params, noise)
        for step in range(4):
            state = method.begin_epoch(
                params, state, progress=step / 4, loss_at=lambda at: torch.ones(len(noise))
            )
            given = {"params": params, **state}
            copies = {
                slot: {key: tensor.clone() for key, tensor in held.items()}
                for slot, held in given.items()
            }
            direction, state = method.direction(lambda at: at, params, state)
            assert all(
                torch.equal(tensor, copies[slot][key])
                for slot, held in given.items()
                for key, tensor in held.items()
            )
            params = {key: params[key] - 0.1 * direction[key] for key in params}
        return method.output(params, state)

    noise = torch.arange(3 * seeds)
    whole = ascend(together, noise)
    alone = ascend(
        {key: tensor[-seeds:].clone() for key, tensor in together.items()}, noise[-seeds:]
    )
    assert all(torch.equal(whole[key][-1], alone[key][0]) for key in alone)


def worst_points(method, params, spec=None, element=None):
    """Return the second point at which a step of one network takes the gradient."""
    points = []

    def gradient_at(at):
        points.append(unstack(at)[0])
        return stack([Problem(mlp(*WIDTHS), *batches(0, 0)).gradient(points[-1])])

    params = stack([params if element is None else act(spec, element, params)])
    method.direction(gradient_at, params, method.start(params))
    return points[1]


def test_the_worst_point_of_adaptive_sam_is_rescaled_with_the_network():
    params, spec = network(*WIDTHS, seed=1), mlp_spec(*WIDTHS).exact()
    element = random_element(spec, generator=torch.Generator().manual_seed(0), spread=1.5)
    for adaptive in (True, False):
        method = SAM(rho=0.5, adaptive=adaptive)
        expected = act(spec, element, worst_points(method, params))
        found = worst_points(method, params, spec, element)
        difference = max(float((found[name] - expected[name]).abs().max()) for name in found)
        assert difference < 1e-12 if adaptive else difference > 0.01


def test_sam_without_radius_is_sgd_and_a_zero_gradient_is_not_perturbed():
    sam, sgd = run(SAM(0.1, rho=0.0), starts()), run(SGD(0.1), starts())
    assert all(torch.equal(sam[name], sgd[name]) for name in sgd)
    params = {"w": torch.tensor([[0.0, 0.0], [3.0, 4.0]])}
    direction, _ = SAM(0.1, rho=1.0).direction(
        lambda at: {"w": at["w"].clone()}, params, SAM(0.1).start(params)
    )
    torch.testing.assert_close(direction["w"], torch.tensor([[0.0, 0.0], [3.6, 4.8]]))


def test_cosine_schedule_starts_at_the_learning_rate_and_halves_in_the_middle():
    cosine, constant = SGD(0.4, schedule="cosine"), SGD(0.4)
    assert [cosine.learning_rate_at(epoch, 6) for epoch in (0, 2, 3, 4)] == pytest.approx(
        [0.4, 0.3, 0.2, 0.1]
    )
    assert 0 < cosine.learning_rate_at(99, 100) < 1e-3 * 0.4
    assert [constant.learning_rate_at(epoch, 6) for epoch in range(6)] == [0.4] * 6


def test_step_schedule_divides_by_five_after_a_half_three_quarters_and_fifteen_sixteenths():
    rates = [SGD(1.0, schedule="step").learning_rate_at(epoch, 32) for epoch in range(32)]
    assert rates == [1.0] * 16 + [1 / 5] * 8 + [1 / 25] * 6 + [1 / 125] * 2


def coupled(replicas, coupling, **options):
    method = ReplicatedSGD(replicas=replicas, coupling=coupling, **options)
    params = starts(2 * replicas)
    state = method.begin_epoch(
        params, method.start(params), progress=0.0, loss_at=lambda at: torch.ones(2 * replicas)
    )
    return method, params, state


def test_replicas_without_coupling_are_independent_sgd():
    method, params, state = coupled(2, 0.0, weight_decay=1e-2)
    found, expected = run(method, params, state), run(SGD(weight_decay=1e-2), params)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_direction_is_the_gradient_of_the_replicated_loss_times_the_replicas():
    replicas, strength = 3, 0.7
    method, params, state = coupled(replicas, strength, momentum=0.0)
    direction, _ = method.direction(gradients(0), params, state)
    for seed in range(2):
        members = range(replicas * seed, replicas * (seed + 1))
        leaves = {
            name: tensor[list(members)].clone().requires_grad_() for name, tensor in params.items()
        }
        total = 0.0
        for replica, member in enumerate(members):
            problem = Problem(mlp(*WIDTHS), *batches(member, 0))
            total = (
                total
                + problem.loss({name: leaf[replica] for name, leaf in leaves.items()}) / replicas
            )
        distance = sum((leaf - leaf.mean(0)).square().sum() for leaf in leaves.values())
        total = total + strength * distance / replicas
        for name, gradient in zip(
            leaves, torch.autograd.grad(total, list(leaves.values())), strict=True
        ):
            torch.testing.assert_close(
                direction[name][list(members)], replicas * gradient, **ROUNDING
            )


def test_coupling_starts_where_both_terms_of_the_loss_are_equal_and_grows_by_its_factor():
    method = ReplicatedSGD(replicas=2, learning_rate=1e-4, growth=100.0)
    params = {"w": torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [1.0, 7.0]])}
    losses = torch.tensor([1.0, 3.0, 4.0, 5.0])
    state = method.begin_epoch(
        params, method.start(params), progress=0.0, loss_at=lambda at: losses
    )
    assert state["coupling"]["now"].tolist() == [
        2.0,
        2.0,
        0.5,
        0.5,
    ]  # mean loss 2 and 4.5, mean square 1 and 9
    state = method.begin_epoch(params, state, progress=0.5, loss_at=lambda at: losses * math.nan)
    assert state["coupling"]["now"].tolist() == pytest.approx([20.0, 20.0, 5.0, 5.0])


def test_replicas_that_coincide_are_not_coupled():
    method = ReplicatedSGD(replicas=2)
    params = {"w": torch.ones(2, 3)}
    state = method.begin_epoch(
        params, method.start(params), progress=0.0, loss_at=lambda at: torch.ones(2)
    )
    assert state["coupling"]["now"].tolist() == [0.0, 0.0]


def test_a_given_coupling_costs_no_evaluation():
    def unwanted(weights):
        raise AssertionError("the training set was evaluated")

    method, start = (
        ReplicatedSGD(replicas=2, coupling=0.5),
        {"w": torch.tensor([[1.0], [3.0], [4.0], [10.0]])},
    )
    state = method.begin_epoch(start, method.start(start), progress=0, loss_at=unwanted)
    assert state["coupling"]["now"].tolist() == [0.5] * 4


def test_strongest_coupling_puts_replicas_on_their_centre_and_leaves_the_centre():
    method, params, state = coupled(3, 1e9, momentum=0.0)
    direction, _ = method.direction(
        lambda at: {name: torch.zeros_like(w) for name, w in at.items()}, params, state
    )
    after = {name: params[name] - method.learning_rate * direction[name] for name in params}
    for name, tensor in params.items():
        centre = tensor.unflatten(0, (2, 3)).mean(1)
        torch.testing.assert_close(after[name], centre.repeat_interleave(3, 0), **ROUNDING)
        torch.testing.assert_close(method.output(after, state)[name], centre, **ROUNDING)


def test_random_labels_are_uniform_and_ignore_the_truth():
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(10000, dtype=torch.int64)
    counts = random_labels(truth, 10, generator=generator).bincount(minlength=10)
    assert ((counts - 1000).abs() < 5 * 30).all()  # five standard deviations of a binomial count
    first, second = (
        random_labels(truth + shift, 10, generator=torch.Generator().manual_seed(1))
        for shift in (0, 3)
    )
    assert torch.equal(first, second)


def test_adversarial_pretraining_is_plain_sgd():
    stage = Adversarial(
        pretraining_learning_rate=0.3, pretraining_epochs=7, pretraining_error=0.1
    ).pretraining()
    assert stage == Pretraining(SGD(0.3, momentum=0.0), 7, 0.1, corruption=1.0)
    assert Adversarial(pretraining_corruption=0.4).pretraining().corruption == 0.4
    assert SGD().pretraining() is None


def test_a_share_of_the_labels_is_drawn_and_the_rest_is_the_truth():
    truth = torch.full((1000,), 5)  # no label that can be drawn
    for share, count in [(0.0, 0), (0.2503, 250), (1.0, 1000)]:
        labels = random_labels(truth, 5, generator=torch.Generator().manual_seed(2), share=share)
        assert int((labels != truth).sum()) == count
    drawn = random_labels(truth, 5, generator=torch.Generator().manual_seed(2), share=0.5) != truth
    assert (
        abs(int(drawn[:500].sum()) - 250) < 5 * 11.2
    )  # five standard deviations of a hypergeometric count: no half is favoured


def test_squared_norms_are_per_member():
    params = starts(4)
    expected = [sum(float(w.square().sum()) for w in net.values()) for net in unstack(params)]
    assert squared_norms(params).tolist() == pytest.approx(expected)


def test_every_method_is_built_by_its_name():
    for name, method in METHODS.items():
        built = build(name, {"learning_rate": 0.05, "schedule": "cosine"})
        assert (type(built), built.name, built.learning_rate, built.schedule) == (
            method,
            name,
            0.05,
            "cosine",
        )
        assert built.may_stop(
            built.start(starts(built.members_per_seed), torch.arange(built.members_per_seed))
        ) == (name != "swa")
    built = {name: build(name, {}) for name in METHODS}
    assert {name for name in built if built[name].equivariant} == {"sgd", "swa", "adv"}
    assert {name for name in built if built[name].preconditioned} == {"adam"}
    assert {name for name in built if built[name].draws_noise} == {"entropy_sgd"}
    assert not build("sgd", {"nesterov": True}).equivariant
    assert not build("adam", {"decoupled": True}).preconditioned
    assert [build("rsgd", {"replicas": 5}).members_per_seed, build("sam", {}).members_per_seed] == [
        5,
        1,
    ]
