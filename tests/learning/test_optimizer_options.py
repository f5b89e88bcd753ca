"""Options of optimizers that make no sense are named."""

import math

import pytest

from symgeom.ground.checks import SymgeomError
from symgeom.learning.optimizers import METHODS, Method, build, option_names


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "sgdd",
            {},
            (
                "Unknown optimizer 'sgdd': choose one of 'sgd', 'adam', 'sam', 'rsgd', "
                "'entropy_sgd', 'swa', 'adv'"
            ),
        ),
        (
            "sgd",
            {"learnig_rate": 0.1},
            "Unknown option of optimizer 'sgd' 'learnig_rate': choose one of 'learning_rate'",
        ),
        (
            "sgd",
            {"learning_rate": 0},
            "optimizer 'sgd' with learning_rate = 0: it must be a number above 0",
        ),
        (
            "sam",
            {"learning_rate": -0.1},
            "optimizer 'sam' with learning_rate = -0.1: it must be a number above 0",
        ),
        ("adam", {"learning_rate": "1e-3"}, "learning_rate = '1e-3': .*in YAML write 1.0e-4"),
        ("sgd", {"learning_rate": math.nan}, "learning_rate = nan"),
        ("sgd", {"learning_rate": True}, "learning_rate = True"),
        ("sgd", {"momentum": 1.0}, "momentum = 1.0: it must be a number at least 0 and below 1"),
        ("sgd", {"weight_decay": -1e-4}, "weight_decay = -0.0001: it must be a number at least 0"),
        (
            "sgd",
            {"schedule": "linear"},
            (
                "Unknown schedule of optimizer 'sgd' 'linear': choose one of 'constant', "
                "'cosine', 'step'"
            ),
        ),
        ("sgd", {"nesterov": "yes"}, "optimizer 'sgd' with nesterov = 'yes': write true or false"),
        (
            "sgd",
            {"nesterov": True, "momentum": 0},
            "nesterov = True and momentum = 0: give it a momentum, or leave nesterov out",
        ),
        ("adam", {"decoupled": 1}, "decoupled = 1: write true or false"),
        ("adam", {"beta1": 1}, "beta1 = 1"),
        ("adam", {"beta2": -0.5}, "beta2 = -0.5"),
        ("adam", {"epsilon": 0}, "epsilon = 0"),
        ("sam", {"rho": -1}, "rho = -1"),
        ("sam", {"adaptive": "no"}, "adaptive = 'no': write true or false"),
        ("sam", {"offset": -0.1}, "offset = -0.1: it must be a number at least 0"),
        (
            "rsgd",
            {"replicas": 1},
            (
                r"optimizer 'rsgd' with replicas = 1: it needs a whole number, at least 2 "
                r"\(for less, use 'sgd'\)"
            ),
        ),
        ("rsgd", {"coupling": -1.0}, "coupling = -1.0"),
        ("rsgd", {"growth": 0}, "growth = 0"),
        (
            "adv",
            {"pretraining_epochs": 0},
            r"pretraining_epochs = 0: .* at least 1 \(for less, use 'sgd'\)",
        ),
        (
            "adv",
            {"pretraining_corruption": 1.5},
            "pretraining_corruption = 1.5: it must be a number at least 0 and at most 1",
        ),
        ("adv", {"pretraining_replicas": 0}, "pretraining_replicas = 0: it needs a whole number"),
        (
            "adv",
            {"pretraining_zeroed": 1.0},
            "pretraining_zeroed = 1.0: it must be a number at least 0 and below 1",
        ),
        (
            "entropy_sgd",
            {"inner_steps": 0},
            r"inner_steps = 0: .* at least 1 \(for less, use 'sgd'\)",
        ),
        ("entropy_sgd", {"inner_learning_rate": 0}, "inner_learning_rate = 0"),
        ("entropy_sgd", {"scope": -1.0}, "scope = -1.0"),
        ("entropy_sgd", {"scope_growth": 0}, "scope_growth = 0"),
        ("entropy_sgd", {"noise": -1e-4}, "noise = -0.0001"),
        (
            "entropy_sgd",
            {"averaging": 1},
            "averaging = 1: it must be a number at least 0 and below 1",
        ),
        (
            "swa",
            {"average_from": 1.0},
            "average_from = 1.0: it must be a number at least 0 and below 1",
        ),
        (
            "swa",
            {"average_every": 1.5},
            "average_every = 1.5: it needs a whole number, at least 1.",
        ),
        ("swa", {"averages_least": 0}, "averages_least = 0"),
        ("swa", {"averaging_learning_rate": 0}, "averaging_learning_rate = 0"),
        ("adv", {"pretraining_learning_rate": 0}, "pretraining_learning_rate = 0"),
        ("adv", {"pretraining_momentum": 1}, "pretraining_momentum = 1"),
        ("adv", {"pretraining_error": 1}, "pretraining_error = 1"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(SymgeomError, match=message):
        build(name, options)


@pytest.mark.parametrize("name", METHODS)
def test_every_optimizer_has_the_options_that_all_share(name):
    common = {"learning_rate", "weight_decay", "schedule"}
    assert common <= set(option_names(METHODS[name]))


def test_an_optimizer_without_fields_has_no_options_to_read():
    class Bare(Method):
        """No dataclass."""

    with pytest.raises(SymgeomError, match="options of optimizer 'Bare': it is no dataclass"):
        option_names(Bare)
