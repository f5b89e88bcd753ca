"""Optimizers of the user's own that fail, or answer with something else, are named."""

from dataclasses import dataclass
from typing import ClassVar, final

import pytest
import torch
from cases import mlp

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.method import Method
from symgeom.learning.optimizers.sgd import SGD
from symgeom.learning.training import Plan, train
from symgeom.learning.training.steps import direction_of, start_of


@final
@dataclass(frozen=True)
class Wrong(Method):
    """An optimizer with one fault."""

    name: ClassVar[str] = "wrong"
    equivariant: ClassVar[bool] = False
    learning_rate: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    fault: str = ""

    def start(self, params, seeds=None):
        if self.fault == "start":
            raise KeyError("velocity")
        return {}

    def direction(self, gradient_at, params, state):
        gradient = gradient_at(params)
        name, tensor = next(iter(gradient.items()))
        if self.fault == "direction":
            raise ZeroDivisionError
        if self.fault == "our words":
            raise SymgeomError("Cannot train with optimizer 'wrong': its gradient is ours.")
        if self.fault == "library":
            torch.ones(2) @ torch.ones(3)
        answers = {
            "nothing": None,
            "no state": gradient,
            "one tensor": ({name: tensor}, {}),
            "a name more": ({**gradient, "bias": tensor}, {}),
            "another shape": ({**gradient, name: tensor[..., :1]}, {}),
            "a list": (list(gradient), {}),
        }
        return answers.get(self.fault, (gradient, {}))


def trained(fault: str) -> tuple[str, ...]:
    """Train a small network for an epoch."""
    network = mlp(4, 3, 2)
    inputs = torch.randn(6, 4, generator=stream("inputs"), dtype=torch.float64)
    problem = Problem(network, inputs, torch.arange(6) % 2)
    start = stack([parameters(network)])
    plan = Plan(batch_size=3, epochs=1)
    return train(problem, start, Wrong(fault=fault), plan=plan, generators=[stream("o")]).status


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("start", "its start fails with KeyError: 'velocity' .*test_wrong_optimizers.py, line"),
        ("direction", "its direction fails with ZeroDivisionError: no reason .*line"),
        ("library", "its direction fails with RuntimeError: .*test_wrong_optimizers.py, line"),
        ("our words", "its gradient is ours"),
        ("nothing", "its direction returns a NoneType. Return a direction and the state after"),
        ("no state", "its direction returns a dict. Return a direction and the state"),
        ("one tensor", "does not have the names and shapes of the networks, {'0.weight': "),
        ("a name more", "does not have the names and shapes of the networks"),
        ("another shape", "does not have the names and shapes of the networks"),
        ("a list", "does not have the names and shapes of the networks"),
    ],
)
def test_what_an_optimizer_does_wrong_is_named(fault: str, message: str):
    with pytest.raises(SymgeomError, match=f"^Cannot train with optimizer 'wrong': .*{message}"):
        trained(fault)


def test_what_does_nothing_wrong_trains():
    assert trained("") == ("epoch limit",)


def test_a_fault_of_ours_is_not_blamed_on_an_optimizer():
    """It shows as what it is."""
    with pytest.raises(AttributeError):
        start_of(SGD(), None, None)
    with pytest.raises(TypeError):
        direction_of(SGD(), lambda params: params, None, {"velocity": {}})
