"""Every measure on every task: its value, or a sentence that says what has none."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from cases import randomised
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812

import symgeom
from symgeom import Problem, SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, ravel, stack, unravel
from symgeom.landscape.flatness.margin import margins

CLASSES = 3


@dataclass(frozen=True)
class Case:
    """A network with data of a task, and its losses as torch has them."""

    module: nn.Module
    inputs: Tensor
    targets: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    wrong: Callable[[Tensor, Tensor], Tensor] | None
    options: dict[str, object] = field(default_factory=dict)

    def problem(self, **options: object) -> Problem:
        return Problem(self.module, self.inputs, self.targets, **{**self.options, **options})


def dense(outputs: int) -> nn.Module:
    return randomised(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, outputs)))


def pictures() -> nn.Module:
    layers = (nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, CLASSES, 1))
    return randomised(nn.Sequential(*layers))


def texts(words: int) -> nn.Module:
    layers = (nn.Embedding(words, 4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, words))
    return randomised(nn.Sequential(*layers))


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=stream("inputs"), dtype=torch.float64)


def numbers(high: int, *shape: int, seed: int = 0) -> Tensor:
    return torch.randint(high, shape, generator=stream("numbers", seed))


def answers(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits > 0) != (targets == 1)


CASES = {
    "classes": Case(
        dense(CLASSES),
        drawn(6, 4),
        numbers(CLASSES, 6),
        F.cross_entropy,
        lambda outputs, targets: outputs.argmax(1) != targets,
    ),
    "pixels": Case(
        pictures(),
        drawn(6, 2, 4, 4),
        numbers(CLASSES, 6, 4, 4),
        F.cross_entropy,
        lambda outputs, targets: outputs.argmax(1) != targets,
    ),
    "tokens": Case(
        texts(7),
        numbers(7, 6, 5),
        numbers(7, 6, 5, seed=1),
        lambda outputs, targets: F.cross_entropy(outputs.flatten(0, 1), targets.flatten()),
        lambda outputs, targets: outputs.argmax(-1) != targets,
    ),
    "one logit": Case(
        dense(1),
        drawn(6, 4),
        numbers(2, 6),
        lambda outputs, targets: F.binary_cross_entropy_with_logits(
            outputs[:, 0], targets.double()
        ),
        lambda outputs, targets: answers(outputs[:, 0], targets),
        {"task": "binary"},
    ),
    "several labels": Case(
        dense(4),
        drawn(6, 4),
        numbers(2, 6, 4).double(),
        F.binary_cross_entropy_with_logits,
        answers,
        {"task": "binary"},
    ),
    "regression": Case(
        dense(2),
        drawn(6, 4),
        drawn(6, 2).sin(),
        F.mse_loss,
        None,
        {"task": "regression"},
    ),
    "a loss of the user's own": Case(
        dense(2),
        drawn(6, 4),
        drawn(6, 2).sin(),
        F.l1_loss,
        None,
        {"sample_loss": lambda outputs, targets: (outputs - targets).abs().mean(1)},
    ),
}

NO_ERROR = "no answer is right or wrong. Use the loss"


def twin(case: Case) -> dict[str, Tensor]:
    """Return another network of the case's architecture."""
    params = parameters(case.module)
    return {name: tensor + 0.1 * tensor.sin() for name, tensor in params.items()}


def line(case: Case) -> symgeom.LinearPath:
    return symgeom.LinearPath(parameters(case.module), twin(case))


T = torch.linspace(0, 1, 3, dtype=torch.float64)


def along(case: Case, **options: object) -> Tensor:
    profile = symgeom.profile(case.problem(), line(case), T, **options)
    return symgeom.barrier(T, profile.loss if options.get("values") == "loss" else profile.error)


def energy(case: Case) -> Tensor:
    return symgeom.local_energy(
        case.problem(),
        parameters(case.module),
        amplitudes=[0.1],
        draws=2,
        generator=stream("noise"),
    ).error_increase


def angle(case: Case) -> Tensor:
    spec = symgeom.discover(case.module, case.inputs)
    return symgeom.escape_angle(
        case.problem(),
        parameters(case.module),
        torus=symgeom.Torus(spec),
        draws=2,
        generator=stream("directions"),
    ).angle


def force(case: Case) -> Tensor:
    spec = symgeom.discover(case.module, case.inputs)
    return ravel(symgeom.noise_force(spec, case.problem(), parameters(case.module)).variance)


def all_charges(case: Case) -> Tensor:
    spec = symgeom.discover(case.module, case.inputs)
    return ravel(symgeom.charges(spec, parameters(case.module)))


def trace(case: Case) -> Tensor:
    params = parameters(case.module)
    return symgeom.hessian_trace(case.problem(), params, probes=4, generator=stream("t")).trace


def relative(case: Case) -> Tensor:
    return symgeom.relative_curvature(
        case.problem(),
        parameters(case.module),
        effort=symgeom.Effort(probes=3),
        generator=stream("relative"),
    ).trace.trace


def worst(case: Case) -> Tensor:
    return symgeom.sharpness(case.problem(), parameters(case.module), radius=0.01).increase


MEASURES = {
    "profile": along,
    "profile together": lambda case: along(case, at_once=2),
    "profile of the error": lambda case: along(case, values="error"),
    "profile of the loss": lambda case: along(case, values="loss"),
    "local energy": energy,
    "escape angle": angle,
    "trace": trace,
    "relative curvature": relative,
    "sharpness": worst,
    "noise force": force,
    "charges": all_charges,
}
OF_ERRORS = {
    "profile",
    "profile together",
    "profile of the error",
    "local energy",
    "escape angle",
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("name", CASES)
def test_every_measure_has_a_value_or_says_why_not(name: str, measure: str):
    case = CASES[name]
    if case.wrong is None and measure in OF_ERRORS:
        with pytest.raises(SymgeomError, match=NO_ERROR):
            MEASURES[measure](case)
        return
    assert MEASURES[measure](case).isfinite().all()


@pytest.mark.parametrize("name", CASES)
def test_loss_error_and_derivatives_are_those_of_torch(name: str):
    case = CASES[name]
    problem = case.problem(chunk=4)
    params = parameters(case.module)
    leaves = {name: tensor.requires_grad_() for name, tensor in params.items()}
    outputs = functional_call(case.module, leaves, (case.inputs,))
    loss = case.loss(outputs, case.targets)
    torch.testing.assert_close(problem.loss(params), loss)
    if case.wrong is not None:
        expected = case.wrong(outputs, case.targets).double().mean()
        torch.testing.assert_close(problem.error(params), expected)
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    expected = dict(zip(leaves, gradients, strict=True))
    torch.testing.assert_close(problem.gradient(params), expected)
    samples = list(problem.sample_gradients(params))
    means = {name: torch.cat([rows[name] for rows in samples]).mean(0) for name in expected}
    torch.testing.assert_close(means, expected)


@pytest.mark.parametrize("name", ["pixels", "tokens", "one logit", "several labels"])
def test_the_largest_eigenvalue_is_that_of_the_dense_hessian(name: str):
    case = CASES[name]
    params = parameters(case.module)

    def loss(flat: Tensor) -> Tensor:
        outputs = functional_call(case.module, unravel(flat, params), (case.inputs,))
        return case.loss(outputs, case.targets)

    dense_hessian = torch.autograd.functional.hessian(loss, ravel(params))
    eigenvalues = symgeom.hessian_eigenvalues(
        case.problem(), params, count=1, tolerance=1e-6, generator=stream("start")
    ).values
    largest = torch.linalg.eigvalsh(dense_hessian)[-1:]
    torch.testing.assert_close(eigenvalues, largest, rtol=1e-6, atol=0)


def test_padding_does_not_count():
    """A sample is the mean over what counts in it, however much that is."""
    case = CASES["pixels"]
    params = parameters(case.module)
    targets = case.targets.clone()
    targets[0, 0] = -100
    targets[3, 1:] = -100
    problem = Problem(case.module, case.inputs, targets)
    outputs = problem.outputs(params)
    losses = []
    errors = []
    for sample, labels in zip(outputs, targets, strict=True):
        losses.append(F.cross_entropy(sample[None], labels[None]))
        wrong = sample.argmax(0) != labels
        errors.append(wrong[labels != -100].double().mean())
    torch.testing.assert_close(problem.loss(params), torch.stack(losses).mean())
    torch.testing.assert_close(problem.error(params), torch.stack(errors).mean())
    moved = problem.outputs(params) + 5.0 * (targets == -100)[:, None]
    assert problem.error_of(moved) == problem.error(params)


def test_networks_are_evaluated_together_as_one_by_one():
    for case in CASES.values():
        networks = stack([parameters(case.module), twin(case)])
        losses = torch.vmap(case.problem().loss)(networks)
        assert losses[1] == pytest.approx(float(case.problem().loss(twin(case))))


def token_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.mT, targets, reduction="none").mean(1)


def test_a_loss_of_the_users_own_keeps_the_error_of_the_task():
    case = CASES["tokens"]
    params = parameters(case.module)
    problem = case.problem(sample_loss=token_losses)
    assert problem.task == "tokens"
    assert problem.error(params) == case.problem().error(params)
    torch.testing.assert_close(problem.loss(params), case.problem().loss(params))


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64, torch.bool])
def test_one_logit_answers_targets_of_any_kind(shape: tuple[int, ...], dtype: torch.dtype):
    case = CASES["one logit"]
    targets = case.targets.reshape(shape).to(dtype)
    problem = Problem(case.module, case.inputs, targets, task="binary")
    params = parameters(case.module)
    for value in ("loss", "error"):
        assert getattr(problem, value)(params) == getattr(case.problem(), value)(params)


def test_which_axis_holds_the_classes_is_not_guessed():
    module = nn.Conv2d(2, 4, 1).double()
    inputs = drawn(6, 2, 4, 4)
    targets = numbers(4, 6, 4, 4)
    params = parameters(module)
    outputs = module(inputs)
    with pytest.raises(SymgeomError, match=r"which axis of outputs of shape \(4, 4, 4\) holds"):
        Problem(module, inputs, targets)
    pixels = Problem(module, inputs, targets, task="pixels")
    torch.testing.assert_close(pixels.loss(params), F.cross_entropy(outputs, targets))
    tokens = Problem(module, inputs, targets, task="tokens")
    last = F.cross_entropy(outputs.movedim(-1, 1), targets)
    torch.testing.assert_close(tokens.loss(params), last)


NOT_COUNTED = torch.tensor([0, 1, 2, -100, 1, 0])


@pytest.mark.parametrize(
    ("case", "options", "message"),
    [
        ("classes", {"task": "clases"}, "Unknown task 'clases': choose one of 'classes', 'pixels'"),
        ("classes", {"task": "other"}, "for the task 'other': give a sample_loss"),
        ("classes", {"task": "tokens"}, "whole numbers .int64., one per position of a sample"),
        ("classes", {"task": "regression"}, "targets are of torch.int64, and not real numbers"),
        ("classes", {"task": "binary"}, r"targets are 0 or 1, and lie between 0 and 2"),
        ("classes", {"targets": NOT_COUNTED}, "1 of 6 samples have the class -100, which does not"),
        ("one logit", {"task": None}, "1 outputs for classes 0 to 1.* Other tasks are .*'binary'"),
        ("several labels", {"targets": numbers(2, 6, 3)}, r"shape \(3,\), and outputs of shape"),
        ("regression", {"task": None}, "classes are whole numbers .* 'regression'"),
        ("pixels", {"targets": numbers(3, 6, 4, 5)}, r"targets of shape \(4, 5\), and outputs at"),
        ("pixels", {"targets": numbers(9, 6, 4, 4)}, "3 outputs for classes 0 to 8"),
        ("pixels", {"targets": torch.full((6, 4, 4), -100)}, "of 6 samples .* no position counts"),
        ("tokens", {"inputs": numbers(7, 6, 5), "module": texts(5)}, "."),
    ],
)
def test_what_does_not_fit_is_said(case: str, options: dict[str, object], message: str):
    network = CASES[case]
    data = {"module": network.module, "inputs": network.inputs, "targets": network.targets}
    with pytest.raises(SymgeomError, match=message):
        Problem(**{**data, **network.options, **options})


class TwoOutputs(nn.Module):
    """A network that returns more than its logits."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


class Mean(nn.Module):
    """A network that mixes its samples up."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean()


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (TwoOutputs(), r"network \(TwoOutputs\) that returns tuple .* by name or index"),
        (Mean(), r"network \(Mean\) that returns outputs of shape \(\) for one sample"),
    ],
)
def test_a_network_returns_one_row_of_outputs_per_sample(module: nn.Module, message: str):
    with pytest.raises(SymgeomError, match=message):
        Problem(module, drawn(6, 3), numbers(3, 6))


@dataclass
class Answer:
    """What a network of several outputs returns."""

    hidden: Tensor
    logits: Tensor


class Several(nn.Module):
    """A network that returns its hidden layer, too, in one form or another."""

    def __init__(self, form: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.form = form
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> object:
        hidden = self.first(x).tanh()
        return self.form(hidden, self.last(hidden))


FORMS: dict[str, tuple[Callable[[Tensor, Tensor], object], str | int]] = {
    "a mapping": (lambda hidden, logits: {"hidden": hidden, "logits": logits}, "logits"),
    "a tuple": (lambda hidden, logits: (logits, (hidden,)), 0),
    "a dataclass": (Answer, "logits"),
    "a dataclass, by index": (Answer, -1),
}


@pytest.mark.parametrize("name", FORMS)
def test_one_output_of_several_is_looked_at(name: str):
    form, output = FORMS[name]
    network = Several(form).double().train()
    plain = nn.Sequential(network.first, nn.Tanh(), network.last)
    inputs = drawn(6, 3)
    targets = numbers(3, 6)
    problem = Problem(network, inputs, targets, output=output)
    expected = Problem(plain, inputs, targets)
    params = parameters(network)
    same = parameters(plain)
    assert torch.equal(problem.outputs(params), expected.outputs(same))
    assert problem.task == "classes"
    part = problem.subset(torch.arange(3)).cast(torch.float64)
    assert part.loss(params) == expected.subset(torch.arange(3)).loss(same)
    curvature = []
    for landscape, weights in ((problem, params), (expected, same)):
        top = symgeom.hessian_eigenvalues(landscape, weights, count=1, generator=stream("top"))
        curvature.append(top.values)
    torch.testing.assert_close(*curvature)
    assert not network._forward_hooks
    assert isinstance(network(inputs), type(form(inputs, inputs)))


def test_an_output_or_an_input_that_a_problem_cannot_have_is_said():
    network = Several(Answer).double()
    with pytest.raises(SymgeomError, match=r"output 'scores' .* are \['hidden', 'logits'\]"):
        Problem(network, drawn(6, 3), numbers(3, 6), output="scores")
    inputs = {"x": drawn(6, 3), "mask": drawn(6, 3)}
    with pytest.raises(SymgeomError, match="a Problem of 2 inputs: .* takes one tensor and cuts"):
        Problem(network, inputs, numbers(3, 6))


def test_margins_are_of_classes():
    with pytest.raises(SymgeomError, match=r"targets of shape \(2, 3\) .* one class .int64. per"):
        margins(torch.ones(2, 3), torch.ones(2, 3))
