"""Populations: batched passes against single ones, batch norm, augmentation, precision and
device."""

import copy
from dataclasses import replace

import pytest
import torch
from cases import batch, lenet, mlp, network, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import run
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters, stack, unstack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers import Method, build
from symgeom.learning.training import Plan, choose_device, train, trains_together
from symgeom.learning.training.dense import dense_outputs, is_dense_chain
from symgeom.learning.training.population import Population

ROUNDING = {"rtol": 1e-9, "atol": 1e-11}
"""A few steps in float64, in another order of summation."""
PLAN = Plan(batch_size=8, epochs=3, least_epochs=3)


@pytest.fixture(autouse=True)
def one_thread():
    """Train on one thread, and restore the number afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def normalised():
    return randomised(nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)))


def images():
    generator = stream("images")
    inputs = torch.randn(26, 1, 8, 8, generator=generator, dtype=torch.float64)
    return inputs, torch.randint(3, (26,), generator=generator)


def landscape(kind, dtype=torch.float64):
    """Return a training set of 26 samples: a chain of dense layers, one without biases, with
    batch norm, or convolutions."""
    if kind == "images":
        return Problem(lenet().double(), *images()).cast(dtype)
    inputs, targets = batch(26, 4, 3)
    if kind == "norm":
        return Problem(
            normalised(), inputs, targets, batch_norm="recompute", training_inputs=inputs, chunk=9
        ).cast(dtype)
    return Problem(mlp(4, 9, 7, 3, activation=nn.Tanh, bias=kind == "chain"), inputs, targets).cast(
        dtype
    )


def noisy(inputs, generator):
    """Augment by noise: how much is drawn first."""
    size = torch.rand((), generator=generator, dtype=inputs.dtype)
    return inputs + size * torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)


def starts(problem, count):
    return [
        cast(parameters(randomised(copy.deepcopy(problem.module), seed)), problem.inputs.dtype)
        for seed in range(count)
    ]


def trained(problem, name="sgd", *, plan=PLAN, seeds=3, observe=None, **options):
    method = build(name, {"learning_rate": 0.05, **options})
    count = seeds * method.members_per_seed
    orders = [stream("order", member) for member in range(count)]
    return train(
        problem,
        stack(starts(problem, count)),
        method,
        plan=plan,
        generators=orders,
        observe=observe,
    )


AVERAGES = {"average_from": 0.0, "averages_least": 2}


@pytest.mark.parametrize("name", ["sgd", "sam", "adam", "rsgd", "swa"])
@pytest.mark.parametrize("kind", ["chain", "no bias", "norm", "images"])
def test_batched_is_one_by_one_up_to_rounding_and_exact_when_rerun(kind, name):
    plan, problem, own = (
        replace(PLAN, augment=noisy),
        landscape(kind),
        AVERAGES if name == "swa" else {},
    )
    single = trained(problem, name, plan=replace(plan, together="one"), **own)
    batched = trained(problem, name, plan=replace(plan, together="batched"), **own)
    again = trained(problem, name, plan=replace(plan, together="batched"), **own)
    assert (single.together, batched.together) == (False, True)
    # A bias before a batch norm has no gradient but rounding, which Adam divides by 1e-8.
    rounding = {"rtol": 1e-6, "atol": 1e-8} if (kind, name) == ("norm", "adam") else ROUNDING
    torch.testing.assert_close(dict(batched.parameters), dict(single.parameters), **rounding)
    torch.testing.assert_close(batched.loss, single.loss, **ROUNDING)
    assert torch.equal(batched.error, single.error)
    assert all(
        torch.equal(again.parameters[name], tensor) for name, tensor in batched.parameters.items()
    )


def repeated():
    """Return a chain that has one layer twice, and one activation everywhere."""
    layer, relu = nn.Linear(5, 5), nn.ReLU()
    return nn.Sequential(nn.Linear(8, 5), relu, layer, relu, layer, relu, nn.Linear(5, 3))


def tied():
    """Return a chain of two layers with one weight."""
    chain = mlp(8, 5, 5, 5, 3)
    chain[4].weight = chain[2].weight
    return chain


CHAINS = {
    "biases": lambda: mlp(8, 5, 6, 3),
    "no biases": lambda: mlp(8, 5, 6, 3, bias=False),
    "repeated": repeated,
    "tied": tied,
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_vmap_of_its_network_with_gradients_that_lie_like_the_weights(name):
    module = nn.Sequential(nn.Flatten(), *CHAINS[name]())
    stacked = stack(starts(Problem(module, torch.zeros(1, 2, 4).double(), torch.tensor([0])), 3))
    inputs = torch.randn(3, 7, 2, 4, generator=stream("inputs"), dtype=torch.float64)
    leaves = {name: tensor.requires_grad_() for name, tensor in stacked.items()}
    assert is_dense_chain(module, inputs[0])
    found = dense_outputs(module, leaves, inputs)
    expected = torch.vmap(lambda params, samples: run(module, params, samples))(leaves, inputs)
    torch.testing.assert_close(found, expected, **ROUNDING)
    sides = [
        torch.autograd.grad(side.square().sum(), tuple(leaves.values()))
        for side in (found, expected)
    ]
    torch.testing.assert_close(*sides, **ROUNDING)
    assert all(tensor.is_contiguous() for tensor in sides[0])
    everyone = inputs[0].expand(3, *inputs.shape[1:])
    shared = torch.vmap(lambda params: run(module, params, inputs[0]))(leaves)
    torch.testing.assert_close(dense_outputs(module, leaves, everyone), shared, **ROUNDING)
    assert torch.autograd.gradcheck(
        lambda x: dense_outputs(module, leaves, x), inputs[:, :2].requires_grad_()
    )


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1)), (5, 4)),
        (nn.Sequential(nn.Linear(4, 3)), (5, 2, 4)),
        (nn.Sequential(nn.Flatten(0), nn.Linear(4, 3)), (5, 4)),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), (5, 4)),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 3))), (5, 4)),
        (nn.Linear(4, 3), (5, 4)),
    ],
    ids=["rows", "sequences", "flattens samples", "norm", "nested", "bare"],
)
def test_what_is_no_chain_is_left_to_vmap(module, shape):
    assert not is_dense_chain(module, torch.zeros(shape))


def test_dense_networks_in_single_precision_train_together_on_a_cpu():
    single = landscape("chain", torch.float32)
    assert trains_together(single, 8, PLAN)
    assert trains_together(landscape("norm", torch.float32), 8, PLAN)
    for problem, members in [
        (single, 1),
        (landscape("chain"), 8),
        (landscape("images", torch.float32), 8),
    ]:
        assert not trains_together(problem, members, PLAN)
    assert trains_together(single.to("meta"), 1, PLAN)
    assert trains_together(landscape("images"), 1, replace(PLAN, together="batched"))
    assert not trains_together(single.to("meta"), 8, replace(PLAN, together="one"))


@pytest.mark.parametrize("together", ["one", "batched"])
def test_batch_norm_trains_as_pytorch_does_in_training_mode(together):
    """Each mini-batch normalised by itself; what the running averages of PyTorch are does not
    matter."""
    problem, options = landscape("norm"), {"momentum": 0.9, "weight_decay": 1e-3}
    found = trained(problem, plan=replace(PLAN, together=together), **options)
    for seed, start in enumerate(starts(problem, 3)):
        module, order = normalised().train(), stream("order", seed)
        module.load_state_dict(start)
        stepper = torch.optim.SGD(module.parameters(), 0.05, **options)
        for _ in range(PLAN.epochs):
            for index in torch.randperm(26, generator=order)[:24].split(8):
                stepper.zero_grad()
                nn.functional.cross_entropy(
                    module(problem.inputs[index]), problem.targets[index]
                ).backward()
                stepper.step()
        for name, tensor in module.named_parameters():
            torch.testing.assert_close(found.parameters[name][seed], tensor.detach(), **ROUNDING)


@pytest.mark.parametrize("together", ["one", "batched"])
@pytest.mark.parametrize("name", ["sgd", "sam", "rsgd", "swa", "entropy_sgd"])
def test_what_training_yields_carries_the_statistics_of_its_weights(name, together):
    """Also the centre of replicas and the mean over epochs; whole numbers stay whole."""
    problem = landscape("norm")
    own = {"entropy_sgd": {}, "swa": AVERAGES}.get(name, {"momentum": 0.5})
    found = trained(problem, name, plan=replace(PLAN, together=together), **own)
    carried = replace(problem, batch_norm="carried", training_inputs=None)
    same = {"rtol": 0, "atol": 0} if together == "one" else ROUNDING
    for seed, each in enumerate(unstack(found.parameters)):
        torch.testing.assert_close(carried.outputs(each), problem.outputs(each), **same)
        torch.testing.assert_close(carried.loss(each), found.loss[seed, -1], **same)
        assert not torch.allclose(each["1.running_var"], starts(problem, 3)[seed]["1.running_var"])
    assert found.parameters["1.num_batches_tracked"].dtype == torch.int64
    assert list(found.parameters) == list(starts(problem, 1)[0])


def test_carried_statistics_stay_what_they_are():
    problem = replace(landscape("norm"), batch_norm="carried", training_inputs=None)
    found = trained(problem, "rsgd")
    for seed, each in enumerate(unstack(found.parameters)):
        first = starts(problem, 9)[3 * seed]
        assert all(
            torch.equal(each[name], first[name])
            for name in first
            if "running" in name or "tracked" in name
        )


@pytest.mark.parametrize("together", ["one", "batched"])
def test_augmentation_is_each_members_own_and_evaluation_never_sees_it(together):
    """The plain loop: the order of an epoch, then the noise of each mini-batch, from one
    generator."""
    problem = landscape("chain")
    found = trained(problem, plan=replace(PLAN, augment=noisy, together=together), momentum=0.0)
    for seed, start in enumerate(starts(problem, 3)):
        module, order = copy.deepcopy(problem.module), stream("order", seed)
        module.load_state_dict(start)
        stepper = torch.optim.SGD(module.parameters(), 0.05)
        for _ in range(PLAN.epochs):
            for index in torch.randperm(26, generator=order)[:24].split(8):
                stepper.zero_grad()
                outputs = module(noisy(problem.inputs[index], order))
                nn.functional.cross_entropy(outputs, problem.targets[index]).backward()
                stepper.step()
        params = parameters(module)
        for name, tensor in params.items():
            torch.testing.assert_close(found.parameters[name][seed], tensor, **ROUNDING)
        torch.testing.assert_close(found.loss[seed, -1], problem.loss(params), **ROUNDING)


@pytest.mark.parametrize(
    ("kind", "together"), [("chain", "one"), ("chain", "batched"), ("images", "one")]
)
def test_autocast_is_pytorchs_with_weights_and_losses_in_single_precision(kind, together):
    problem = landscape(kind, torch.float32)
    start, targets = starts(problem, 2), torch.stack([problem.targets, problem.targets.flip(0)])
    index = torch.arange(26).expand(2, -1)
    population = Population(problem, together == "batched", torch.bfloat16)
    names = tuple(start[0])
    found = population.gradients(
        stack(start), names, population.samples(index), targets, draws=[0, 0]
    )
    for place, params in enumerate(start):
        module = copy.deepcopy(problem.module).float()
        module.load_state_dict(params)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = module(problem.inputs)
        assert outputs.dtype == torch.bfloat16
        nn.functional.cross_entropy(outputs.float(), targets[place]).backward()
        for name, tensor in module.named_parameters():
            assert found[name].dtype == torch.float32
            # bfloat16 has three digits; products of a stack are rounded in another order.
            torch.testing.assert_close(
                found[name][place],
                tensor.grad,
                rtol=0.05,
                atol=0.01 * float(tensor.grad.abs().max()),
            )
    plan = replace(PLAN, autocast=torch.bfloat16, together=together)
    low, full = trained(problem, plan=plan), trained(problem, plan=replace(PLAN, together=together))
    assert low.parameters[names[0]].dtype == torch.float32
    assert not torch.equal(low.parameters[names[0]], full.parameters[names[0]])
    torch.testing.assert_close(low.loss, full.loss, rtol=0.02, atol=0.02)
    for seed, each in enumerate(unstack(low.parameters)):
        torch.testing.assert_close(
            low.loss[seed, -1], problem.loss(each).double(), rtol=1e-6, atol=0
        )


def test_autocast_needs_single_precision():
    with pytest.raises(
        SymgeomError, match="under autocast to torch.bfloat16 in double precision.*use problem.cast"
    ):
        trained(landscape("chain"), plan=replace(PLAN, autocast=torch.bfloat16))


def test_devices_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(
        SymgeomError,
        match="Cannot compute on device 'cuda': torch .* finds no GPU.*Choose 'auto' or 'cpu'",
    ):
        choose_device("cuda")
    with pytest.raises(
        SymgeomError, match="Unknown device 'tpu': choose one of 'auto', 'cpu', 'cuda'"
    ):
        choose_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("together", ["one", "batched"])
def test_to_be_watched_changes_nothing(together):
    """With an observer the weights before a step are kept; without, they are overwritten."""
    plan, watched = replace(PLAN, together=together), []
    alone = trained(landscape("chain"), plan=plan)
    seen = trained(landscape("chain"), plan=plan, observe=lambda *step: watched.append(step))
    assert len(watched) == 9
    assert all(
        torch.equal(tensor, seen.parameters[name]) for name, tensor in alone.parameters.items()
    )


def test_weights_that_an_optimizer_remembers_are_not_overwritten():
    problem, start = (
        landscape("chain"),
        stack([network(4, 9, 7, 3, seed=seed) for seed in range(2)]),
    )
    before = {name: tensor.clone() for name, tensor in start.items()}
    sgd = build("sgd", {})

    class Remembers(Method):
        name, members_per_seed, draws_noise = "remembers", 1, False
        pretraining, learning_rate_at, begin_epoch = (
            sgd.pretraining,
            sgd.learning_rate_at,
            sgd.begin_epoch,
        )
        may_stop, never_finishes = sgd.may_stop, sgd.never_finishes
        equivariant = sgd.equivariant

        def start(self, params, seeds=None):
            return {"first": dict(params), "velocity": sgd.start(params)["velocity"]}

        def direction(self, gradient_at, params, state):
            velocity, new = sgd.direction(gradient_at, params, {"velocity": state["velocity"]})
            return velocity, {**new, "first": state["first"]}

        def output(self, params, state):
            assert not torch.equal(params["0.weight"], state["first"]["0.weight"]) or not calls
            calls.append(None)
            return {name: tensor.clone() for name, tensor in state["first"].items()}

    calls = []
    found = train(
        problem,
        start,
        Remembers(),
        plan=PLAN,
        generators=[stream("order", seed) for seed in range(2)],
    )
    assert all(torch.equal(found.parameters[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(start[name], tensor) for name, tensor in before.items())
