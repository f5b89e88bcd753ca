"""The landscape: chunks, mini-batches and per-sample gradients against plain PyTorch."""

import pytest
import torch
from cases import batch, mlp, network, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import parameters, stack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem import problem as problem_module

ROUNDING = {"rtol": 1e-12, "atol": 1e-14}
WIDTHS = (5, 6, 3)


def landscape(**options):
    return Problem(mlp(*WIDTHS), *batch(20, 5, 3), **options)


def plain_gradient(seed, inputs, targets):
    """Differentiate PyTorch's own mean loss of the module itself."""
    module = mlp(*WIDTHS, seed=seed)
    nn.functional.cross_entropy(module(inputs), targets).backward()
    return {name: tensor.grad for name, tensor in module.named_parameters()}


@pytest.mark.parametrize("chunk", [1, 7, 20, 100])
def test_loss_and_gradient_do_not_depend_on_chunks(chunk):
    inputs, targets = batch(20, 5, 3)
    problem, params = landscape(chunk=chunk), network(*WIDTHS, seed=1)
    expected = nn.functional.cross_entropy(mlp(*WIDTHS, seed=1)(inputs), targets)
    torch.testing.assert_close(problem.loss(params), expected.detach(), **ROUNDING)
    torch.testing.assert_close(
        problem.gradient(params), plain_gradient(1, inputs, targets), **ROUNDING
    )


def test_error_counts_samples():
    inputs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0], [0.0, 5.0]])
    problem = Problem(nn.Linear(2, 2), inputs, torch.tensor([0, 1, 1, 1]), chunk=3)
    params = {"weight": torch.eye(2), "bias": torch.zeros(2)}
    assert problem.error(params) == 0.25
    assert problem.loss_and_error(params) == (problem.loss(params), problem.error(params))


def test_mini_batches_are_subsets_and_vmap_gives_each_network_its_own():
    problem = landscape(chunk=2)
    stacked = stack([network(*WIDTHS, seed=seed) for seed in range(3)])
    index = torch.tensor([[0, 1, 2], [19, 4, 4], [7, 8, 3]])
    gradients = torch.vmap(lambda params, index: problem.gradient(params, index=index))(
        stacked, index
    )
    losses = torch.vmap(lambda params, index: problem.loss(params, index=index))(stacked, index)
    for seed in range(3):
        part = problem.subset(index[seed])
        expected = plain_gradient(seed, part.inputs, part.targets)
        torch.testing.assert_close(
            {name: tensor[seed] for name, tensor in gradients.items()}, expected, **ROUNDING
        )
        torch.testing.assert_close(losses[seed], part.loss(network(*WIDTHS, seed=seed)), **ROUNDING)


def test_sample_gradients_come_in_bounded_chunks(monkeypatch):
    params, (inputs, targets) = network(*WIDTHS, seed=2), batch(20, 5, 3)
    size = sum(tensor.numel() * tensor.element_size() for tensor in params.values())
    monkeypatch.setattr(problem_module, "GRADIENT_BYTES", 3 * size + 1)
    chunks = list(landscape().sample_gradients(params))
    assert [len(chunk["0.weight"]) for chunk in chunks] == [3] * 6 + [2]
    for name in params:
        found = torch.cat([chunk[name] for chunk in chunks])
        expected = torch.stack(
            [plain_gradient(2, inputs[i : i + 1], targets[i : i + 1])[name] for i in range(20)]
        )
        torch.testing.assert_close(found, expected, **ROUNDING)


def test_mean_over_samples_of_a_square_and_under_vmap(monkeypatch):
    monkeypatch.setattr(problem_module, "GRADIENT_BYTES", 2000)
    problem, (inputs, targets) = landscape(), batch(20, 5, 3)
    stacked = stack([network(*WIDTHS, seed=seed) for seed in range(2)])

    def squares(gradient):
        return {"squares": gradient["0.weight"].square().sum(1)}

    found = torch.vmap(lambda params: problem.mean_over_samples(params, squares))(stacked)[
        "squares"
    ]
    for seed in range(2):
        each = [
            plain_gradient(seed, inputs[i : i + 1], targets[i : i + 1])["0.weight"]
            for i in range(20)
        ]
        torch.testing.assert_close(
            found[seed], torch.stack(each).square().sum(2).mean(0), **ROUNDING
        )


def test_batch_normalisation_uses_the_statistics_of_the_parameters_and_leaves_the_module_alone():
    module = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).double()
    before = parameters(module)
    inputs, targets = batch(20, 5, 3)
    problem = Problem(module, inputs, targets, batch_norm="carried")
    params = {**before, "1.running_mean": torch.full((4,), 0.5, dtype=torch.float64)}
    hidden = (inputs @ params["0.weight"].T + params["0.bias"] - 0.5) / (1 + 1e-5) ** 0.5
    expected = hidden.relu() @ params["3.weight"].T + params["3.bias"]
    torch.testing.assert_close(problem.outputs(params), expected, **ROUNDING)
    assert problem.gradient(params).keys() == dict(module.named_parameters()).keys()
    assert module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in parameters(module).items())


def normalised():
    return randomised(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)))


def measured(**options):
    """A landscape whose statistics come from other samples than its loss."""
    training = batch(30, 5, 3, seed=1)[0] + 1
    return Problem(
        normalised(), *batch(20, 5, 3), batch_norm="recompute", training_inputs=training, **options
    )


def test_batch_norm_needs_a_policy():
    data = batch(20, 5, 3)
    with pytest.raises(
        SymgeomError,
        match="with batch norm .'1' is the first of 1.*fold_batchnorm.*'recompute'.*'carried'",
    ):
        Problem(normalised(), *data)
    with pytest.raises(
        SymgeomError,
        match="Unknown policy for batch norm 'fold': choose one of 'carried', 'recompute'",
    ):
        Problem(normalised(), *data, batch_norm="fold")
    for nothing in (None, data[0][:0]):
        with pytest.raises(
            SymgeomError,
            match="statistics of batch norms without samples: give the training_inputs",
        ):
            Problem(normalised(), *data, batch_norm="recompute", training_inputs=nothing)
    with pytest.raises(SymgeomError, match="batch norm '1' .*keeps no running statistics"):
        Problem(
            nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, track_running_stats=False)).double(),
            *data,
            batch_norm="carried",
        )


@pytest.mark.parametrize("policy", ["carried", "recompute"])
def test_networks_without_batch_norm_are_as_they_were(policy):
    params = network(*WIDTHS, seed=1)
    with_policy = landscape(chunk=7, batch_norm=policy, training_inputs=batch(9, 5, 3)[0])
    assert with_policy.batch_norm is None
    assert torch.equal(with_policy.outputs(params), landscape(chunk=7).outputs(params))
    found, expected = with_policy.gradient(params), landscape(chunk=7).gradient(params)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_statistics_are_measured_on_the_training_inputs_for_every_network():
    problem, params = measured(chunk=7), parameters(randomised(normalised(), 1))
    before = {name: tensor.clone() for name, tensor in params.items()}
    with_statistics = recompute_statistics(problem.module, params, problem.training_inputs, chunk=7)
    carried = Problem(
        problem.module, problem.inputs, problem.targets, chunk=7, batch_norm="carried"
    )
    assert not torch.equal(carried.outputs(params), carried.outputs(with_statistics))
    for index in (None, torch.tensor([3, 1])):
        assert torch.equal(
            problem.outputs(params, index=index), carried.outputs(with_statistics, index=index)
        )
    assert problem.loss_and_error(params) == carried.loss_and_error(with_statistics)
    part = problem.subset(torch.arange(5))
    assert torch.equal(
        part.outputs(params), carried.subset(torch.arange(5)).outputs(with_statistics)
    )
    single = problem.cast(torch.float32)
    assert (single.batch_norm, single.training_inputs.dtype) == ("recompute", torch.float32)
    rounded = single.outputs(
        {n: t.float() if t.is_floating_point() else t for n, t in params.items()}
    )
    torch.testing.assert_close(rounded.double(), problem.outputs(params), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(params[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("chunk", [3, 100])
def test_gradients_with_measured_statistics_are_those_of_training(chunk):
    """Plain PyTorch in training mode, each mini-batch normalised by itself."""
    problem, index = measured(chunk=chunk), torch.tensor([[0, 1, 2, 5], [19, 4, 4, 7]])
    networks = [parameters(randomised(normalised(), seed)) for seed in (1, 2)]
    found = torch.vmap(lambda params, index: problem.gradient(params, index=index))(
        stack(networks), index
    )
    for place, params in enumerate(networks):
        for samples, gradients in (
            (index[place], found),
            (torch.arange(20), stack([problem.gradient(params)] * 2)),
        ):
            module = normalised().train()
            module.load_state_dict(params)
            nn.functional.cross_entropy(
                module(problem.inputs[samples]), problem.targets[samples]
            ).backward()
            for name, tensor in module.named_parameters():
                torch.testing.assert_close(gradients[name][place], tensor.grad, **ROUNDING)


def test_samples_have_no_gradients_of_their_own_where_statistics_are_measured():
    params = parameters(normalised())
    with pytest.raises(
        SymgeomError,
        match="gradients of single samples: .*depends on all others. Fold the network first",
    ):
        measured().mean_over_samples(params, lambda gradient: gradient)


def test_a_layer_that_was_left_in_training_mode():
    module = normalised()
    module[1].train()
    params = parameters(module)
    expected = Problem(normalised(), *batch(20, 5, 3), batch_norm="carried").outputs(params)
    assert torch.equal(
        Problem(module, *batch(20, 5, 3), batch_norm="carried").outputs(params), expected
    )
    assert module[1].training


def test_another_loss_on_real_targets():
    inputs = torch.tensor([[1.0], [2.0]])
    problem = Problem(
        nn.Linear(1, 1),
        inputs,
        torch.tensor([3.0, 5.0]),
        sample_loss=lambda out, y: (out[:, 0] - y) ** 2,
    )
    params = {"weight": torch.tensor([[1.0]]), "bias": torch.tensor([0.0])}
    assert problem.loss(params) == (4 + 9) / 2
    assert problem.gradient(params)["weight"] == 2 * (-2 * 1 - 3 * 2) / 2
    assert problem.cast(torch.float64).targets.dtype == torch.float64
    with pytest.raises(SymgeomError, match="targets are real numbers"):
        problem.error(params)


def test_relabel_cast_and_subset_keep_the_rest():
    problem, params = landscape(chunk=6), network(*WIDTHS)
    predicted = problem.outputs(params).argmax(1)
    assert problem.relabel(predicted).error(params) == 0
    assert problem.relabel((predicted + 1) % 3).error(params) == 1
    assert problem.error(params) not in (0, 1)  # the first problem is as it was
    assert problem.cast(torch.float32).inputs.dtype == torch.float32
    assert problem.cast(torch.float32).targets.dtype == torch.int64
    chosen = problem.subset(predicted == 1)
    assert (len(chosen.targets), chosen.chunk) == (int((predicted == 1).sum()), 6)


def test_a_network_that_does_not_fit_the_data_is_named():
    inputs, targets = batch(20, 5, 3)
    with pytest.raises(
        SymgeomError,
        match=r"samples of shape \(5,\) .* layer '0' Linear\(in_features=4.* cannot take \(1, 5\)",
    ):
        Problem(mlp(4, 6, 3), inputs, targets)
    with pytest.raises(
        SymgeomError, match="2 outputs for classes 0 to 2: build it with one per class"
    ):
        Problem(mlp(5, 6, 2), inputs, targets)


def test_impossible_data_are_refused():
    inputs, targets = batch(20, 5, 3)
    with pytest.raises(SymgeomError, match="Cannot pair 20 inputs with 19 targets"):
        Problem(mlp(*WIDTHS), inputs, targets[:19])
    with pytest.raises(SymgeomError, match="Cannot use 0 as the number of samples in a chunk"):
        landscape(chunk=0)
    with pytest.raises(
        SymgeomError,
        match=r"tensor '0.weight' of torch.float32 on inputs of torch.float64: use problem.cast",
    ):
        landscape().loss(parameters(mlp(*WIDTHS).float()))


@pytest.mark.parametrize("problem", [landscape(), measured()], ids=["plain", "batch norm"])
def test_the_loss_of_a_batch_has_the_gradient_of_training(problem):
    """Given the samples themselves, also those of no data set: what augmented training
    differentiates."""
    params = parameters(problem.module)
    trainable = {
        name: params[name].requires_grad_() for name, _ in problem.module.named_parameters()
    }
    index = torch.tensor([0, 1, 2, 5])
    problem.batch_loss(params, problem.inputs[index], problem.targets[index]).backward()
    found = {name: tensor.grad for name, tensor in trainable.items()}
    torch.testing.assert_close(found, problem.gradient(params, index=index), **ROUNDING)
    moved = problem.subset(index)
    changed = Problem(
        **{
            name: getattr(moved, name)
            for name in ("module", "targets", "batch_norm", "training_inputs")
        },
        inputs=-moved.inputs,
    )
    found = torch.autograd.grad(
        problem.batch_loss(params, -moved.inputs, moved.targets), tuple(trainable.values())
    )
    torch.testing.assert_close(
        dict(zip(trainable, found, strict=True)), changed.gradient(params), **ROUNDING
    )


def test_a_problem_moves_to_a_device_as_a_whole():
    problem = measured(chunk=7)
    moved = problem.to("meta")
    tensors = [
        moved.inputs,
        moved.targets,
        moved.training_inputs,
        *parameters(moved.module).values(),
    ]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert {tensor.device.type for tensor in parameters(problem.module).values()} == {"cpu"}
    assert (moved.chunk, moved.batch_norm) == (7, "recompute")
    params = parameters(randomised(normalised(), 1))
    assert torch.equal(problem.to("cpu").outputs(params), problem.outputs(params))
