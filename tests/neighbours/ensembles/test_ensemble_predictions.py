"""What the members of an ensemble predict, and how good that is."""

import math

import pytest
import torch
from cases import batch, lenet, mlp, randomised
from torch import nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, parameters, stack, unstack
from symgeom.landscape.batchnorm import recompute_statistics
from symgeom.landscape.problem import Problem
from symgeom.neighbours.ensembles import (
    ensemble_scores,
    mean_prediction,
    member_function,
    member_log_probabilities,
    portions,
)

ROUNDING = 1e-12
"""Of sums of a few numbers near 1, in float64."""

IMAGES = batch(30, 64, 3)[0].reshape(30, 1, 8, 8)
TARGETS = batch(30, 64, 3)[1]


def one_by_one(problem: Problem, members: Parameters) -> torch.Tensor:
    """Predict with one member after the other, all samples at once."""
    rows = []
    for member in unstack(members):
        whole = member
        if problem.batch_norm == "recompute":
            whole = recompute_statistics(problem.module, member, problem.training_inputs)
        outputs = functional_call(problem.module, whole, (problem.inputs,))
        rows.append(outputs.log_softmax(-1))
    return torch.stack(rows)


def spread(module: nn.Module, count: int, *, only: str = "") -> dict[str, torch.Tensor]:
    """Return copies of a network whose weights (those with a prefix) are displaced."""
    generator = stream("spread")
    members = stack([parameters(module)] * count)
    for name, tensor in members.items():
        if tensor.is_floating_point() and name.startswith(only) and "running" not in name:
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            members[name] = tensor + 0.1 * noise.to(tensor.dtype)
    return members


def perceptron() -> nn.Module:
    """Return a perceptron for images; its layers have odd numbers."""
    return nn.Sequential(nn.Flatten(), *mlp(64, 8, 8, 8, 8, 8, 3))


def normed() -> nn.Module:
    """Return a small convolutional network with batch norm."""
    convolution = (nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    head = (nn.Linear(3 * 36, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    return nn.Sequential(*convolution, *head)


@pytest.mark.parametrize("only", ["", "8.", "9."])
@pytest.mark.parametrize("make", [lenet, perceptron, normed])
@pytest.mark.parametrize("held", [2**23, 4000])
def test_all_at_once_is_one_after_another(
    make: object, only: str, held: int, monkeypatch: pytest.MonkeyPatch
):
    """Members that differ everywhere, or in late layers only; in portions, too."""
    problem = Problem(randomised(make()), IMAGES, TARGETS, batch_norm="carried")
    members = spread(problem.module, 7, only=only)
    monkeypatch.setitem(portions.HELD_BYTES, "cpu", held)
    together = member_log_probabilities(problem, members)
    assert together.shape == (7, 30, 3)
    wanted = one_by_one(problem, members)
    torch.testing.assert_close(together, wanted, rtol=0, atol=ROUNDING)


def test_members_that_share_layers_run_together_and_others_in_portions():
    """Of a layer that all members share one copy is held, whatever their number."""
    problem = Problem(lenet().double(), IMAGES, TARGETS, chunk=100)
    first = 3 * 64 * 8
    apart = portions_of(problem, spread(problem.module, 5000))
    assert apart.samples == 100
    assert apart.members == portions.HELD_BYTES["cpu"] // (100 * first)
    last = 4 * 8
    few = portions_of(problem, spread(problem.module, 10, only="8."))
    assert (few.samples, few.members) == (100, 10)
    many = portions_of(problem, spread(problem.module, 5000, only="8."))
    assert many.samples == portions.HELD_BYTES["cpu"] // (5000 * last)
    assert many.members == 5000
    of_images = Problem(lenet().double(), IMAGES, TARGETS, chunk=10**6)
    assert portions_of(of_images, stack([parameters(of_images.module)])).samples < 10**6


def portions_of(problem: Problem, members: Parameters) -> portions.Portions:
    """Return the portions in which members run."""
    shared = portions.shared_tensors(members)
    return portions.Portions.of(problem, members, shared)


@pytest.mark.parametrize("only", ["", "7."])
def test_recomputed_statistics_are_those_of_every_member(only: str):
    """They are measured on the training inputs, whatever is predicted."""
    module = randomised(normed())
    training = batch(50, 64, 3, seed=1)[0].reshape(50, 1, 8, 8)
    recomputed = {"batch_norm": "recompute", "training_inputs": training}
    problem = Problem(module, IMAGES, TARGETS, **recomputed)
    members = spread(module, 3, only=only)
    wanted = one_by_one(problem, members)
    together = member_log_probabilities(problem, members)
    torch.testing.assert_close(together, wanted, rtol=0, atol=ROUNDING)
    few = member_function(problem, members)(IMAGES[:1])
    torch.testing.assert_close(few, wanted[:, :1], rtol=0, atol=ROUNDING)
    carried = member_log_probabilities(
        Problem(module, IMAGES, TARGETS, batch_norm="carried"), members
    )
    assert (carried - wanted).abs().max() > 0.01


def test_predictions_are_differentiable_by_the_inputs():
    problem = Problem(lenet().double(), IMAGES, TARGETS)
    members = spread(problem.module, 3)
    inputs = IMAGES[:2].clone().requires_grad_()
    loss = mean_prediction(member_function(problem, members)(inputs))[:, 0].sum()
    (gradient,) = torch.autograd.grad(loss, inputs)
    (by_hand,) = torch.autograd.grad(
        (
            sum(functional_call(problem.module, m, (inputs,)).softmax(-1) for m in unstack(members))
            / 3
        )
        .log()[:, 0]
        .sum(),
        inputs,
    )
    torch.testing.assert_close(gradient, by_hand)


def test_one_member_is_itself():
    problem = Problem(perceptron().double(), IMAGES, TARGETS)
    alone = parameters(problem.module)
    predictions = member_log_probabilities(problem, stack([alone]))
    assert torch.equal(mean_prediction(predictions), predictions[0])
    scores = ensemble_scores(predictions, TARGETS)
    loss, error = problem.loss_and_error(alone)
    assert float(scores.error) == float(scores.vote_error) == float(error)
    assert float(scores.member_error) == float(error)
    assert float(scores.negative_log_likelihood) == pytest.approx(float(loss), abs=ROUNDING)
    assert float(scores.disagreement) == 0


def test_copies_of_one_network_are_the_network():
    problem = Problem(perceptron().double(), IMAGES, TARGETS)
    predictions = member_log_probabilities(problem, stack([parameters(problem.module)] * 4))
    torch.testing.assert_close(mean_prediction(predictions), predictions[0])
    assert float(ensemble_scores(predictions, TARGETS).disagreement) == 0


def made_up(members: int = 5, samples: int = 200, classes: int = 4) -> tuple:
    """Return log probabilities that are right more often than not, and the classes."""
    generator = stream("made up")
    logits = torch.randn(members, samples, classes, generator=generator, dtype=torch.float64)
    targets = torch.randint(classes, (samples,), generator=generator)
    logits += 2 * nn.functional.one_hot(targets, classes)
    return (3 * logits).log_softmax(-1), targets


def calibration_by_loops(confidences: list, right: list, bins: int) -> float:
    """Return the expected calibration error, bin by bin: (a, b], the first with its left end."""
    total = 0.0
    for number in range(bins):
        inside = []
        for index, confidence in enumerate(confidences):
            low = number / bins if number else -1
            if low < confidence <= (number + 1) / bins:
                inside.append(index)
        if inside:
            accuracy = sum(right[index] for index in inside) / len(inside)
            confidence = sum(confidences[index] for index in inside) / len(inside)
            total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_scores_are_those_of_loops(bins: int):
    predictions, targets = made_up()
    scores = ensemble_scores(predictions, targets, bins=bins)
    assert scores.bins == bins
    probabilities = predictions.exp().mean(0).tolist()
    members = predictions.argmax(-1).tolist()
    right, sure, vote_right, vote_sure, losses, pairs = [], [], [], [], [], []
    for sample, target in enumerate(targets.tolist()):
        row = probabilities[sample]
        right.append(row.index(max(row)) == target)
        sure.append(max(row))
        losses.append(-math.log(row[target]))
        votes = [member[sample] for member in members]
        ranks = [(votes.count(c), row[c], c) for c in range(4)]
        vote_right.append(max(ranks)[2] == target)
        vote_sure.append(max(ranks)[0] / len(votes))
        different = sum(a != b for a in votes for b in votes)
        pairs.append(different / (len(votes) * (len(votes) - 1)))
    assert float(scores.error) == pytest.approx(1 - sum(right) / len(right))
    assert float(scores.negative_log_likelihood) == pytest.approx(sum(losses) / len(losses))
    assert float(scores.calibration_error) == pytest.approx(calibration_by_loops(sure, right, bins))
    assert float(scores.vote_error) == pytest.approx(1 - sum(vote_right) / len(vote_right))
    wanted = calibration_by_loops(vote_sure, vote_right, bins)
    assert float(scores.vote_calibration_error) == pytest.approx(wanted)
    assert float(scores.disagreement) == pytest.approx(sum(pairs) / len(pairs))
    assert 0 < float(scores.disagreement) < 1


def test_the_mean_is_never_less_likely_than_the_members_are_on_average():
    predictions, targets = made_up()
    scores = ensemble_scores(predictions, targets)
    losses = nn.functional.nll_loss(
        predictions.movedim(-1, 1), targets.expand(5, -1), reduction="none"
    )
    torch.testing.assert_close(scores.member_negative_log_likelihood, losses.mean(1))
    assert scores.negative_log_likelihood <= scores.member_negative_log_likelihood.mean()
    of_samples = -mean_prediction(predictions).gather(-1, targets[:, None])[:, 0]
    assert (of_samples <= losses.mean(0) + ROUNDING).all()


def test_a_sure_and_always_right_ensemble_has_no_calibration_error():
    sure = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).log()
    scores = ensemble_scores(sure, torch.tensor([0, 1]))
    assert float(scores.calibration_error) == float(scores.vote_calibration_error) == 0
    wrong = ensemble_scores(sure, torch.tensor([1, 0]))
    assert float(wrong.calibration_error) == 1
    assert float(wrong.negative_log_likelihood) == math.inf


def test_a_member_that_diverged_is_not_hidden():
    predictions, targets = made_up()
    predictions[0, 0] = torch.nan
    scores = ensemble_scores(predictions, targets)
    assert scores.error.isnan()
    assert scores.vote_error.isnan()
    assert scores.member_error.isnan().all()


def test_small_probabilities_keep_their_digits():
    tiny = torch.tensor([[[-1000.0, 0.0]], [[-1001.0, 0.0]]], dtype=torch.float64)
    expected = -1000 + math.log((1 + math.exp(-1)) / 2)
    assert float(mean_prediction(tiny)[0, 0]) == pytest.approx(expected, rel=1e-14)


def test_mistakes_are_named():
    module = perceptron()
    problem = Problem(module, IMAGES, TARGETS)
    members = stack([parameters(module)] * 2)
    numbers = TARGETS.double()
    regression = Problem(
        module, IMAGES, numbers, sample_loss=lambda outputs, y: (outputs[:, 0] - y) ** 2
    )
    with pytest.raises(SymgeomError, match="Cannot predict classes for targets of shape"):
        member_log_probabilities(regression, members)
    with pytest.raises(SymgeomError, match=r"tensors have \[3, 8\] members: give stacked"):
        member_log_probabilities(problem, parameters(module))
    with pytest.raises(SymgeomError, match="Cannot use these weights in the network"):
        member_log_probabilities(problem, {"1.weight": members["1.weight"]})
    with pytest.raises(SymgeomError, match=r"tensor '1.weight' of torch.float32 on inputs of"):
        member_log_probabilities(problem, cast(members, torch.float32))
    flat = Problem(
        nn.Sequential(module, nn.Unflatten(1, (1, 3))),
        IMAGES,
        TARGETS,
        sample_loss=lambda outputs, _: outputs.sum((1, 2)),
    )
    deeper = {f"0.{name}": tensor for name, tensor in members.items()}
    with pytest.raises(SymgeomError, match="Cannot read class probabilities from outputs of shape"):
        member_log_probabilities(flat, deeper)
    predictions, targets = made_up()
    with pytest.raises(SymgeomError, match=r"Cannot read predictions from a tensor of shape \(5, "):
        mean_prediction(predictions[:, 0])
    with pytest.raises(SymgeomError, match="200 samples and 4 classes against targets of shape"):
        ensemble_scores(predictions, targets.double())
    with pytest.raises(SymgeomError, match="give one class .* from 0 to 3 per sample"):
        ensemble_scores(predictions, targets + 1)
    with pytest.raises(SymgeomError, match="Cannot use 0 as the number of bins"):
        ensemble_scores(predictions, targets, bins=0)
