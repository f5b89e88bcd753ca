"""Networks that training visits, beside what it yields."""

import pytest
import torch
from cases import batch, mlp, network

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import stack
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.rsgd import ReplicatedSGD
from symgeom.learning.optimizers.swa import AveragedSGD
from symgeom.learning.training import Plan, train
from symgeom.learning.visited import VisitedNetworks

WIDTHS = (4, 5, 3)
PROBLEM = Problem(mlp(*WIDTHS), *batch(20, 4, 3))
PLAN = Plan(batch_size=5, epochs=6, stop_loss=0.0, evaluate_every=6)
STEPS = 4
"""In an epoch."""


def test_replicas_are_kept_whose_centre_training_yields():
    """Also of a seed that ends before others; watching them changes nothing."""
    start = stack([network(*WIDTHS, seed=seed) for seed in range(4)])
    method = ReplicatedSGD(replicas=2, coupling=0.01, growth=10.0)
    plan = Plan(batch_size=5, epochs=6, budgets=(40, 200), evaluate_every=1)
    outcomes = []
    visited = VisitedNetworks(every=STEPS)
    for observer in (None, visited):
        generators = [stream("order", member) for member in range(4)]
        outcome = train(PROBLEM, start, method, plan=plan, generators=generators, observe=observer)
        outcomes.append(outcome)
    assert outcomes[1].epochs[0] < outcomes[1].epochs[1]
    for seed in range(2):
        (first,) = visited.networks(2 * seed)
        (second,) = visited.networks(2 * seed + 1)
        for name, centres in outcomes[1].parameters.items():
            assert torch.equal(centres, outcomes[0].parameters[name])
            assert not torch.equal(first[name], second[name])
            torch.testing.assert_close((first[name] + second[name]) / 2, centres[seed])


def test_the_mean_of_what_is_visited_is_what_weight_averaging_yields():
    method = AveragedSGD(average_from=0.5, averages_least=3)
    visited = VisitedNetworks(every=STEPS, last=3)
    start = stack([network(*WIDTHS)])
    outcome = train(
        PROBLEM, start, method, plan=PLAN, generators=[stream("order")], observe=visited
    )
    assert int(outcome.epochs) == 6
    for name, tensor in outcome.parameters.items():
        mean = sum(network[name] for network in visited.networks(0)) / 3
        torch.testing.assert_close(tensor[0], mean)


def test_mistakes_are_named():
    with pytest.raises(SymgeomError, match="Cannot use 0 as the steps between networks"):
        VisitedNetworks(every=0)
    with pytest.raises(SymgeomError, match="Cannot use 0 as the number of networks to keep"):
        VisitedNetworks(every=1, last=0)
    with pytest.raises(SymgeomError, match=r"Cannot return networks of member 1: of members \[\]"):
        VisitedNetworks(every=1).networks(1)
