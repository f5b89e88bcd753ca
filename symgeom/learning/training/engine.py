"""Train many seeds at once, each with its own start, data order and end.

The seeds of one arm are stacked networks. A seed has its own start and its own generator for the
order of its data, and it leaves the stack when it is done. Computed one after another
(:func:`~symgeom.learning.training.trains_together` chooses), its result on a CPU is the same, bit
for bit, whichever seeds train beside it (with as many threads); computed together it is the same up
to rounding.

A seed ends with a status: ``reached`` (at an evaluation, error and loss on the whole training set
met the stop rule), ``epoch limit``, or ``diverged`` (its loss, or the length of its weights, is not
finite). Every epoch visits the samples in a fresh order; an incomplete last batch is left out, so
that all mini-batches have the same size and the same noise.

Where the statistics of batch norms are recomputed, each mini-batch is normalised by its own, and no
step keeps running averages: methods that take two gradients of one mini-batch (SAM) leave no trace
in them, and averages over networks (of replicas, or along the way) do not mix them. What training
yields has the statistics that its weights give on the training inputs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.landscape.problem.losses import check_precision
from symgeom.learning.optimizers.adversarial import random_labels
from symgeom.learning.optimizers.method import Method, Pretraining
from symgeom.learning.training.plan import Observer, Plan, Trained
from symgeom.learning.training.population import Population, trains_together
from symgeom.learning.training.record import Record, Stack


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
        Stacked members: one network per seed, or ``method.members_per_seed`` of them (member = seed
        * replicas + replica).
    method : Method
        The optimizer.
    plan : Plan
        Batch size, stop rule, and how to compute.
    generators : sequence of torch.Generator
        One per member, on the CPU: its random labels if the method begins with them, the seed of
        its noise if the method has any, then for each epoch the order of its data and, batch by
        batch, what augmentation draws.
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
        If there are no members, not one generator for each, fewer samples than a mini-batch holds,
        weights of another precision than the data, or checkpoints with an observer that cannot keep
        its own.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.learning.optimizers.sgd import SGD
    >>> problem = Problem(nn.Linear(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> start = {"weight": torch.zeros(1, 2, 2), "bias": torch.zeros(1, 2)}
    >>> train(problem, start, SGD(), plan=Plan(batch_size=2), generators=[torch.Generator()]).status
    ('reached',)
    """
    _check(problem, start, method, plan, generators, observe)
    problem, together = laid_out(problem), trains_together(problem, len(generators), plan)
    key = f"{method} {plan} {tuple(problem.inputs.shape)} of {problem.inputs.dtype}, {len(generators)} networks, {together}"
    run = _Run(
        Population(problem, together, plan.autocast), method, plan, list(generators), observe, key
    )
    saved, first = run.saved(), method.pretraining()
    if first is None:
        return run.ended(start, problem.targets.expand(len(generators), -1), saved)
    if saved is None or saved["earlier"] is None:
        earlier, saved = _pretrain(run, first, start, saved), None
    else:
        earlier = Trained(**_on(saved["earlier"], problem.inputs.device))
    run = replace(run, earlier=earlier)
    trained = run.ended(earlier.parameters, problem.targets.expand(len(generators), -1), saved)
    budget = {
        name: getattr(trained, name) + getattr(earlier, name)
        for name in ("gradients", "sample_gradients")
    }
    return replace(trained, **budget, pretraining=earlier)


def _pretrain(
    run: "_Run", first: Pretraining, start: Parameters, saved: dict[str, object] | None
) -> Trained:
    limits = {
        "epochs": first.epochs,
        "stop_error": first.stop_error,
        "stop_loss": math.inf,
        "least_epochs": 1,
    }
    targets = run.population.problem.targets
    classes, share = int(targets.max()) + 1, first.corruption
    labels = targets.expand(len(run.generators), -1)
    if saved is None:
        labels = torch.stack(
            [
                random_labels(targets, classes, generator=each, share=share)
                for each in run.generators
            ]
        )
    stage = replace(run, method=first.method, plan=replace(run.plan, **limits), observe=None)
    return stage.ended(start, labels, saved)


@dataclass(frozen=True, eq=False)
class _Run:
    """One stage of training."""

    population: Population
    method: Method
    plan: Plan
    generators: list[torch.Generator]
    observe: Observer | None
    key: str
    earlier: Trained | None = None

    def ended(self, start: Parameters, labels: Tensor, saved: dict[str, object] | None) -> Trained:
        """Train to the end, from the start or from a checkpoint."""
        replicas, plan = self.method.members_per_seed, self.plan
        record = Record(len(self.generators) // replicas, plan)
        stacked = self._opened(start, labels) if saved is None else self._resumed(record, saved)
        resumed_from = max(stacked.epoch, 0)
        while len(stacked.members):
            stacked.epoch += 1
            seeds = stacked.members[::replicas] // replicas
            if stacked.epoch:
                record.gradients[seeds] += replicas * self._epoch(stacked)
            if stacked.epoch % plan.evaluate_every == 0 or stacked.epoch == plan.epochs:
                evaluated = self.population.evaluate(
                    self._output(stacked, start), stacked.labels[::replicas]
                )
                stay = record.note(
                    stacked.epoch, seeds, evaluated, may_stop=self.method.may_stop(stacked.state)
                )
                stacked.keep(stay.repeat_interleave(replicas))
            self._keep(stacked, record)
            self._say(
                stacked.epoch,
                f"{len(stacked.members) // replicas} of {len(record.status)} seeds train on",
            )
        return record.trained(together=self.population.together, resumed_from=resumed_from)

    def saved(self) -> dict[str, object] | None:
        """Return the checkpoint to go on from, if there is one, with generators and observer as they were."""
        if self.plan.checkpoint is None:
            return None
        content, why = self.plan.checkpoint.read(self.key)
        if why:
            self._say(0, f"{why}; training begins anew")
        if content is not None:
            for generator, state in zip(self.generators, content["generators"], strict=True):
                generator.set_state(state)
            if content["observer"] is not None:
                self.observe.restore(content["observer"])
            self._say(content["stack"]["epoch"], "training goes on from its checkpoint")
        return content

    def _say(self, epoch: int, text: str) -> None:
        if self.plan.progress is not None:
            self.plan.progress(epoch, self.plan.epochs, f"{self.method.name}: {text}")

    def _keep(self, stacked: Stack, record: Record) -> None:
        kept = self.plan.checkpoint
        if kept is None or (len(stacked.members) and stacked.epoch % kept.every):
            return
        earlier = (
            None
            if self.earlier is None
            else {field.name: getattr(self.earlier, field.name) for field in fields(Trained)}
        )
        observer = None if self.observe is None else self.observe.state()
        content = {
            "generators": [generator.get_state() for generator in self.generators],
            "observer": observer,
        }
        kept.write(
            {**content, "earlier": earlier, "record": record.state(), "stack": vars(stacked)},
            self.key,
        )

    def _opened(self, start: Parameters, labels: Tensor) -> Stack:
        trainable = {name for name, _ in self.population.problem.module.named_parameters()}
        weights = {name: tensor.clone() for name, tensor in start.items() if name in trainable}
        buffers = {name: tensor for name, tensor in start.items() if name not in trainable}
        seeds = None
        if self.method.draws_noise:
            device = labels.device
            seeds = torch.stack(
                [torch.randint(2**62, (), generator=each) for each in self.generators]
            ).to(device)
        return Stack(
            weights,
            buffers,
            self.method.start(weights, seeds),
            labels,
            torch.arange(len(self.generators)),
        )

    def _resumed(self, record: Record, saved: dict[str, object]) -> Stack:
        device = self.population.problem.inputs.device
        record.restore(saved["record"], device)
        return Stack(**saved["stack"]).to(device)

    def _output(self, stacked: Stack, start: Parameters) -> dict[str, Tensor]:
        replicas = self.method.members_per_seed
        found = {name: tensor[::replicas] for name, tensor in stacked.buffers.items()}
        found |= self.method.output(stacked.weights, stacked.state)
        return {name: found[name] for name in start}

    def _epoch(self, stacked: Stack) -> int:
        """Take the steps of one epoch; return the gradients that each member evaluated."""
        plan, epoch, calls = self.plan, stacked.epoch - 1, 0
        rate, generators = (
            self.method.learning_rate_at(epoch, plan.epochs),
            [self.generators[each] for each in stacked.members],
        )
        stacked.state = self.method.begin_epoch(
            stacked.weights,
            stacked.state,
            progress=epoch / plan.epochs,
            loss_at=self._loss_at(stacked),
        )
        samples, names = stacked.labels.shape[1], tuple(stacked.weights)
        order = torch.stack(
            [torch.randperm(samples, generator=generator) for generator in generators]
        )
        batches = order.to(stacked.labels.device).split(plan.batch_size, 1)[
            : samples // plan.batch_size
        ]
        for number, index in enumerate(batches):
            batch = self._inputs(index, generators), stacked.labels.gather(1, index)

            def gradient_at(
                weights: Parameters, batch: tuple[Sequence[Tensor], Tensor] = batch
            ) -> dict[str, Tensor]:
                nonlocal calls
                calls += 1
                return self.population.gradients({**weights, **stacked.buffers}, names, *batch)

            before = stacked.weights
            direction, stacked.state = self.method.direction(gradient_at, before, stacked.state)
            stacked.move(
                direction,
                rate,
                in_place=not getattr(self.observe, "keeps_weights", self.observe is not None),
            )
            if self.observe is not None:
                seen = (
                    {**before, **stacked.buffers},
                    direction,
                    {**stacked.weights, **stacked.buffers},
                )
                self.observe(epoch * len(batches) + number, *seen, rate, stacked.members)
        return calls

    def _inputs(self, index: Tensor, generators: Sequence[torch.Generator]) -> Sequence[Tensor]:
        inputs = self.population.samples(index)
        if self.plan.augment is None:
            return inputs
        changed = [
            self.plan.augment(batch, generator)
            for batch, generator in zip(inputs, generators, strict=True)
        ]
        return torch.stack(changed) if self.population.together else changed

    def _loss_at(self, stacked: Stack) -> Callable[[Parameters], Tensor]:
        return lambda weights: self.population.evaluate(
            {**weights, **stacked.buffers}, stacked.labels
        )[1]


def _on(saved: dict[str, object], device: torch.device) -> dict[str, object]:
    return {
        **saved,
        "parameters": {name: tensor.to(device) for name, tensor in saved["parameters"].items()},
    }


def _check(
    problem: Problem,
    start: Parameters,
    method: Method,
    plan: Plan,
    generators: Sequence[torch.Generator],
    observe: Observer | None,
) -> None:
    members = len(next(iter(start.values())))
    if members == 0:
        raise SymgeomError("Cannot train zero seeds: give at least one start.")
    if members % method.members_per_seed:
        each = f"{method.members_per_seed} replicas for each seed"
        raise SymgeomError(
            f"Cannot train {members} stacked networks with '{method.name}': stack {each}."
        )
    if len(generators) != members:
        raise SymgeomError(
            f"Cannot train {members} stacked networks with {len(generators)} generators: give one for each."
        )
    if plan.batch_size > len(problem.targets):
        raise SymgeomError(
            f"Cannot draw {plan.batch_size} samples of {len(problem.targets)} for a mini-batch: lower batch_size."
        )
    if (
        plan.checkpoint is not None
        and observe is not None
        and not (hasattr(observe, "state") and hasattr(observe, "restore"))
    ):
        raise SymgeomError(
            f"Cannot keep checkpoints of a training watched by {observe!r}, which has no state() and restore(): give it both, or "
            "train without observer or without checkpoint."
        )
    if why := method.never_finishes(plan.epochs):
        raise SymgeomError(f"Cannot finish '{method.name}' in {plan.epochs} epochs: {why}")
    check_precision(start, problem.inputs)
