import pytest
import torch
from cases import batch, mlp, mlp_spec

from symgeom.dynamics.charge import charges
from symgeom.dynamics.ledger import TERMS
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.observe import LedgerObserver
from symgeom.learning.optimizers import build
from symgeom.learning.training import Plan, train

WIDTHS = (4, 6, 5, 3)
SPEC = mlp_spec(*WIDTHS)


def observed(name, *, epochs=12, stop_error=0.0, seen_as=lambda observer: observer, **options):
    """Train three seeds of a small network, with its ledger."""
    method = build(name, {"learning_rate": 0.05, **options})
    start = stack([parameters(mlp(*WIDTHS, seed=seed)) for seed in range(3)])
    observer = LedgerObserver(SPEC, method, steps=epochs * 6, snapshots=5)
    watch, orders = seen_as(observer), [stream("order", seed) for seed in range(3)]
    plan = Plan(batch_size=10, epochs=epochs, stop_error=stop_error)
    problem = Problem(mlp(*WIDTHS), *batch(60, WIDTHS[0], WIDTHS[-1]))
    trained = train(problem, start, method, plan=plan, generators=orders, observe=watch)
    return start, trained, observer.close()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"momentum": 0.9, "weight_decay": 1e-2}),
        ("sam", {}),
        ("adam", {"weight_decay": 1e-2}),
    ],
)
def test_the_ledger_begins_and_ends_where_training_does(name, options):
    start, trained, record = observed(name, **options)
    for group in ("hidden1", "hidden2"):
        first, last = (
            torch.vmap(lambda theta, group=group: charges(SPEC, theta)[group])(theta)
            for theta in (start, trained.parameters)
        )
        torch.testing.assert_close(record.charge[group][:, 0], first, rtol=1e-14, atol=1e-14)
        torch.testing.assert_close(record.charge[group][:, -1], last, rtol=1e-14, atol=1e-14)
        booked = first + record.terms[group][:, -1].sum(1)
        torch.testing.assert_close(booked, last, rtol=1e-11, atol=1e-11)


def test_a_seed_that_leaves_early_is_measured_when_it_leaves():
    # The stop rule is one that the seeds meet at different epochs.
    _, trained, record = observed("sgd", epochs=40, stop_error=0.45, momentum=0.9)
    assert len(set(trained.epochs.tolist())) > 1
    for seed, epochs in enumerate(trained.epochs.tolist()):
        measured = ~record.charge["hidden1"][seed].isnan().any(1)
        assert record.step[measured].max() == 6 * epochs
        network = {name: tensor[seed] for name, tensor in trained.parameters.items()}
        last = record.charge["hidden1"][seed][measured][-1]
        torch.testing.assert_close(last, charges(SPEC, network)["hidden1"], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(("name", "kept"), [("sgd", False), ("sam", True)])
def test_steps_overwrite_the_weights_where_nothing_is_paired_with_them(name, kept):
    """Seen through a function, for which all weights are kept, the account is the same to the
    last bit."""
    watched = []

    def function(observer):
        watched.append(observer)
        assert observer.keeps_weights
        return lambda *step: observer(*step)

    options = {"epochs": 40, "stop_error": 0.45, "momentum": 0.9}
    first, second = observed(name, **options)[2], observed(name, seen_as=function, **options)[2]
    assert watched[0].keeps_weights == kept
    for part in ("charge", "scale", "terms", "defect"):
        for group, expected in getattr(second, part).items():
            assert torch.equal(
                getattr(first, part)[group].nan_to_num(7.0), expected.nan_to_num(7.0)
            ), (part, group)


def test_an_observer_that_was_put_away_books_on():
    """Restored into a new one after every step, the account is the same to the last bit."""
    method, generator = build("sgd", {"momentum": 0.5, "weight_decay": 1e-2}), stream("walk")
    theta = stack([parameters(mlp(*WIDTHS, seed=seed)) for seed in range(3)])
    observers = [LedgerObserver(SPEC, method, steps=6, snapshots=3) for _ in range(2)]
    for step, members in enumerate([[0, 1, 2], [0, 1, 2], [0, 2], [0, 2], [2]]):
        before = {name: tensor[members] for name, tensor in theta.items()}
        direction = {
            name: torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            for name, tensor in before.items()
        }
        after = {name: before[name] - 0.1 * direction[name] for name in before}
        for observer in observers:
            observer(step, before, direction, after, 0.1, torch.tensor(members))
        state = observers[1].state()
        observers[1] = LedgerObserver(SPEC, method, steps=6, snapshots=3)
        observers[1].restore(state)
        for name, tensor in after.items():
            theta[name][members] = tensor
    first, second = (observer.close() for observer in observers)
    assert torch.equal(first.step, second.step)
    for part in ("charge", "scale", "terms", "defect"):
        for group, expected in getattr(first, part).items():
            assert torch.equal(
                getattr(second, part)[group].nan_to_num(7.0), expected.nan_to_num(7.0)
            ), (part, group)
    fresh = LedgerObserver(SPEC, method, steps=6, snapshots=3)
    assert fresh.state() == {}
    fresh.restore({})
    assert fresh.state() == {}


def test_only_equivariant_methods_leave_the_charge_alone_at_first_order():
    terms = {name: observed(name, momentum=0.5)[2].terms["hidden1"] for name in ("sgd", "sam")}
    assert float(terms["sgd"][:, :, TERMS.index("optimizer")].abs().max()) == 0
    assert float(terms["sam"][:, -1, TERMS.index("optimizer")].abs().max()) > 1e-4


def test_a_ledger_without_steps_cannot_be_closed():
    observer = LedgerObserver(SPEC, build("sgd", {}), steps=1, snapshots=1)
    with pytest.raises(SymgeomError, match="a ledger in which no step was booked: give the obs"):
        observer.close()
