"""Train many seeds at once, each with its own start, data order and end.

The seeds of one arm are stacked networks. A seed has its own start and its own generator for the
order of its data, and it leaves the stack when it is done. Where seeds are computed one after
another (:func:`~symgeom.learning.training.trains_together` chooses), the result of a seed on a CPU
is the same, bit for bit, whichever seeds train beside it, given the same number of threads. Where
they are computed together it is the same up to rounding.

A seed ends with a status: ``reached`` (at an evaluation, error and loss on the whole training set
met the stop rule, or the loss came to the last depth), ``epoch limit``, or ``diverged`` (its loss,
or the length of its weights, is not finite). Where the plan gives every seed a budget, it trains on
past the stop rule until it has spent it, and is then ``reached`` or, short of the stop rule,
``budget spent``. Every epoch visits the samples in a fresh order; an incomplete last batch is left
out, so that all mini-batches have the same size and the same noise.

Where the statistics of batch norms are recomputed, every mini-batch is normalised by its own
statistics, and no step keeps running averages: methods that take two gradients of one mini-batch
(SAM) leave no trace in them, and averages over networks (of replicas, or along the way) do not mix
them. What training yields has the statistics that its weights give on the training inputs.

Training does what the network says: gradients are taken in training mode, with dropout
(:mod:`symgeom.learning.training.mode`), evaluations without; weights that the network freezes
(``requires_grad_(False)``) are no weights to any optimizer, and end as they began, bit for bit.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.landscape.problem.losses import check_precision
from symgeom.learning.optimizers.method import Method, Pretraining
from symgeom.learning.training.copies import Copies
from symgeom.learning.training.plan import Observer, Plan, RestorableObserver, Trained
from symgeom.learning.training.population import Population, trains_together
from symgeom.learning.training.saved import Saved, restored_outcome
from symgeom.learning.training.stage import Stage


@door
def train(
    problem: Problem,
    start: Parameters,
    method: Method,
    *,
    plan: Plan,
    generators: Sequence[torch.Generator],
    observe: Observer | None = None,
) -> Trained:
    """Train stacked networks.

    Parameters
    ----------
    problem : Problem
        The training set.
    start : Parameters
        Stacked members: one network per seed, or ``method.members_per_seed`` of them
        (``member = seed * replicas + replica``).
    method : Method
        The optimizer.
    plan : Plan
        Batch size, stop rule, and how to compute.
    generators : sequence of torch.Generator
        One per member, on the CPU. It draws the member's random labels if the method begins with
        them, and the entries of the inputs that are zeroed there; the seed of its noise if the
        method has any; the seed of what its layers draw (dropout) if they do; and then for each
        epoch the order of its data and, batch by batch, what augmentation needs.
    observe : callable, optional
        Sees every step of the training on the true labels; ``members`` (int64) says which entries
        of ``start`` are in the stack.

    Returns
    -------
    Trained
        One entry per seed, in the order of ``start``; no seed is dropped.

    Raises
    ------
    SymgeomError
        If there are no members, or not one generator for each, or not one budget for each seed; if
        the start is of another architecture than the problem's; if a mini-batch holds more samples
        than there are, the weights have another precision than the data, or the optimizer could not
        finish; if checkpoints are kept with an observer that cannot keep what it knows; or if the
        network cannot be trained as it says: all of it is frozen, replicas of a seed are frozen
        apart, or it does in training mode what no step could repeat.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> problem = Problem(nn.Linear(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> start = {"weight": torch.zeros(1, 2, 2), "bias": torch.zeros(1, 2)}
    >>> plan = Plan(batch_size=2)
    >>> train(problem, start, SGD(), plan=plan, generators=[torch.Generator()]).status
    ('reached',)
    """
    _check_members(start, method, generators)
    problem.architecture.check({name: tensor[0] for name, tensor in start.items()})
    _check_plan(problem, method, plan, observe)
    _check_budgets(plan, method, seeds=len(generators) // method.members_per_seed)
    check_precision(start, problem.inputs)
    members = len(generators)
    _check_frozen(problem, start, method)
    problem = laid_out(problem)
    together = trains_together(problem, members, plan)
    population = Population(problem, together, plan.autocast)
    data = f"{tuple(problem.inputs.shape)} of {problem.inputs.dtype}"
    weights = f"weights {problem.trainable}, layers draw: {population.mode.draws}"
    stage = Stage(
        population=population,
        method=method,
        plan=plan,
        generators=generators,
        observe=observe,
        key=f"{method} {plan} {data}, {members} networks, {together}, {weights}",
    )
    labels = problem.targets.expand(members, *problem.targets.shape)
    pretraining = method.pretraining()
    if pretraining is None:
        return stage.run(start, labels, stage.read())
    return _train_in_two_stages(stage, pretraining, start, labels)


def _train_in_two_stages(
    stage: Stage, pretraining: Pretraining, start: Parameters, labels: Tensor
) -> Trained:
    """Train on random labels first, and then on the true ones."""
    # Drawn before a checkpoint puts the generators where they were: no checkpoint holds them.
    copies = Copies.drawn(stage.population.problem, pretraining, stage.generators)
    saved = stage.read()
    if saved is None or saved["earlier"] is None:
        earlier = _pretrain(stage, pretraining, copies, start, saved)
        saved = None
    else:
        device = stage.population.problem.inputs.device
        earlier = restored_outcome(saved["earlier"], device)
    trained = replace(stage, earlier=earlier).run(earlier.parameters, labels, saved)
    at_depths = tuple(_after(earlier, state) for state in trained.at_depths)
    return replace(_after(earlier, trained), at_depths=at_depths)


def _after(earlier: Trained, trained: Trained) -> Trained:
    """Return the outcome of a second stage, with what the first one has cost."""
    return replace(
        trained,
        gradients=trained.gradients + earlier.gradients,
        sample_gradients=trained.sample_gradients + earlier.sample_gradients,
        pretraining=earlier,
    )


def _pretrain(
    stage: Stage, pretraining: Pretraining, copies: Copies, start: Parameters, saved: Saved | None
) -> Trained:
    """Train on random labels, from the start or from a checkpoint."""
    plan = replace(
        stage.plan,
        epochs=pretraining.epochs,
        stop_error=pretraining.stop_error,
        stop_loss=math.inf,
        least_epochs=1,
        depths=(),
    )
    first_stage = replace(
        stage,
        method=pretraining.method,
        plan=plan,
        observe=None,
        copies=None if copies.are_inputs else copies,
    )
    return first_stage.run(start, copies.labels, saved)


def _check_members(
    start: Parameters, method: Method, generators: Sequence[torch.Generator]
) -> None:
    """Raise unless there are whole seeds, and a generator for every member."""
    members = len(next(iter(start.values())))
    if members == 0:
        raise SymgeomError("Cannot train zero seeds: give at least one start.")
    if members % method.members_per_seed:
        raise SymgeomError(
            f"Cannot train {members} stacked networks with '{method.name}': "
            f"stack {method.members_per_seed} replicas for each seed."
        )
    if len(generators) != members:
        raise SymgeomError(
            f"Cannot train {members} stacked networks with {len(generators)} generators: "
            "give one for each."
        )


def _check_frozen(problem: Problem, start: Parameters, method: Method) -> None:
    """Raise unless something trains, and the replicas of a seed have the same frozen weights."""
    trainable = problem.trainable
    for name, _ in problem.module.named_parameters():
        if name in trainable or name not in start:
            continue
        replicas = start[name].unflatten(0, (-1, method.members_per_seed))
        if not torch.equal(replicas, replicas[:, :1].expand_as(replicas)):
            raise SymgeomError(
                f"Cannot train replicas with '{method.name}' that differ in the frozen tensor "
                f"'{name}': the mean of their weights would fit none of them. Give the replicas of "
                "a seed the same frozen tensors."
            )


def _check_budgets(plan: Plan, method: Method, *, seeds: int) -> None:
    """Raise unless there is a budget for every seed, or none at all."""
    if plan.budgets is None:
        return
    if len(plan.budgets) != seeds:
        raise SymgeomError(
            f"Cannot train {seeds} seeds with {len(plan.budgets)} budgets: give one for each."
        )
    if method.pretraining() is not None:
        raise SymgeomError(
            f"Cannot train '{method.name}' at a budget: its first stage, on random labels, would "
            "spend a part that nobody has set. Leave the budgets out, or choose another optimizer."
        )


def _check_plan(problem: Problem, method: Method, plan: Plan, observe: Observer | None) -> None:
    """Raise unless the plan suits the data, the optimizer and the observer."""
    samples = len(problem.targets)
    if plan.batch_size > samples:
        raise SymgeomError(
            f"Cannot draw {plan.batch_size} samples of {samples} for a mini-batch: "
            "lower batch_size."
        )
    watched = observe is not None and plan.checkpoint is not None
    if watched and not isinstance(observe, RestorableObserver):
        raise SymgeomError(
            f"Cannot keep checkpoints of a training watched by {observe!r}, which has no state() "
            "and restore(): give it both, or train without observer or without checkpoint."
        )
    why = method.never_finishes(plan.epochs)
    if why:
        raise SymgeomError(f"Cannot finish '{method.name}' in {plan.epochs} epochs: {why}")
