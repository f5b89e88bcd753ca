"""Optimizers: steps against PyTorch's own, and the closed forms of replicas, perturbations and labels."""

import math

import pytest
import torch
from cases import batch, mlp, network
from torch import nn

from symgeom.checks import SymgeomError
from symgeom.optimizers import METHODS, build
from symgeom.optimizers.adam import Adam
from symgeom.optimizers.adversarial import Adversarial, random_labels
from symgeom.optimizers.arithmetic import squared_norms
from symgeom.optimizers.rsgd import ReplicatedSGD
from symgeom.optimizers.sam import SAM
from symgeom.optimizers.sgd import SGD
from symgeom.problem import Problem
from symgeom.types import stack, unstack

ROUNDING = {"rtol": 1e-11, "atol": 1e-13}  # a few hundred operations in float64
WIDTHS, STEPS, MEMBERS = (4, 5, 3), 12, 3


def batches(member, step):
    return batch(8, 4, 3, seed=100 * member + step)


def gradients(step):
    """Return the stacked mini-batch gradients of one step, each member on data of its own."""

    def gradient_at(params):
        each = [Problem(mlp(*WIDTHS), *batches(m, step)).gradient(net) for m, net in enumerate(unstack(params))]
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


def reference(member, optimizer, rho=None):
    """Train one member with an optimizer of PyTorch; with ``rho``, on gradients of the explicitly perturbed network."""
    module = mlp(*WIDTHS, seed=member)
    stepper = optimizer(module.parameters())
    for step in range(STEPS):
        inputs, targets = batches(member, step)
        stepper.zero_grad()
        nn.functional.cross_entropy(module(inputs), targets).backward()
        if rho is not None:
            moves = [tensor.grad.clone() for tensor in module.parameters()]
            norm = torch.linalg.vector_norm(torch.cat([move.flatten() for move in moves]))
            origin = [tensor.detach().clone() for tensor in module.parameters()]
            with torch.no_grad():
                for tensor, move in zip(module.parameters(), moves, strict=True):
                    tensor.add_(rho * move / norm)
            stepper.zero_grad()
            nn.functional.cross_entropy(module(inputs), targets).backward()
            with torch.no_grad():
                for tensor, value in zip(module.parameters(), origin, strict=True):
                    tensor.copy_(value)
        stepper.step()
    return {name: tensor.detach() for name, tensor in module.named_parameters()}


@pytest.mark.parametrize(
    ("method", "optimizer", "rho"),
    [
        (SGD(0.1, 0.0, 0.0), lambda p: torch.optim.SGD(p, 0.1), None),
        (SGD(0.1, 0.9, 1e-2), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2), None),
        (Adam(0.01, 1e-2, beta1=0.8), lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.999), weight_decay=1e-2), None),
        (Adversarial(0.2, 0.5, 1e-2), lambda p: torch.optim.SGD(p, 0.2, momentum=0.5, weight_decay=1e-2), None),
        (SAM(0.1, 0.9, 1e-2, rho=0.3), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-2), 0.3),
    ],
    ids=["sgd", "heavy ball", "adam", "adversarial", "sam"],
)
def test_steps_are_those_of_pytorch(method, optimizer, rho):
    for member, found in enumerate(unstack(run(method, starts()))):
        torch.testing.assert_close(found, reference(member, optimizer, rho), **ROUNDING)


def test_sam_without_radius_is_sgd_and_a_zero_gradient_is_not_perturbed():
    sam, sgd = run(SAM(0.1, rho=0.0), starts()), run(SGD(0.1), starts())
    assert all(torch.equal(sam[name], sgd[name]) for name in sgd)
    params = {"w": torch.tensor([[0.0, 0.0], [3.0, 4.0]])}
    direction, _ = SAM(0.1, rho=1.0).direction(lambda at: {"w": at["w"].clone()}, params, SAM(0.1).start(params))
    torch.testing.assert_close(direction["w"], torch.tensor([[0.0, 0.0], [3.6, 4.8]]))


def test_cosine_schedule_starts_at_the_learning_rate_and_halves_in_the_middle():
    cosine, constant = SGD(0.4, schedule="cosine"), SGD(0.4)
    assert [cosine.learning_rate_at(epoch, 6) for epoch in (0, 2, 3, 4)] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert 0 < cosine.learning_rate_at(99, 100) < 1e-3 * 0.4
    assert [constant.learning_rate_at(epoch, 6) for epoch in range(6)] == [0.4] * 6


def coupled(replicas, coupling, **options):
    method = ReplicatedSGD(replicas=replicas, coupling=coupling, **options)
    params = starts(2 * replicas)
    state = method.begin_epoch(params, method.start(params), progress=0.0, loss_at=lambda at: torch.ones(2 * replicas))
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
        leaves = {name: tensor[list(members)].clone().requires_grad_() for name, tensor in params.items()}
        total = 0.0
        for replica, member in enumerate(members):
            problem = Problem(mlp(*WIDTHS), *batches(member, 0))
            total = total + problem.loss({name: leaf[replica] for name, leaf in leaves.items()}) / replicas
        distance = sum((leaf - leaf.mean(0)).square().sum() for leaf in leaves.values())
        total = total + strength * distance / replicas
        for name, gradient in zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True):
            torch.testing.assert_close(direction[name][list(members)], replicas * gradient, **ROUNDING)


def test_coupling_starts_where_both_terms_of_the_loss_are_equal_and_grows_by_its_factor():
    method = ReplicatedSGD(replicas=2, learning_rate=1e-4, growth=100.0)
    params = {"w": torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [1.0, 7.0]])}
    losses = torch.tensor([1.0, 3.0, 4.0, 5.0])
    state = method.begin_epoch(params, method.start(params), progress=0.0, loss_at=lambda at: losses)
    assert state["coupling"]["now"].tolist() == [2.0, 2.0, 0.5, 0.5]  # mean loss 2 and 4.5, mean square 1 and 9
    state = method.begin_epoch(params, state, progress=0.5, loss_at=lambda at: losses * math.nan)
    assert state["coupling"]["now"].tolist() == pytest.approx([20.0, 20.0, 5.0, 5.0])


def test_replicas_that_coincide_are_not_coupled():
    method = ReplicatedSGD(replicas=2)
    params = {"w": torch.ones(2, 3)}
    state = method.begin_epoch(params, method.start(params), progress=0.0, loss_at=lambda at: torch.ones(2))
    assert state["coupling"]["now"].tolist() == [0.0, 0.0]


def test_strongest_coupling_puts_replicas_on_their_centre_and_leaves_the_centre():
    method, params, state = coupled(3, 1e9, momentum=0.0)
    direction, _ = method.direction(lambda at: {name: torch.zeros_like(w) for name, w in at.items()}, params, state)
    after = {name: params[name] - method.learning_rate * direction[name] for name in params}
    for name, tensor in params.items():
        centre = tensor.unflatten(0, (2, 3)).mean(1)
        torch.testing.assert_close(after[name], centre.repeat_interleave(3, 0), **ROUNDING)
        torch.testing.assert_close(method.output(after)[name], centre, **ROUNDING)


def test_random_labels_are_uniform_and_ignore_the_truth():
    generator = torch.Generator().manual_seed(0)
    truth = torch.zeros(10000, dtype=torch.int64)
    counts = random_labels(truth, 10, generator=generator).bincount(minlength=10)
    assert ((counts - 1000).abs() < 5 * 30).all()  # five standard deviations of a binomial count
    first, second = (random_labels(truth + shift, 10, generator=torch.Generator().manual_seed(1)) for shift in (0, 3))
    assert torch.equal(first, second)


def test_adversarial_pretraining_is_plain_sgd():
    stage = Adversarial(pretraining_learning_rate=0.3, pretraining_epochs=7, pretraining_error=0.1).pretraining()
    assert (stage.method, stage.epochs, stage.stop_error) == (SGD(0.3, momentum=0.0), 7, 0.1)
    assert SGD().pretraining() is None


def test_squared_norms_are_per_member():
    params = starts(4)
    expected = [sum(float(w.square().sum()) for w in net.values()) for net in unstack(params)]
    assert squared_norms(params).tolist() == pytest.approx(expected)


def test_every_method_is_built_by_its_name():
    for name, method in METHODS.items():
        built = build(name, {"learning_rate": 0.05, "schedule": "cosine"})
        assert (type(built), built.name, built.learning_rate, built.schedule) == (method, name, 0.05, "cosine")
    assert {name for name in METHODS if METHODS[name].equivariant} == {"sgd", "adv"}
    assert [build("rsgd", {"replicas": 5}).members_per_seed, build("sam", {}).members_per_seed] == [5, 1]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sgdd", {}, "Unknown optimizer 'sgdd': choose one of 'sgd', 'adam', 'sam', 'rsgd', 'adv'"),
        ("sgd", {"learnig_rate": 0.1}, "Unknown option of optimizer 'sgd' 'learnig_rate': choose one of 'learning_rate'"),
        ("sgd", {"learning_rate": 0}, "optimizer 'sgd' with learning_rate = 0: it must be a number above 0"),
        ("sam", {"learning_rate": -0.1}, "optimizer 'sam' with learning_rate = -0.1: it must be a number above 0"),
        ("adam", {"learning_rate": "1e-3"}, "learning_rate = '1e-3': .*in YAML write 1.0e-4"),
        ("sgd", {"learning_rate": math.nan}, "learning_rate = nan"),
        ("sgd", {"learning_rate": True}, "learning_rate = True"),
        ("sgd", {"momentum": 1.0}, "momentum = 1.0: it must be a number at least 0 and below 1"),
        ("sgd", {"weight_decay": -1e-4}, "weight_decay = -0.0001: it must be a number at least 0"),
        ("sgd", {"schedule": "linear"}, "Unknown schedule of optimizer 'sgd' 'linear': choose one of 'constant', 'cosine'"),
        ("adam", {"beta1": 1}, "beta1 = 1"),
        ("adam", {"beta2": -0.5}, "beta2 = -0.5"),
        ("adam", {"epsilon": 0}, "epsilon = 0"),
        ("sam", {"rho": -1}, "rho = -1"),
        ("rsgd", {"replicas": 1}, "optimizer 'rsgd' with replicas = 1: it needs a whole number, at least 2"),
        ("rsgd", {"coupling": -1.0}, "coupling = -1.0"),
        ("rsgd", {"growth": 0}, "growth = 0"),
        ("adv", {"pretraining_epochs": 0}, "optimizer 'adv' with pretraining_epochs = 0: .*for none, use 'sgd'"),
        ("adv", {"pretraining_learning_rate": 0}, "pretraining_learning_rate = 0"),
        ("adv", {"pretraining_momentum": 1}, "pretraining_momentum = 1"),
        ("adv", {"pretraining_error": 1}, "pretraining_error = 1"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(SymgeomError, match=message):
        build(name, options)
