"""Optimizers of the user's own, by where they are."""

from pathlib import Path

import pytest
import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers import build
from symgeom.learning.training import Plan, train

SOURCE = """
from dataclasses import dataclass
from typing import ClassVar

from symgeom.learning.optimizers import Method
from symgeom.learning.optimizers.sgd import SGD


@dataclass(frozen=True)
class Signs(Method):
    name: ClassVar[str] = "my_optimizers:Signs"
    learning_rate: float = 0.01
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    equivariant: ClassVar[bool] = False

    def start(self, params, seeds=None):
        return {}

    def direction(self, gradient_at, params, state):
        return {name: gradient.sign() for name, gradient in gradient_at(params).items()}, state


@dataclass(frozen=True)
class Silent(Method):
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    schedule: str = "constant"
    equivariant = False
    start = direction = None


class Loose(Method):
    equivariant = False
    start = direction = None


@dataclass(frozen=True)
class Unfinished(Method):
    learning_rate: float = 0.01


def slow(factor):
    return SGD(learning_rate=0.1 / factor)


def wrong():
    return [1, 2]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a module of optimizers and work in its folder."""
    (tmp_path / "my_optimizers.py").write_text(SOURCE)
    (tmp_path / "my_broken_optimizers.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_class_and_a_function_are_called_with_the_options(home: Path):
    method = build("my_optimizers:Signs", {"learning_rate": 0.5})
    assert (type(method).__name__, method.learning_rate) == ("Signs", 0.5)
    assert build("my_optimizers:slow", {"factor": 4}).learning_rate == 0.025


def test_it_trains(home: Path):
    problem = Problem(nn.Linear(2, 2), torch.eye(2), torch.tensor([0, 1]))
    start = {"weight": torch.zeros(1, 2, 2), "bias": torch.zeros(1, 2)}
    plan = Plan(batch_size=2, epochs=3, stop_loss=1e-9)
    trained = train(
        problem, start, build("my_optimizers:Signs", {}), plan=plan, generators=[torch.Generator()]
    )
    torch.testing.assert_close(
        trained.parameters["weight"], 0.03 * torch.tensor([[[1.0, -1], [-1, 1]]])
    )


@pytest.mark.parametrize(
    ("where", "options", "message"),
    [
        (
            "my_optimiser:Signs",
            {},
            "Cannot import 'my_optimiser' for optimizer .* working directory '.*test_.*'",
        ),
        ("my_broken_optimizers:f", {}, "Cannot import 'my_broken_optimizers' .*invalid syntax"),
        (
            "my_optimizers:Sings",
            {},
            r"Cannot use optimizer .*my_optimizers.py\) has no function 'Sings'",
        ),
        (
            "my_optimizers:Signs",
            {"rate": 1},
            (
                r"Cannot call 'my_optimizers:Signs' with options \['rate'\]: .*it takes "
                r"\(learning_rate"
            ),
        ),
        (
            "my_optimizers:slow",
            {"factor": 0},
            r"{'factor': 0}: it fails with ZeroDivisionError: .*my_optimizers.py, line \d",
        ),
        (
            "my_optimizers:slow",
            {"factor": -1},
            "optimizer 'sgd' with learning_rate = -0.1: it must be a number above 0",
        ),
        (
            "my_optimizers:Unfinished",
            {},
            "fails with TypeError: Can't instantiate abstract class Unfinished.*equivariant",
        ),
        (
            "my_optimizers:wrong",
            {},
            "it gives a list. Give a dataclass derived from symgeom.learning.optimizers.Method",
        ),
        ("my_optimizers:Loose", {}, "it gives a Loose. Give a dataclass"),
        (
            "my_optimizers:Silent",
            {},
            "it does not say its name, momentum. Add what is missing",
        ),
        (
            "my_optimizers:Signs",
            {"momentum": 2.0},
            "momentum = 2.0: it must be a number at least 0 and below 1",
        ),
    ],
)
def test_what_makes_no_optimizer_is_named(home: Path, where: str, options: dict, message: str):
    with pytest.raises(SymgeomError, match=message):
        build(where, options)
