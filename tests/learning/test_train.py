"""Training: seeds alone and together, the stop rule, what is recorded, and PyTorch's own loop."""

import math
from dataclasses import replace

import pytest
import torch
from cases import batch, mlp, network
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers import Method, build
from symgeom.learning.optimizers.adversarial import random_labels
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train

WIDTHS, SAMPLES = (4, 9, 3), 26
METHODS = {
    "sgd": {"weight_decay": 1e-3},
    "adam": {"learning_rate": 0.02},
    "sam": {"rho": 0.1},
    "rsgd": {"replicas": 2},
    "adv": {"pretraining_epochs": 2},
    "swa": {"average_from": 0.5, "averages_least": 2},
    "entropy_sgd": {"inner_steps": 2},
}
PLAN = Plan(batch_size=8, epochs=4, least_epochs=4, together="one")


@pytest.fixture(autouse=True)
def one_thread():
    """Train on one thread, and restore the number afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def landscape(activation=nn.Tanh, dtype=torch.float64):
    return Problem(mlp(*WIDTHS, activation=activation), *batch(SAMPLES, 4, 3)).cast(dtype)


def members(seeds, replicas=1):
    return [(seed, replica) for seed in seeds for replica in range(replicas)]


def trained(method, seeds, *, plan=PLAN, problem=None, scale=None, observe=None):
    """Train the seeds of a method, each member from its own start and stream; ``scale``
    multiplies the start of a seed."""
    method = build(*method) if isinstance(method, tuple) else method
    problem = problem or landscape()
    who = members(seeds, method.members_per_seed)
    starts = [network(*WIDTHS, seed=10 * seed + replica) for seed, replica in who]
    for (seed, _), start in zip(who, starts, strict=True):
        for name in start:
            start[name] = start[name] * (scale or {}).get(seed, 1.0)
    start = cast(stack(starts), problem.inputs.dtype)
    orders = [stream("order", seed, replica) for seed, replica in who]
    return train(problem, start, method, plan=plan, generators=orders, observe=observe)


def same(first, second):
    """Whether two tensors agree in every bit that is a number."""
    return torch.equal(first.nan_to_num(7.0), second.nan_to_num(7.0))


def check_networks(first, second):
    for name, tensor in first.parameters.items():
        assert same(tensor, second.parameters[name]), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_a_seed_does_not_depend_on_the_others(method, dtype):
    problem = landscape(dtype=dtype)
    together = trained(method, [0, 1, 2, 3, 4], problem=problem)
    for group in ([3], [4, 1], [2, 0, 3]):
        apart = trained(method, group, problem=problem)
        for name, tensor in apart.parameters.items():
            assert torch.equal(tensor, together.parameters[name][group]), name
        assert same(apart.loss, together.loss[group])
        assert same(apart.error, together.error[group])
        assert torch.equal(apart.gradients, together.gradients[group])


@pytest.mark.parametrize(
    ("widths", "dtype"),
    [
        ((1, 64, 5, 31), torch.float32),
        ((17, 100, 1, 2), torch.float32),
        ((64, 1, 8), torch.float64),
        ((33, 31, 17), torch.float32),
    ],
)
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_a_seed_does_not_depend_on_the_others_where_batched_kernels_do(widths, dtype, activation):
    """Widths at which ``vmap`` over the seeds was seen to change last bits: units alone, sizes
    off the vector length."""
    problem = Problem(mlp(*widths, activation=activation), *batch(50, widths[0], widths[-1])).cast(
        dtype
    )
    start = stack([cast(network(*widths, seed=seed), dtype) for seed in range(5)])

    def run(seeds):
        part = {name: tensor[seeds] for name, tensor in start.items()}
        return train(
            problem, part, SGD(), plan=PLAN, generators=[stream("order", seed) for seed in seeds]
        )

    together = run([0, 1, 2, 3, 4])
    for group in ([2], [4, 1]):
        apart = run(group)
        assert all(
            torch.equal(tensor, together.parameters[name][group])
            for name, tensor in apart.parameters.items()
        )
        assert torch.equal(apart.loss, together.loss[group])


def test_a_seed_does_not_depend_on_those_that_leave():
    plan = replace(PLAN, epochs=60, least_epochs=1)
    together = trained(("sgd", {}), range(5), plan=plan)
    assert len(set(together.epochs.tolist())) > 1
    last = int(together.epochs.argmax())
    alone = trained(("sgd", {}), [last], plan=plan)
    assert all(
        torch.equal(alone.parameters[name][0], tensor[last])
        for name, tensor in together.parameters.items()
    )


@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_reruns_are_identical(method):
    torch.manual_seed(1)
    first = trained(method, [0, 1])
    torch.manual_seed(2)
    again = trained(method, [0, 1])
    assert all(
        torch.equal(again.parameters[name], tensor) for name, tensor in first.parameters.items()
    )


def test_training_is_the_plain_loop_of_pytorch():
    """Every epoch a fresh order; batches of 8 from 26 samples; the last 2 of the order left out."""
    found = trained(SGD(0.2, 0.9, 1e-3, schedule="cosine"), [3, 5])
    problem = landscape()
    for place, seed in enumerate([3, 5]):
        module, order = mlp(*WIDTHS, activation=nn.Tanh, seed=10 * seed), stream("order", seed, 0)
        stepper = torch.optim.SGD(module.parameters(), 0.2, momentum=0.9, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, PLAN.epochs)
        for epoch in range(PLAN.epochs):
            permutation = torch.randperm(SAMPLES, generator=order)
            for index in (permutation[:8], permutation[8:16], permutation[16:24]):
                stepper.zero_grad()
                nn.functional.cross_entropy(
                    module(problem.inputs[index]), problem.targets[index]
                ).backward()
                stepper.step()
            schedule.step()
            loss = nn.functional.cross_entropy(module(problem.inputs), problem.targets)
            assert found.loss[place, epoch + 1].item() == pytest.approx(loss.item(), rel=1e-11)
        for name, tensor in module.named_parameters():
            torch.testing.assert_close(
                found.parameters[name][place], tensor.detach(), rtol=1e-10, atol=1e-12
            )


def test_history_begins_before_training_and_ends_with_the_seed():
    plan = replace(PLAN, epochs=60, least_epochs=1, stop_error=0.1)
    found, problem = trained(("sgd", {}), range(4), plan=plan), landscape()
    for seed, network_ in enumerate(unstack(found.parameters)):
        end = int(found.epochs[seed])
        assert found.status[seed] == "reached"
        assert found.error[seed, 0] == problem.error(network(*WIDTHS, seed=10 * seed))
        assert (found.error[seed, 1:end] > 0.1).all()
        assert found.error[seed, end] == problem.error(network_) <= 0.1
        assert found.loss[seed, end] == problem.loss(network_)
        assert not found.loss[seed, : end + 1].isnan().any()
        assert found.loss[seed, end + 1 :].isnan().all()


def test_stop_rule_waits_for_the_loss_and_for_the_least_epochs():
    easy = replace(PLAN, epochs=80, least_epochs=1, stop_error=1.0)
    assert trained(("sgd", {}), [0], plan=easy).epochs.tolist() == [1]
    assert trained(("sgd", {}), [0], plan=replace(easy, least_epochs=5)).epochs.tolist() == [5]
    found = trained(("sgd", {}), [0], plan=replace(easy, stop_loss=0.2))
    end = int(found.epochs)
    assert found.status == ("reached",)
    assert found.loss[0, end] <= 0.2 < found.loss[0, 1:end].min()


@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_at_a_depth_a_seed_is_as_if_that_had_been_its_stop_rule(method):
    """Bit for bit: weights, status, epochs, budget and history, of two stages and averages, too."""
    depths = (2.0, 1.1, 0.9, 0.5)
    plan = replace(PLAN, epochs=8, least_epochs=1, depths=depths, stop_loss=1e-9)
    deepest = trained(method, [0, 1, 2], plan=plan)
    came = torch.zeros(len(depths), 3)
    for level, (depth, found) in enumerate(zip(depths, deepest.at_depths, strict=True)):
        ruled = replace(plan, depths=(), stop_error=1.0, stop_loss=depth)
        expected = trained(method, [0, 1, 2], plan=ruled)
        check_networks(found, expected)
        assert found.status == expected.status
        for name in ("epochs", "gradients", "sample_gradients", "loss", "error"):
            assert same(getattr(found, name), getattr(expected, name)), (depth, name)
        came[level] = torch.tensor([status == "reached" for status in found.status])
    check_networks(deepest, deepest.at_depths[-1])
    assert came[0].all()
    assert came[1].any()
    assert not came[-1].any()


def test_a_seed_that_does_not_reach_the_rule_is_kept_and_says_so():
    found = trained(("sgd", {"learning_rate": 1e-4}), [0, 1], plan=replace(PLAN, least_epochs=1))
    assert (found.status, found.epochs.tolist()) == (("epoch limit",) * 2, [4, 4])


def test_weights_without_a_finite_length_have_diverged():
    """A bounded activation keeps the loss finite where the weights are long gone."""
    problem, plan = landscape(activation=nn.Tanh), replace(PLAN, epochs=3, least_epochs=3)
    found = trained(
        ("sgd", {"learning_rate": 1e-3}), [0, 1], plan=plan, problem=problem, scale={1: 1e160}
    )
    assert [status == "diverged" for status in found.status] == [False, True]
    assert found.epochs.tolist() == [3, 0]


@pytest.mark.parametrize(
    "method", [("sgd", {"learning_rate": 0.5}), ("rsgd", {"replicas": 2, "learning_rate": 0.5})]
)
def test_a_seed_that_diverges_is_recorded_while_the_others_go_on(method):
    problem = landscape(activation=nn.Identity)
    plan = replace(PLAN, epochs=30, least_epochs=30)
    found = trained(method, [0, 1, 2], plan=plan, problem=problem, scale={1: 1e153})
    assert [status == "diverged" for status in found.status] == [False, True, False]
    assert found.loss[1, 0].isfinite()
    assert found.epochs[0] == found.epochs[2] == 30
    assert found.epochs[1] < 30
    assert not math.isfinite(found.loss[1, found.epochs[1]])
    assert all(tensor[[0, 2]].isfinite().all() for tensor in found.parameters.values())
    alone = trained(method, [0, 2], plan=plan, problem=problem)
    assert all(
        torch.equal(tensor, found.parameters[name][[0, 2]])
        for name, tensor in alone.parameters.items()
    )


@pytest.mark.parametrize(
    ("method", "each"), [(("sgd", {}), 1), (("sam", {}), 2), (("rsgd", {"replicas": 3}), 3)]
)
def test_budget_counts_mini_batch_gradients(method, each):
    assert trained(method, [0, 1]).gradients.tolist() == [each * 3 * 4] * 2


@pytest.mark.parametrize("method", METHODS.items(), ids=METHODS)
def test_a_step_costs_the_gradients_that_an_optimizer_says(method):
    found = trained(method, [0])
    steps = 3 * (4 + (2 if method[0] == "adv" else 0))
    built = build(*method)
    assert int(found.gradients) == steps * built.gradients_per_step * built.members_per_seed


@pytest.mark.parametrize("method", [("sgd", {"schedule": "cosine"}), ("rsgd", {"replicas": 2})])
def test_a_seed_spends_its_budget_and_is_then_as_it_would_be_after_as_many_epochs(method):
    """An epoch costs 3 mini-batches of 8 samples for each replica; 121 is more than 5 * 24."""
    replicas = build(*method).members_per_seed
    plan = replace(PLAN, epochs=9, least_epochs=1, stop_error=1.0)
    budgets = tuple(replicas * cost for cost in (48, 1, 121, 24 * 9))
    found = trained(method, range(4), plan=replace(plan, budgets=budgets))
    assert found.epochs.tolist() == [2, 1, 6, 9]
    assert found.sample_gradients.tolist() == [24 * replicas * count for count in (2, 1, 6, 9)]
    assert found.status == ("reached",) * 4
    for seed in range(4):
        least = int(found.epochs[seed])
        alone = trained(method, [seed], plan=replace(plan, least_epochs=least))
        for name, tensor in alone.parameters.items():
            assert torch.equal(tensor[0], found.parameters[name][seed]), name
        assert same(alone.loss[0], found.loss[seed])


def test_a_budget_that_ends_short_of_the_stop_rule_says_so_and_is_seen_at_evaluations():
    plan = replace(PLAN, epochs=9, least_epochs=1, stop_loss=1e-9, evaluate_every=4)
    found = trained(("sgd", {}), range(3), plan=replace(plan, budgets=(24, 24 * 5, 24 * 20)))
    assert found.epochs.tolist() == [4, 8, 9]
    assert found.status == ("budget spent", "budget spent", "epoch limit")


def test_impossible_budgets_are_refused():
    with pytest.raises(SymgeomError, match="Cannot train 2 seeds with 3 budgets: give one for ea"):
        trained(("rsgd", {"replicas": 2}), [0, 1], plan=replace(PLAN, budgets=(1, 2, 3)))
    with pytest.raises(SymgeomError, match="train 'adv' at a budget: its first stage, on random"):
        trained(("adv", {}), [0, 1], plan=replace(PLAN, budgets=(1, 2)))


def test_observer_sees_every_step_of_those_in_the_stack():
    steps = []

    def observe(*step):
        steps.append(step)

    plan = replace(PLAN, epochs=60, least_epochs=1)
    found = trained(SGD(0.3, schedule="cosine"), range(3), plan=plan, observe=observe)
    assert [step[0] for step in steps] == list(range(3 * int(found.epochs.max())))
    for number, before, direction, after, rate, who in steps:
        assert who.tolist() == [seed for seed in range(3) if number < 3 * found.epochs[seed]]
        assert rate == pytest.approx(0.15 * (1 + math.cos(math.pi * (number // 3) / 60)))
        for name, tensor in after.items():
            assert torch.equal(tensor, torch.add(before[name], direction[name], alpha=-rate))
    last = {seed: step for step in steps for seed in step[5].tolist()}
    for seed, (_, _, _, after, _, who) in last.items():
        place = who.tolist().index(seed)
        assert all(
            torch.equal(tensor[place], found.parameters[name][seed])
            for name, tensor in after.items()
        )


def test_replicated_training_yields_the_centre_of_replicas_that_have_met():
    final = []
    plan = replace(PLAN, epochs=40, least_epochs=40)
    found = trained(
        ("rsgd", {"replicas": 3}),
        [0, 1],
        plan=plan,
        observe=lambda *step: final.append((step[3], step[5].tolist())),
    )
    members_, who = final[-1]
    assert who == [0, 1, 2, 3, 4, 5]
    for name, tensor in members_.items():
        replicas = tensor.unflatten(0, (2, 3))
        torch.testing.assert_close(found.parameters[name], replicas.mean(1))
        assert (replicas - replicas.mean(1, keepdim=True)).abs().max() < 0.1 * replicas.abs().max()


def test_adversarial_training_first_memorises_each_seeds_own_labels():
    method = (
        "adv",
        {
            "pretraining_epochs": 400,
            "pretraining_momentum": 0.9,
            "pretraining_error": 0.2,
            "learning_rate": 0.2,
        },
    )
    seen = []
    plan = replace(PLAN, epochs=300, least_epochs=1)
    found = trained(method, [0, 1, 2], plan=plan, observe=lambda *step: seen.append(step))
    first, problem = found.pretraining, landscape()
    assert first.status == found.status == ("reached",) * 3
    assert first.epochs.unique().numel() == 3
    labels = [torch.randint(3, (SAMPLES,), generator=stream("order", seed, 0)) for seed in range(3)]
    for seed, memorised in enumerate(unstack(first.parameters)):
        assert (
            problem.relabel(labels[seed]).error(memorised)
            == first.error[seed, first.epochs[seed]]
            <= 0.2
        )
        assert problem.relabel(labels[(seed + 1) % 3]).error(memorised) > 0.3
    assert (found.error[:, 0] > 0.3).all()
    assert (
        found.error[:, 0]
        == torch.stack([problem.error(network_) for network_ in unstack(first.parameters)])
    ).all()
    assert found.gradients.tolist() == (3 * (first.epochs + found.epochs)).tolist()
    assert all(torch.equal(tensor, first.parameters[name]) for name, tensor in seen[0][1].items())


def test_progress_is_reported_each_epoch():
    seen = []
    trained(("sgd", {}), [0, 1], plan=replace(PLAN, progress=lambda *news: seen.append(news)))
    assert [news[:2] for news in seen] == [(epoch, 4) for epoch in range(5)]
    assert seen[1][2] == "sgd: 2 of 2 seeds train on"


def test_the_budget_is_also_counted_in_samples():
    found = trained(("adv", {"pretraining_epochs": 2}), [0, 1])
    assert (
        found.sample_gradients.tolist() == (8 * found.gradients).tolist() == [8 * 3 * (2 + 4)] * 2
    )
    assert found.pretraining.sample_gradients.tolist() == [8 * 3 * 2] * 2


def test_a_seed_waits_until_its_mean_has_enough_terms():
    """The stop rule is met at once; the first average is due after the third epoch."""
    plan = replace(PLAN, epochs=8, least_epochs=1, stop_error=1.0)
    method = ("swa", {"average_from": 0.25, "averages_least": 3})
    found = trained(method, [0, 1], plan=plan)
    assert (found.status, found.epochs.tolist()) == (("reached",) * 2, [5, 5])
    last = trained(("swa", {"average_from": 0.25, "averages_least": 6}), [0, 1], plan=plan)
    assert (last.status, last.epochs.tolist()) == (("reached",) * 2, [8, 8])
    with pytest.raises(
        SymgeomError,
        match=(
            r"averaging begins after epoch 2 .* the mean has 6 terms in the end, and "
            r"averages_lea"
        ),
    ):
        trained(("swa", {"average_from": 0.25, "averages_least": 7}), [0, 1], plan=plan)


def test_a_share_of_the_labels_is_random_at_first():
    found = trained(
        (
            "adv",
            {"pretraining_epochs": 40, "pretraining_corruption": 0.25, "pretraining_momentum": 0.9},
        ),
        [0, 1],
    )
    problem = landscape()
    for seed, first in enumerate(unstack(found.pretraining.parameters)):
        labels = random_labels(problem.targets, 3, generator=stream("order", seed, 0), share=0.25)
        assert 0 < int((labels != problem.targets).sum()) <= 6
        assert (
            problem.relabel(labels).error(first)
            == found.pretraining.error[seed, found.pretraining.epochs[seed]]
        )


def plain_steps(module, inputs, targets, order, *, epochs, rate):
    """Take the steps of PyTorch's SGD, of whole batches of 8 in a fresh order in every epoch."""
    stepper = torch.optim.SGD(module.parameters(), rate)
    for _ in range(epochs):
        permutation = torch.randperm(len(inputs), generator=order)
        for index in permutation.split(8)[: len(inputs) // 8]:
            stepper.zero_grad()
            nn.functional.cross_entropy(module(inputs[index]), targets[index]).backward()
            stepper.step()


@pytest.mark.parametrize("together", ["one", "batched"])
@pytest.mark.parametrize(("copies", "zeroed"), [(3, 0.25), (1, 0.5), (2, 0.0)])
def test_the_first_stage_is_the_plain_loop_on_copies_with_zeros(copies, zeroed, together):
    """Of each seed other copies with other labels; then the inputs and their true classes."""
    options = {
        "learning_rate": 0.2,
        "pretraining_learning_rate": 0.3,
        "pretraining_epochs": 3,
        "pretraining_error": 0.0,
        "pretraining_replicas": copies,
        "pretraining_zeroed": zeroed,
    }
    found = trained(("adv", options), [3, 5], plan=replace(PLAN, together=together))
    problem = landscape()
    for place, seed in enumerate([3, 5]):
        module, order = mlp(*WIDTHS, activation=nn.Tanh, seed=10 * seed), stream("order", seed, 0)
        labels = torch.randint(3, (copies * SAMPLES,), generator=order)
        inputs = problem.inputs.repeat(copies, 1)
        if zeroed:
            inputs = inputs * (torch.rand(inputs.shape, generator=order) >= zeroed)
        plain_steps(module, inputs, labels, order, epochs=3, rate=0.3)
        for name, tensor in module.named_parameters():
            torch.testing.assert_close(found.pretraining.parameters[name][place], tensor.detach())
        wrong = (module(inputs).argmax(1) != labels).double().mean()
        loss = nn.functional.cross_entropy(module(inputs), labels)
        assert found.pretraining.error[place, -1] == wrong
        assert found.pretraining.loss[place, -1].item() == pytest.approx(loss.item())
        plain_steps(module, problem.inputs, problem.targets, order, epochs=4, rate=0.2)
        for name, tensor in module.named_parameters():
            torch.testing.assert_close(found.parameters[name][place], tensor.detach())
    spent = 3 * (copies * SAMPLES // 8)
    assert found.pretraining.gradients.tolist() == [spent] * 2
    assert found.gradients.tolist() == [spent + 4 * 3] * 2


def test_statistics_of_a_first_stage_on_copies_are_those_of_the_copies():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    inputs, targets = batch(SAMPLES, 4, 3)
    problem = Problem(module, inputs, targets, batch_norm="recompute", training_inputs=inputs)
    problem = problem.cast(torch.float64)
    start = cast(stack([parameters(module)]), torch.float64)
    options = {"pretraining_epochs": 2, "pretraining_replicas": 2, "pretraining_zeroed": 0.5}
    orders = [stream("order", 0)]
    found = train(problem, start, build("adv", options), plan=PLAN, generators=orders)
    order = stream("order", 0)
    labels = torch.randint(3, (2 * SAMPLES,), generator=order)
    visible = torch.rand((2 * SAMPLES, 4), generator=order) >= 0.5
    copies = problem.inputs.repeat(2, 1) * visible
    (network_,) = unstack(found.pretraining.parameters)
    first = nn.functional.linear(copies, network_["0.weight"], network_["0.bias"])
    torch.testing.assert_close(network_["1.running_mean"], first.mean(0))
    on_copies = Problem(module, copies, labels, batch_norm="carried")
    assert found.pretraining.error[0, -1] == on_copies.error(network_)


def test_noise_is_drawn_before_the_data_and_each_seeds_own():
    method = build(
        "entropy_sgd",
        {"noise": 0.0, "inner_steps": 1, "averaging": 0.0, "momentum": 0.0, "scope": 0.0},
    )
    found, problem = trained(method, [0, 1]), landscape()
    seen = {}

    class Watching(Method):
        """Heavy-ball SGD that asks for the seeds of a noise."""

        name, equivariant, draws_noise = "watching", True, True
        learning_rate, momentum, weight_decay, schedule = 0.1, 0.0, 0.0, "constant"

        def start(self, params, seeds=None):
            seen["seeds"] = seeds
            return SGD(momentum=0.0).start(params)

        def direction(self, gradient_at, params, state):
            return SGD(momentum=0.0).direction(gradient_at, params, state)

    plain = trained(Watching(), [0, 1])
    expected = [torch.randint(2**62, (), generator=stream("order", seed, 0)) for seed in range(2)]
    assert seen["seeds"].tolist() == torch.stack(expected).tolist()
    # Without noise, one inner step that the outer point follows all the way is plain SGD.
    torch.testing.assert_close(
        dict(found.parameters), dict(plain.parameters), rtol=1e-9, atol=1e-11
    )
    assert problem.loss(unstack(found.parameters)[0]) == found.loss[0, -1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"together": "all"},
            (
                "Unknown way to train a population .together. 'all': choose one of 'auto', "
                "'batched', 'one'"
            ),
        ),
        (
            {"autocast": torch.float16},
            "Unknown precision for autocast torch.float16: choose one of None, torch.bfloat16",
        ),
        ({"batch_size": 0}, "batch_size = 0: give a positive whole number"),
        ({"epochs": 2.5}, "epochs = 2.5: give a positive whole number"),
        ({"budgets": (5, 0)}, "with a budget of 0 gradients of samples: give a positive whole n"),
        ({"stop_error": -0.1}, "stop_error = -0.1: no seed could ever reach it"),
        ({"stop_loss": math.nan}, "stop_loss = nan: no seed"),
        ({"depths": (0.1, 0.0)}, r"losses \[0.1, 0.0\], which no network could all reach"),
        ({"depths": (0.1, 0.1)}, r"losses \[0.1, 0.1\] one after another: let each be smaller"),
        ({"epochs": 3, "least_epochs": 4}, "at least 4 and at most 3 epochs: raise epochs"),
    ],
)
def test_impossible_plans_are_refused(options, message):
    with pytest.raises(SymgeomError, match=message):
        Plan(**options)


def test_impossible_stacks_are_refused():
    problem, start = landscape(), stack([network(*WIDTHS, seed=seed) for seed in range(3)])
    generators = [torch.Generator() for _ in range(3)]
    with pytest.raises(SymgeomError, match="zero seeds"):
        train(
            problem,
            {name: tensor[:0] for name, tensor in start.items()},
            SGD(),
            plan=PLAN,
            generators=[],
        )
    with pytest.raises(
        SymgeomError, match="3 stacked networks with 2 generators: give one for each"
    ):
        train(problem, start, SGD(), plan=PLAN, generators=generators[:2])
    with pytest.raises(
        SymgeomError, match="3 stacked networks with 'rsgd': stack 2 replicas for each seed"
    ):
        train(problem, start, build("rsgd", {"replicas": 2}), plan=PLAN, generators=generators)
    with pytest.raises(
        SymgeomError, match="Cannot draw 27 samples of 26 for a mini-batch: lower batch_size"
    ):
        train(problem, start, SGD(), plan=replace(PLAN, batch_size=27), generators=generators)
    with pytest.raises(
        SymgeomError,
        match="tensor '0.weight' of torch.float32 on inputs of torch.float64: use problem.cast",
    ):
        train(problem, cast(start, torch.float32), SGD(), plan=PLAN, generators=generators)
    narrow = stack([network(4, 8, 3, seed=seed) for seed in range(3)])
    with pytest.raises(SymgeomError, match="tensor '0.weight' has shape .8, 4., expected "):
        train(problem, narrow, SGD(), plan=PLAN, generators=generators)


@pytest.mark.parametrize(
    "method",
    [("sgd", {}), ("adv", {"pretraining_epochs": 4, "pretraining_error": 0.0}), ("rsgd", {})],
)
def test_rare_evaluations_change_nothing_but_when_a_seed_may_stop(method):
    plan = replace(PLAN, epochs=7, least_epochs=1, stop_error=0.0, stop_loss=1e-9)
    often, rare = (
        trained(method, [0, 1], plan=replace(plan, evaluate_every=every)) for every in (1, 3)
    )
    for name, tensor in often.parameters.items():
        assert torch.equal(tensor, rare.parameters[name])
    assert torch.equal(rare.gradients, often.gradients)
    evaluated = torch.tensor([0, 3, 6, 7])
    assert torch.equal(rare.loss[:, evaluated], often.loss[:, evaluated])
    assert rare.loss[:, [1, 2, 4, 5]].isnan().all()
    stopping = trained(
        method, [0, 1], plan=replace(plan, evaluate_every=3, stop_error=1.0, stop_loss=math.inf)
    )
    assert stopping.epochs.tolist() == [3, 3]
