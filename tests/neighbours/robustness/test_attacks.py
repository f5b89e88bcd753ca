"""Attacks: the worst case of a linear network in closed form, budgets, ranges, controls."""

import pytest
import torch
from cases import batch, mlp, network
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.neighbours.robustness import (
    ATTACKS,
    Attack,
    DataRange,
    Predictor,
    predictor,
    robust_error,
)
from symgeom.neighbours.robustness.box import Box
from symgeom.neighbours.robustness.chase import Chase

CENTRED = DataRange((-0.5,), (0.5,))
ROUNDING = 1e-14
BUDGET = 0.03


def pixels(samples: int, features: int, seed: int = 0) -> Tensor:
    """Return inputs that fill the range from -1/2 to 1/2, its ends included."""
    generator = stream("pixels", seed)
    inputs = 1.4 * torch.rand(samples, features, generator=generator, dtype=torch.float64) - 0.7
    return inputs.clamp(-0.5, 0.5)


def linear(classes: int, features: int = 12, seed: int = 0) -> tuple[Predictor, Tensor, Tensor]:
    """Return a linear network as predictor, its weights, and its biases."""
    generator = stream("linear", seed)
    weights = torch.randn(classes, features, generator=generator, dtype=torch.float64)
    biases = torch.randn(classes, generator=generator, dtype=torch.float64) / 10
    return (lambda inputs: (inputs @ weights.T + biases).log_softmax(1)), weights, biases


def worst_margins(
    weights: Tensor, biases: Tensor, inputs: Tensor, targets: Tensor, budget: float
) -> Tensor:
    """Return the smallest margin within the budget and the range, input by input, in closed form.

    Far from the ends of the range it is the margin minus the budget times the sum of the
    differences of weights (the dual norm).
    """
    low = (inputs - budget).clamp(min=-0.5)
    high = (inputs + budget).clamp(max=0.5)
    margins = torch.full((len(inputs),), torch.inf, dtype=torch.float64)
    for other in range(len(weights)):
        difference = weights[targets] - weights[other]
        lowest = torch.minimum(difference * low, difference * high).sum(1)
        margin = lowest + biases[targets] - biases[other]
        margins = torch.where(targets == other, margins, torch.minimum(margins, margin))
    return margins


def margin_of(predict: Predictor, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return by how much the true class is more likely than any other, sample by sample."""
    rows = []
    for log_probabilities, target in zip(predict(inputs), targets.tolist(), strict=True):
        others = torch.cat([log_probabilities[:target], log_probabilities[target + 1 :]])
        rows.append(log_probabilities[target] - others.max())
    return torch.stack(rows)


def weights_without_biases(seed: int = 0) -> dict[str, Tensor]:
    """Return a perceptron that has all classes near all inputs."""
    params = network(12, 16, 3, seed=seed)
    return {name: tensor * ("weight" in name) for name, tensor in params.items()}


def an_ensemble(*seeds: int) -> tuple[Predictor, Tensor, Tensor]:
    """Return an ensemble that is right on all its samples, and these."""
    inputs = pixels(40, 12)
    problem = Problem(mlp(12, 16, 3), inputs, torch.zeros(40, dtype=torch.int64))
    predict = predictor(problem, stack([weights_without_biases(seed) for seed in seeds]))
    return predict, inputs, predict(inputs).argmax(1)


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_the_worst_case_of_a_linear_network_of_two_classes_is_reached(kind: str):
    predict, weights, biases = linear(2)
    inputs = pixels(60, 12)
    targets = predict(inputs).argmax(1)
    attack = Attack(kind, BUDGET, CENTRED, steps=8)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    expected = worst_margins(weights, biases, inputs, targets, BUDGET)
    reached = margin_of(predict, result.inputs, targets)
    torch.testing.assert_close(reached, expected, rtol=0, atol=ROUNDING)
    assert torch.equal(result.wrong_attacked, expected < 0)
    assert 0 < result.wrong_attacked.sum() < 60
    assert result.clean == 0


@pytest.mark.parametrize("kind", ["fgsm", "pgd", "suite"])
def test_a_network_is_not_more_robust_for_being_sure_of_itself(kind: str):
    """In single precision its loss has no gradient: the probability of the true class is one."""
    predict, weights, biases = linear(2)
    inputs = pixels(60, 12)
    targets = predict(inputs).argmax(1)
    expected = worst_margins(weights, biases, inputs, targets, BUDGET) < 0

    def sure(single: Tensor) -> Tensor:
        return (1e4 * (single @ weights.float().T + biases.float())).log_softmax(1)

    attack = Attack(kind, BUDGET, CENTRED, steps=8)
    result = robust_error(sure, inputs.float(), targets, attack, generator=stream("start"))
    assert torch.equal(result.wrong_attacked, expected)
    leaves = inputs.float().requires_grad_()
    (slope,) = torch.autograd.grad(sure(leaves)[torch.arange(60), targets].sum(), leaves)
    assert (slope[expected] == 0).all(1).double().mean() > 0.5


def test_gradients_of_log_odds_have_the_direction_of_those_of_the_loss():
    predict, inputs, targets = an_ensemble(0, 1)
    box = Box.around(inputs, budget=BUDGET, data_range=CENTRED)
    _, slopes = Chase(predict, box, targets, 16).ascent(inputs)
    leaves = inputs.clone().requires_grad_()
    loss = nn.functional.nll_loss(predict(leaves), targets, reduction="sum")
    (expected,) = torch.autograd.grad(loss, leaves)
    similarity = nn.functional.cosine_similarity(slopes, expected, dim=1)
    torch.testing.assert_close(similarity, torch.ones(40, dtype=torch.float64))


def test_the_suite_reaches_the_worst_case_of_a_linear_network_of_many_classes():
    predict, weights, biases = linear(4)
    inputs = pixels(60, 12)
    targets = predict(inputs).argmax(1)
    attack = Attack("suite", BUDGET, CENTRED, steps=10)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    expected = worst_margins(weights, biases, inputs, targets, BUDGET)
    assert torch.equal(result.wrong_attacked, expected < 0)
    assert 0 < result.wrong_attacked.sum() < 60
    standing = ~result.wrong_attacked
    reached = margin_of(predict, result.inputs, targets)
    torch.testing.assert_close(reached[standing], expected[standing], rtol=0, atol=ROUNDING)


def test_far_from_the_ends_the_worst_margin_falls_by_the_dual_norm():
    predict, weights, _ = linear(2)
    inputs = pixels(20, 12) / 2
    targets = predict(inputs).argmax(1)
    attack = Attack("fgsm", BUDGET, CENTRED)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    lost = margin_of(predict, inputs, targets) - margin_of(predict, result.inputs, targets)
    dual_norm = (weights[0] - weights[1]).abs().sum()
    torch.testing.assert_close(lost, (BUDGET * dual_norm).expand(20), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("kind", ATTACKS)
def test_no_attack_on_a_linear_network_finds_more_than_there_is(kind: str):
    predict, weights, biases = linear(4)
    inputs = pixels(60, 12)
    targets = predict(inputs).argmax(1)
    attack = Attack(kind, BUDGET, CENTRED, steps=5, restarts=2)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    expected = worst_margins(weights, biases, inputs, targets, BUDGET)
    assert (margin_of(predict, result.inputs, targets) >= expected - ROUNDING).all()


@pytest.mark.parametrize("kind", ATTACKS)
def test_points_stay_within_the_budget_and_the_range_of_the_data(kind: str):
    """Clipping to [0, 1], as published code does, would move half of these inputs by up to 1/2."""
    predict, inputs, targets = an_ensemble(0)
    attack = Attack(kind, BUDGET, CENTRED, steps=5, restarts=2)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    assert (result.inputs - inputs).abs().max() <= BUDGET + ROUNDING
    assert result.inputs.min() >= -0.5
    assert result.inputs.max() <= 0.5
    assert (inputs.clamp(0, 1) - inputs).abs().max() > 10 * BUDGET
    with pytest.raises(SymgeomError, match=r"from \(0.0,\) to \(1.0,\): \d+ of 480 inputs lie"):
        robust_error(
            predict, inputs, targets, Attack(kind, BUDGET, DataRange()), generator=stream("start")
        )


def test_clipping_to_levels_errs_where_no_attack_of_that_budget_does():
    """The fault of published code: its clean inputs, clipped alone, are mostly misclassified."""
    predict, inputs, targets = an_ensemble(0)
    attack = Attack("suite", 0.003, CENTRED, steps=5)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    clipped = predict(inputs.clamp(0, 1)).argmax(1) != targets
    assert result.attacked < 0.1
    assert clipped.double().mean() > 0.3


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_budget_is_a_share_of_the_range_however_inputs_are_scaled(kind: str):
    """The same attack, on levels and on standardised inputs that a scaled network reads."""
    mean = (0.3, 0.6)
    deviation = (0.5, 2.0)
    images = torch.rand(9, 2, 3, 3, generator=stream("images"), dtype=torch.float64)
    weights = torch.randn(18, 3, generator=stream("weights"), dtype=torch.float64)
    centre = torch.tensor(mean).double().view(2, 1, 1)
    scale = torch.tensor(deviation).double().view(2, 1, 1)

    def of_levels(inputs: Tensor) -> Tensor:
        return (inputs.flatten(1) @ weights).log_softmax(1)

    def of_scaled(inputs: Tensor) -> Tensor:
        return of_levels(inputs * scale + centre)

    targets = of_levels(images).argmax(1)
    ranges = [DataRange(), DataRange.of_levels(mean=mean, deviation=deviation)]
    plain, scaled = (
        robust_error(
            predict,
            inputs,
            targets,
            Attack(kind, 0.1, data_range, steps=5, restarts=2),
            generator=stream("start"),
        )
        for predict, inputs, data_range in zip(
            (of_levels, of_scaled), (images, (images - centre) / scale), ranges, strict=True
        )
    )
    assert torch.equal(plain.wrong_attacked, scaled.wrong_attacked)
    torch.testing.assert_close(plain.inputs, scaled.inputs * scale + centre)


@pytest.mark.parametrize("kind", ATTACKS)
def test_without_a_budget_the_error_is_the_clean_one(kind: str):
    predict, inputs, targets = an_ensemble(0)
    targets = (targets + (torch.arange(40) % 4 == 0)) % 3
    standardised = DataRange((inputs.min().item(),), (inputs.max().item() - 1e-17,))
    attack = Attack(kind, 0.0, standardised, steps=5)
    result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
    assert torch.equal(result.inputs, inputs)
    assert result.attacked == result.clean == 0.25


@pytest.mark.parametrize("kind", ["noise", "pgd"])
def test_more_steps_and_more_restarts_never_find_less(kind: str):
    predict, inputs, targets = an_ensemble(0)
    last = torch.zeros(40, dtype=torch.bool)
    for steps, restarts in ((1, 1), (3, 1), (3, 2), (6, 2), (6, 5)):
        attack = Attack(kind, BUDGET, CENTRED, steps=steps, restarts=restarts)
        result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
        assert (result.wrong_attacked | ~last).all()
        last = result.wrong_attacked
    assert last.any()


def test_what_is_wrong_already_counts_and_no_step_makes_it_right():
    predict, inputs, targets = an_ensemble(0)
    targets = (targets + 1) % 3
    result = robust_error(
        predict, inputs, targets, Attack("fgsm", BUDGET, CENTRED), generator=stream("start")
    )
    assert result.clean == result.attacked == 1


def test_chunks_change_nothing():
    predict, inputs, targets = an_ensemble(0)
    results = [
        robust_error(
            predict,
            inputs,
            targets,
            Attack("pgd", BUDGET, CENTRED, steps=3, chunk=chunk),
            generator=stream("start"),
        )
        for chunk in (7, 128)
    ]
    torch.testing.assert_close(results[0].inputs, results[1].inputs)
    assert results[0].looks == results[1].looks == 5


def test_attacks_are_as_random_as_their_generator():
    predict, inputs, targets = an_ensemble(0)
    attack = Attack("pgd", BUDGET, CENTRED, steps=1)
    points = [
        robust_error(predict, inputs, targets, attack, generator=stream(word)).inputs
        for word in ("one", "one", "two")
    ]
    assert torch.equal(points[0], points[1])
    assert not torch.equal(points[0], points[2])


def test_gradients_find_more_than_noise_of_the_same_size():
    """Noise with as many looks as the attack has is the control that bites where gradients lie."""
    predict, inputs, targets = an_ensemble(0)
    attacked = {}
    for kind, steps, restarts in (("noise", 1, 20), ("fgsm", 1, 1), ("pgd", 9, 2), ("suite", 5, 1)):
        attack = Attack(kind, 0.05, CENTRED, steps=steps, restarts=restarts)
        result = robust_error(predict, inputs, targets, attack, generator=stream("start"))
        attacked[kind] = result.attacked.item()
        assert result.looks <= 21 or kind == "suite"
    assert attacked["noise"] < attacked["fgsm"] <= attacked["pgd"] <= attacked["suite"]


def test_masked_gradients_are_unmasked_by_noise_and_patches():
    """A network whose outputs have steps has no gradients, and is no more robust for it."""
    predict, inputs, targets = an_ensemble(0)

    def stepped(inputs: Tensor) -> Tensor:
        levels = (inputs.detach() * 50).round() / 50
        return predict(levels + 0 * inputs)

    found = {}
    for kind, restarts in (("noise", 20), ("fgsm", 1), ("suite", 1)):
        attack = Attack(kind, 0.1, CENTRED, steps=5, restarts=restarts)
        result = robust_error(stepped, inputs, targets, attack, generator=stream("start"))
        found[kind] = (result.attacked - result.clean).item()
    assert found["fgsm"] == 0 < found["noise"] <= found["suite"]


def test_an_ensemble_predicts_the_mean_of_its_members_probabilities():
    inputs, targets = batch(10, 4, 3)
    problem = Problem(mlp(4, 5, 3), inputs, targets)
    members = [network(4, 5, 3, seed=seed) for seed in range(3)]
    probabilities = [problem.outputs(member).softmax(1) for member in members]
    expected = sum(probabilities) / 3
    actual = predictor(problem, stack(members))(inputs).exp()
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(
        predictor(problem, stack(members[:1]))(inputs[:2]).exp(), probabilities[0][:2]
    )


def test_confident_members_have_probabilities_that_add_up():
    inputs, targets = batch(10, 4, 3)
    problem = Problem(mlp(4, 5, 3), inputs, targets)
    members = stack([network(4, 5, 3, seed=seed) for seed in range(3)])
    confident = {name: 1e3 * tensor for name, tensor in members.items()}
    log_probabilities = predictor(problem, confident)(inputs)
    assert log_probabilities.isfinite().all()
    torch.testing.assert_close(log_probabilities.exp().sum(1), torch.ones(10).double())


def test_an_attack_on_an_ensemble_goes_through_all_members():
    """The derivative of the mean's likelihood: those of the members, weighted by their own."""
    inputs, targets = batch(6, 4, 3)
    problem = Problem(mlp(4, 5, 3), inputs, targets)
    members = [network(4, 5, 3, seed=seed) for seed in range(2)]
    leaves = inputs.clone().requires_grad_()
    rows = torch.arange(6)
    likelihoods = [
        problem.batch_outputs(member, leaves).softmax(1)[rows, targets] for member in members
    ]
    (expected,) = torch.autograd.grad((sum(likelihoods) / 2).log().sum(), leaves)
    log_probabilities = predictor(problem, stack(members))(leaves)
    (actual,) = torch.autograd.grad(log_probabilities[rows, targets].sum(), leaves)
    torch.testing.assert_close(actual, expected)


def test_members_with_batch_norm_are_predicted_with_their_own_statistics():
    module = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)).double()
    inputs, targets = batch(10, 4, 3)
    problem = Problem(
        module, inputs, targets, batch_norm="recompute", training_inputs=batch(30, 4, 3, 1)[0]
    )
    member = parameters(module)
    scaled = {name: 2 * tensor for name, tensor in member.items()}
    predict = predictor(problem, stack([member, scaled]))
    expected = (problem.outputs(member).softmax(1) + problem.outputs(scaled).softmax(1)) / 2
    torch.testing.assert_close(predict(inputs).exp(), expected)
    torch.testing.assert_close(predict(inputs[:1]).exp(), expected[:1])
    settled = recompute_statistics(module, member, problem.training_inputs)
    assert not torch.equal(settled["1.running_mean"], member["1.running_mean"])


def test_a_transferred_attack_is_made_on_one_and_judged_on_another():
    """What is made on one member hurts the ensemble less than what is aimed at the ensemble."""
    source, inputs, _ = an_ensemble(0)
    judge, _, targets = an_ensemble(0, 1)
    attack = Attack("pgd", 0.05, CENTRED, steps=5)
    made = robust_error(source, inputs, targets, attack, generator=stream("start"))
    transferred = robust_error(
        judge, inputs, targets, attack, generator=stream("start"), source=source
    )
    aimed = robust_error(judge, inputs, targets, attack, generator=stream("start"))
    assert torch.equal(transferred.inputs, made.inputs)
    assert torch.equal(transferred.wrong_attacked, judge(made.inputs).argmax(1) != targets)
    assert transferred.clean == aimed.clean == 0
    assert 0 < transferred.attacked < aimed.attacked


def classifier(outputs: int) -> Predictor:
    """Return a predictor of 12 inputs without weights worth mentioning."""
    return lambda inputs: inputs[:, :outputs].log_softmax(1)


INPUTS = pixels(6, 12)
TARGETS = torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"budget": -0.1}, "Cannot use -0.1 as the budget, a share of the range of the data: give"),
        ({"budget": 1.5}, "Cannot use 1.5 as the budget, .* give a number from 0 to 1"),
        ({"steps": 0}, "Cannot use 0 as the number of steps of an attack: give a number of at"),
        ({"restarts": 0}, "Cannot use 0 as the number of starts of an attack"),
        ({"chunk": 0}, "Cannot use 0 as the number of samples predicted at once"),
        ({"kind": "fgms"}, "Unknown attack 'fgms': choose one of 'noise', 'fgsm', 'pgd', 'suite'"),
        ({"data_range": (0, 1)}, "its 'data_range' is .*; a DataRange belongs there"),
    ],
)
def test_what_is_no_attack_is_refused(change: dict[str, object], sentence: str):
    fields = {"kind": "pgd", "budget": 0.1, "data_range": CENTRED} | change
    with pytest.raises(SymgeomError, match=sentence):
        Attack(**fields)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"targets": TARGETS.double()}, "count misclassified samples: the targets are real number"),
        ({"targets": TARGETS[:, None]}, r"the targets have shape \(6, 1\) and type torch.int64"),
        ({"targets": TARGETS.int()}, r"type torch.int32. Give one class per sample \(int64\)"),
        ({"targets": TARGETS[:5]}, r"inputs of shape \(6, 12\) with 5 targets"),
        ({"inputs": INPUTS[:0], "targets": TARGETS[:0]}, "at least one sample"),
        ({"inputs": INPUTS.long()}, "tensor 'inputs' is of torch.int64"),
        ({"inputs": INPUTS * torch.nan}, "holds 72 values that are NaN"),
        ({"inputs": 3 * INPUTS}, r"\d+ of 72 inputs lie outside; all lie from -1.5 to"),
        ({"predictor": classifier(2)}, "a predictor of 2 classes with targets from 0 to 2"),
        ({"targets": TARGETS - 1}, "a predictor of 3 classes with targets from -1 to 1"),
        ({"predictor": classifier(1)}, r"a tensor of shape \(6, 1\) for 6 samples"),
        ({"predictor": lambda inputs: inputs}, "of 6 of 6 samples do not add up to one"),
        ({"predictor": lambda inputs: inputs * torch.nan}, r"of the first, to nan"),
        (
            {"predictor": lambda inputs: classifier(3)(inputs.detach())},
            "it is not differentiable by its inputs .* or attack by 'noise'",
        ),
        ({"predictor": lambda inputs: 3}, r"of inputs of shape \(6, 12\) it returns a int. Give a"),
        ({"predictor": lambda inputs: inputs @ inputs}, "it raises RuntimeError: .* Give a func"),
        ({"predictor": 3}, "argument 'predictor' is 3; a function belongs there"),
    ],
)
def test_what_cannot_be_attacked_is_refused(change: dict[str, object], sentence: str):
    arguments = {
        "predictor": classifier(3),
        "inputs": INPUTS,
        "targets": TARGETS,
        "attack": Attack("fgsm", 0.1, CENTRED),
        "generator": stream("start"),
    }
    with pytest.raises(SymgeomError, match=sentence):
        robust_error(**arguments | change)


def test_what_has_no_classes_or_no_members_is_no_predictor():
    regression = Problem(
        nn.Linear(2, 1).double(),
        torch.zeros(3, 2).double(),
        torch.zeros(3, 1).double(),
        lambda outputs, targets: ((outputs - targets) ** 2).sum(1),
    )
    params = stack([parameters(regression.module)])
    with pytest.raises(SymgeomError, match="Cannot predict classes for targets of shape"):
        predictor(regression, params)
    problem = Problem(mlp(12, 3), INPUTS, TARGETS)
    none = {name: tensor[:0] for name, tensor in stack([network(12, 3)]).items()}
    with pytest.raises(SymgeomError, match=r"an ensemble whose tensors have \[0\] members"):
        predictor(problem, none)


def test_what_is_no_range_is_refused():
    with pytest.raises(SymgeomError, match=r"from \(0.0, 0.0\) to \(1.0,\): give as many low as"):
        DataRange((0.0, 0.0), (1.0,))
    with pytest.raises(SymgeomError, match="each low end below its high one"):
        DataRange((1.0,), (1.0,))
    with pytest.raises(SymgeomError, match="Cannot scale levels by a deviation of 0"):
        DataRange.of_levels(mean=(0.0,), deviation=(0.0,))
    with pytest.raises(SymgeomError, match=r"a range of 3 channels for inputs of shape \(6, 12\)"):
        DataRange((0.0,) * 3, (1.0,) * 3).ends(INPUTS)


def test_a_range_may_be_read_from_the_data():
    data_range = DataRange.observed(INPUTS)
    assert data_range.low == (INPUTS.min().item(),)
    assert data_range.high == (INPUTS.max().item(),)
    levels = torch.rand(50, 3, 4, 4, generator=stream("levels")).round()
    mean = (0.4914, 0.4822, 0.4465)
    deviation = (0.247, 0.2435, 0.2616)
    centre = torch.tensor(mean).view(3, 1, 1)
    scaled = (levels - centre) / torch.tensor(deviation).view(3, 1, 1)
    low, high = DataRange.of_levels(mean=mean, deviation=deviation).ends(scaled)
    assert low.shape == high.shape == (3, 1, 1)
    torch.testing.assert_close(high - low, 1 / torch.tensor(deviation).view(3, 1, 1))
