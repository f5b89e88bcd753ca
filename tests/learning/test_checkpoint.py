"""Killed training goes on and ends as if it had never stopped, bit for bit."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from cases import batch, mlp, mlp_spec, network, randomised
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters, stack
from symgeom.landscape.problem import Problem
from symgeom.learning.observe import LedgerObserver
from symgeom.learning.optimizers import build
from symgeom.learning.training import Checkpoint, Plan, train

WIDTHS, SEEDS = (4, 6, 5, 3), 3
METHODS = {
    "sgd": {"momentum": 0.9, "weight_decay": 1e-2},
    "adam": {"learning_rate": 0.02},
    "sam": {"rho": 0.1},
    "rsgd": {"replicas": 2},
    "entropy_sgd": {"inner_steps": 2, "inner_learning_rate": 0.3},
    "swa": {"averages_least": 2, "average_from": 0.5},
    "adv": {"pretraining_epochs": 4, "pretraining_error": 0.57},
}
COPIES = {"pretraining_replicas": 2, "pretraining_zeroed": 0.2, "pretraining_epochs": 4}
PLAN = Plan(batch_size=10, epochs=6, stop_error=0.57)
"""Some seeds meet the stop rule early, others late: what has ended has to be kept too."""


@pytest.fixture(autouse=True)
def one_thread():
    """Train on one thread, and restore the number afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


DEPTHS = (1.2, 1.08, 1.06, 0.9)
"""Training losses that the seeds come to in different epochs, or never."""


class Killed(Exception):  # noqa: N818
    """What ends a training here, where no process is to die."""


def kill_at(count):
    """Return a progress callback that raises at its call of this number."""
    calls = []

    def progress(*news):
        calls.append(news)
        if len(calls) == count:
            raise Killed

    return progress


def run(name, plan, *, options=None, watched=True):
    """Train small networks from nothing: everything that carries state is new at every call."""
    method = build(name, METHODS[name] if options is None else options)
    who = [(seed, replica) for seed in range(SEEDS) for replica in range(method.members_per_seed)]
    start = stack([network(*WIDTHS, seed=10 * seed + replica) for seed, replica in who])
    observe = LedgerObserver(mlp_spec(*WIDTHS), method, steps=36, snapshots=6) if watched else None
    problem, orders = (
        Problem(mlp(*WIDTHS), *batch(60, WIDTHS[0], WIDTHS[-1])),
        [stream("order", *member) for member in who],
    )
    trained = train(problem, start, method, plan=plan, generators=orders, observe=observe)
    return trained, observe.close() if watched else None


def flat(value, at=""):
    """Yield every tensor and number of a record with its place."""
    if isinstance(value, torch.Tensor):
        yield at, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{at}/{key}")
    elif hasattr(value, "__dataclass_fields__"):
        for field in fields(value):
            if field.name != "resumed_from":
                yield from flat(getattr(value, field.name), f"{at}/{field.name}")
    elif isinstance(value, tuple):
        yield at, len(value)
        for number, part in enumerate(value):
            yield from flat(part, f"{at}/{number}")
    else:
        yield at, value


def check_same(found, expected):
    found, expected = dict(flat(found)), dict(flat(expected))
    assert found.keys() == expected.keys()
    for place, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert found[place].dtype == value.dtype, place
            assert torch.equal(found[place].nan_to_num(7.0), value.nan_to_num(7.0)), place
        else:
            assert found[place] == value, place


@pytest.mark.parametrize("together", ["one", "batched"])
@pytest.mark.parametrize("name", METHODS)
def test_a_killed_training_ends_as_if_it_had_not_been(name, together, tmp_path):
    """Killed at the ends of its epochs in turn, both stages of 'adv' among them: weights,
    history, budget and ledger."""
    plan, calls = replace(PLAN, together=together), []
    trained, ledger = run(name, replace(plan, progress=lambda *news: calls.append(news)))
    assert name == "swa" or len(set(trained.epochs.tolist())) > 1
    ends = (
        range(1, len(calls), 1 if name == "adv" else 2) if together == "one" else [len(calls) - 2]
    )
    for count in ends:
        kept = replace(plan, checkpoint=Checkpoint(tmp_path / f"{count}", digest="a"))
        with pytest.raises(Killed):
            run(name, replace(kept, progress=kill_at(count)))
        found, booked = run(name, kept)
        check_same(found, trained)
        check_same(booked, ledger)


def test_a_killed_training_at_a_budget_ends_as_if_it_had_not_been(tmp_path):
    plan = replace(PLAN, budgets=(120, 360, 240))
    expected, ledger = run("sgd", plan)
    assert expected.epochs.tolist() == [2, 6, 4]
    kept = replace(plan, checkpoint=Checkpoint(tmp_path / "kept"))
    with pytest.raises(Killed):
        run("sgd", replace(kept, progress=kill_at(5)))
    found, booked = run("sgd", kept)
    assert found.resumed_from == 4
    check_same(found, expected)
    check_same(booked, ledger)
    other, _ = run("sgd", replace(kept, budgets=(120, 360, 300)))
    assert (other.resumed_from, other.epochs.tolist()) == (0, [2, 6, 5])


@pytest.mark.parametrize("count", [3, 7])
def test_a_killed_training_on_copies_ends_as_if_it_had_not_been(tmp_path, count):
    """No checkpoint holds which entries are zeroed: they are drawn again."""
    expected, ledger = run("adv", PLAN, options=COPIES)
    kept = replace(PLAN, checkpoint=Checkpoint(tmp_path / "kept"))
    with pytest.raises(Killed):
        run("adv", replace(kept, progress=kill_at(count)), options=COPIES)
    found, booked = run("adv", kept, options=COPIES)
    check_same(found, expected)
    check_same(booked, ledger)


@pytest.mark.parametrize("name", ["adv", "swa", "rsgd"])
def test_a_killed_training_still_has_the_networks_at_its_depths(name, tmp_path):
    plan, calls = replace(PLAN, together="one", depths=DEPTHS), []
    trained, _ = run(name, replace(plan, progress=lambda *news: calls.append(news)), watched=False)
    came = [status == "reached" for state in trained.at_depths for status in state.status]
    assert any(came)
    assert not all(came)
    for count in (2, len(calls) - 2):
        kept = replace(plan, checkpoint=Checkpoint(tmp_path / f"{count}", digest="a"))
        with pytest.raises(Killed):
            run(name, replace(kept, progress=kill_at(count)), watched=False)
        check_same(run(name, kept, watched=False)[0], trained)


def test_what_was_kept_some_epochs_ago_will_do(tmp_path):
    plan = replace(PLAN, checkpoint=Checkpoint(tmp_path / "kept", every=3), stop_error=0.0)
    with pytest.raises(Killed):
        run("sgd", replace(plan, progress=kill_at(6)))
    found, ledger = run("sgd", plan)
    expected = run("sgd", replace(plan, checkpoint=None))
    check_same(found, expected[0])
    check_same(ledger, expected[1])
    assert (found.resumed_from, expected[0].resumed_from) == (3, 0)


def test_a_training_that_has_ended_is_not_repeated(tmp_path):
    plan = replace(PLAN, checkpoint=Checkpoint(tmp_path / "kept"))
    expected, ledger = run("adv", plan)
    before = (tmp_path / "kept").read_bytes()
    found, again = run("adv", replace(plan, augment=None, progress=lambda *news: news))
    check_same(found, expected)
    check_same(again, ledger)
    assert found.resumed_from == int(expected.epochs.max())
    assert found.pretraining.resumed_from == 0
    assert (tmp_path / "kept").read_bytes() == before


SCRIPT = """
import os, signal, sys
from dataclasses import replace
import torch
import test_checkpoint as here
from symgeom.learning.training import Checkpoint

torch.set_num_threads(1)
news, draws = [], []

def fatal(inputs, generator):
    if len(news) == int(sys.argv[2]):
        draws.append(None)
    if len(draws) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return here.noisy(inputs, generator)

plan = replace(here.PLAN, augment=fatal, progress=lambda *each: news.append(each))
here.run("adv", replace(plan, checkpoint=Checkpoint(sys.argv[1])))
"""


def noisy(inputs, generator):
    """Augment by noise."""
    return inputs + torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype) / 10


def test_a_process_killed_in_the_middle_of_an_epoch(tmp_path):
    """The real signal, after two epochs of the second stage and some steps, with generators in
    the middle of what they draw."""
    path, plan = tmp_path / "kept", replace(PLAN, augment=noisy)
    expected, ledger = run("adv", plan)
    epochs = (
        int(expected.pretraining.epochs.max()) + 1 + 3
    )  # with those before training: two of the second stage are done
    folders = os.pathsep.join(map(str, Path(__file__).parents[:3]))
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, path, str(epochs)],
        env={**os.environ, "PYTHONPATH": folders},
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL
    found, booked = run("adv", replace(plan, checkpoint=Checkpoint(path)))
    check_same(found, expected)
    check_same(booked, ledger)
    assert found.resumed_from == 2


def test_networks_with_batch_norm_and_their_buffers_go_on(tmp_path):
    module = randomised(
        nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    )
    inputs, targets = batch(60, 4, 3)
    problem = Problem(module, inputs, targets, batch_norm="recompute", training_inputs=inputs)
    method, plan = build("rsgd", {"replicas": 2}), Plan(batch_size=10, epochs=4)

    def once(plan):
        start = stack([parameters(randomised(module, seed)) for seed in range(4)])
        return train(
            problem,
            start,
            method,
            plan=plan,
            generators=[stream("order", seed) for seed in range(4)],
        )

    kept = replace(plan, checkpoint=Checkpoint(tmp_path / "kept"))
    with pytest.raises(Killed):
        once(replace(kept, progress=kill_at(3)))
    check_same(once(kept), once(plan))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    """Change a bit of the largest tensor, which torch reads without a word."""
    with zipfile.ZipFile(path) as archive:
        tensors = [entry for entry in archive.infolist() if "/data/" in entry.filename]
        largest = max(tensors, key=lambda entry: entry.file_size)
        tensor = archive.read(largest)
    content = path.read_bytes()
    position = content.index(tensor) + len(tensor) // 2
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ("spoil", "change", "why"),
    [
        (flip, {}, r"it cannot be read \(BadZipFile\)"),
        (truncate, {}, r"it cannot be read \(\w+\)"),
        (lambda path: path.write_bytes(b""), {}, r"it cannot be read \(BadZipFile\)"),
        (lambda path: path.write_text("no checkpoint"), {}, r"it cannot be read \(\w+\)"),
        (lambda path: torch.save({"other": 1}, path), {}, r"it cannot be read \(KeyError\)"),
        (lambda path: None, {"digest": "b"}, "it belongs to another training"),
        (lambda path: None, {"options": {"momentum": 0.5}}, "it belongs to another training"),
        (lambda path: None, {"batch_size": 12}, "it belongs to another training"),
    ],
    ids=["a flipped bit", "truncated", "empty", "text", "foreign", "digest", "options", "plan"],
)
def test_a_checkpoint_that_cannot_serve_is_set_aside_and_said(tmp_path, spoil, change, why):
    path, news = tmp_path / "kept", []
    plan = replace(PLAN, checkpoint=Checkpoint(path, digest="a"))
    with pytest.raises(Killed):
        run("sgd", replace(plan, progress=kill_at(3)))
    spoil(path)
    spoiled = path.read_bytes()
    plan = replace(
        plan,
        batch_size=change.get("batch_size", 10),
        checkpoint=Checkpoint(path, digest=change.get("digest", "a")),
    )
    found, _ = run(
        "sgd",
        replace(plan, progress=lambda *each: news.append(each)),
        options=change.get("options"),
    )
    check_same(found, run("sgd", replace(plan, checkpoint=None), options=change.get("options"))[0])
    assert found.resumed_from == 0
    assert news[0][:2] == (0, 6)
    assert re.fullmatch(
        f"sgd: checkpoint kept set aside as kept.aside: {why}; training begins anew", news[0][2]
    )
    assert (tmp_path / "kept.aside").read_bytes() == spoiled


def test_a_write_that_fails_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    kept, written = Checkpoint(tmp_path / "folder" / "kept"), torch.save
    kept.write({"epoch": 1}, "key")

    def half(content, file):
        written(content, file)
        raise RuntimeError("half")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(RuntimeError, match="half"):
        kept.write({"epoch": 2}, "key")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["kept"]
    assert kept.read("key")[0]["epoch"] == 1


def test_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / "kept.part01").write_bytes(b"half")
    assert Checkpoint(tmp_path / "kept").read("key") == (None, "")
    assert list(tmp_path.iterdir()) == []


def test_impossible_checkpoints_are_refused(tmp_path):
    with pytest.raises(
        SymgeomError, match="a checkpoint every 0 epochs: give a positive whole number"
    ):
        Checkpoint(tmp_path / "kept", every=0)
    plan = replace(PLAN, checkpoint=Checkpoint(tmp_path / "kept"))
    start, problem = (
        stack([network(*WIDTHS)]),
        Problem(mlp(*WIDTHS), *batch(60, WIDTHS[0], WIDTHS[-1])),
    )
    with pytest.raises(
        SymgeomError,
        match=r"which has no state\(\) and restore\(\): give it both, or train without",
    ):
        train(
            problem,
            start,
            build("sgd", {}),
            plan=plan,
            generators=[stream("order")],
            observe=lambda *step: None,
        )
