"""Train many seeds at once, each exactly as if it were alone.

The seeds of one arm are stacked networks. A seed has its own start and its own generator for the order of its data, and it leaves
the stack when it is done. On a CPU its result is the same, bit for bit, whichever seeds train beside it (with as many threads).

A seed ends with a status: ``reached`` (at the end of an epoch, error and loss on the whole training set met the stop rule),
``epoch limit``, or ``diverged`` (its loss, or the length of its weights, is not finite). Every epoch visits the samples in a
fresh order; an incomplete last batch is left out, so that all mini-batches have the same size and the same noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from symgeom.checks import SymgeomError
from symgeom.optimizers.adversarial import random_labels
from symgeom.optimizers.method import Method, State
from symgeom.problem import Problem
from symgeom.types import Parameters, stack, unstack

Observer = Callable[[int, Parameters, Parameters, Parameters, float, Tensor], None]
"""Called as ``observe(step, params_before, direction, params_after, learning_rate, members)``."""


@dataclass(frozen=True)
class Plan:
    """How long to train, and on how much at a time.

    Attributes
    ----------
    batch_size : int
        Samples per mini-batch.
    epochs : int
        At most so many.
    stop_error, stop_loss : float
        A seed is done when, at the end of an epoch, its training error and its training loss are at most these.
    least_epochs : int
        No seed stops before.
    progress : callable, optional
        Called as ``progress(epoch, epochs, text)`` at the end of each epoch.
    """

    batch_size: int = 128
    epochs: int = 100
    stop_error: float = 0.0
    stop_loss: float = math.inf
    least_epochs: int = 1
    progress: Callable[[int, int, str], None] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "least_epochs"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SymgeomError(f"Cannot train with {name} = {value!r}: give a positive whole number.")
        for name in ("stop_error", "stop_loss"):
            if not getattr(self, name) >= 0:
                raise SymgeomError(
                    f"Cannot train with {name} = {getattr(self, name)!r}: no seed could ever reach it; give 0 or more."
                )
        if self.least_epochs > self.epochs:
            raise SymgeomError(f"Cannot train at least {self.least_epochs} and at most {self.epochs} epochs: raise epochs.")


@dataclass(frozen=True, eq=False)
class Trained:
    """What training yields, seed by seed.

    Attributes
    ----------
    parameters : Parameters
        Stacked networks, one per seed, each as it was when the seed ended (not finite if it diverged).
    status : tuple of {"reached", "epoch limit", "diverged"}
        How each seed ended.
    epochs : Tensor of int64, shape (seed,)
        Epochs run.
    gradients : Tensor of int64, shape (seed,)
        Mini-batch gradients evaluated, of all replicas and of a first stage too: the budget by which methods compare.
    loss, error : Tensor of float64, shape (seed, epoch)
        On the training set, before training (entry 0) and after each epoch; NaN after the seed has ended.
    pretraining : Trained or None
        The first stage, on random labels.
    """

    parameters: Parameters
    status: tuple[str, ...]
    epochs: Tensor
    gradients: Tensor
    loss: Tensor
    error: Tensor
    pretraining: "Trained | None" = None


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
        Stacked members: one network per seed, or ``method.members_per_seed`` of them (member = seed * replicas + replica).
    method : Method
        The optimizer.
    plan : Plan
        Batch size and stop rule.
    generators : sequence of torch.Generator
        One per member: the order of its data (and first, its random labels, if the method begins with them).
    observe : callable, optional
        Sees every step of the training on the true labels; ``members`` (int64) says which entries of ``start`` are in the stack.

    Returns
    -------
    Trained
        One entry per seed, in the order of ``start``; no seed is dropped.

    Raises
    ------
    SymgeomError
        If there are no members, not one generator for each, or fewer samples than a mini-batch holds.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.optimizers.sgd import SGD
    >>> problem = Problem(nn.Linear(2, 2), torch.eye(2), torch.tensor([0, 1]))
    >>> start = {"weight": torch.zeros(1, 2, 2), "bias": torch.zeros(1, 2)}
    >>> train(problem, start, SGD(), plan=Plan(batch_size=2), generators=[torch.Generator()]).status
    ('reached',)
    """
    _check(problem, start, method, plan, generators)
    first, earlier = method.pretraining(), None
    if first is not None:
        classes = int(problem.targets.max()) + 1
        labels = torch.stack([random_labels(problem.targets, classes, generator=generator) for generator in generators])
        limits = {"epochs": first.epochs, "stop_error": first.stop_error, "stop_loss": math.inf, "least_epochs": 1}
        earlier = _Run(problem, first.method, replace(plan, **limits), None)(start, labels, generators)
        start = earlier.parameters
    labels = problem.targets.expand(len(generators), *problem.targets.shape)
    trained = _Run(problem, method, plan, observe)(start, labels, generators)
    if earlier is None:
        return trained
    return replace(trained, gradients=trained.gradients + earlier.gradients, pretraining=earlier)


@dataclass
class _Stack:
    """The seeds still in training, and all that each of them carries."""

    params: Parameters
    state: State
    labels: Tensor  # (member, sample)
    members: Tensor  # (member,), numbers in the start
    generators: list[torch.Generator]

    def keep(self, stay: Tensor) -> None:
        """Drop the members for which ``stay`` is false."""
        self.params = {name: tensor[stay] for name, tensor in self.params.items()}
        self.state = {slot: {name: tensor[stay] for name, tensor in held.items()} for slot, held in self.state.items()}
        self.labels, self.members = self.labels[stay], self.members[stay]
        self.generators = [generator for generator, stays in zip(self.generators, stay.tolist(), strict=True) if stays]


class _Record:
    """What is known of every seed, in training or not."""

    def __init__(self, seeds: int, plan: Plan) -> None:
        self.plan = plan
        self.status = ["epoch limit"] * seeds
        self.networks: list[dict[str, Tensor]] = [{}] * seeds
        self.epochs, self.gradients = torch.zeros(2, seeds, dtype=torch.int64)
        self.loss, self.error = torch.full((2, seeds, plan.epochs + 1), math.nan, dtype=torch.float64)

    def note(self, epoch: int, seeds: Tensor, networks: Parameters, loss: Tensor, error: Tensor) -> Tensor:
        """Write down the end of an epoch; return, for each of these seeds, whether it trains on."""
        self.epochs[seeds] = epoch
        self.loss[seeds, epoch], self.error[seeds, epoch] = loss, error
        squares = sum(tensor.double().square().reshape(len(seeds), -1).sum(1) for tensor in networks.values())
        diverged = ~torch.isfinite(loss + squares.cpu())
        reached = (error <= self.plan.stop_error) & (loss <= self.plan.stop_loss) & (epoch >= self.plan.least_epochs)
        for place, (seed, network) in enumerate(zip(seeds.tolist(), unstack(networks), strict=True)):
            self.networks[seed] = network
            self.status[seed] = "diverged" if diverged[place] else "reached" if reached[place] else "epoch limit"
        return ~(diverged | reached)

    def trained(self) -> Trained:
        """Return the record."""
        return Trained(stack(self.networks), tuple(self.status), self.epochs, self.gradients, self.loss, self.error)


@dataclass(frozen=True, eq=False)
class _Run:
    """One stage of training."""

    problem: Problem
    method: Method
    plan: Plan
    observe: Observer | None

    def __call__(self, start: Parameters, labels: Tensor, generators: Sequence[torch.Generator]) -> Trained:
        replicas = self.method.members_per_seed
        stacked = _Stack(dict(start), self.method.start(start), labels, torch.arange(len(generators)), list(generators))
        record = _Record(len(generators) // replicas, self.plan)
        for epoch in range(self.plan.epochs + 1):
            seeds = stacked.members[::replicas] // replicas
            if epoch:
                record.gradients[seeds] += replicas * self._epoch(stacked, epoch - 1)
            networks = self.method.output(stacked.params)
            loss, error = self._evaluate(networks, stacked.labels[::replicas])
            stay = record.note(epoch, seeds, networks, loss.cpu().double(), error.cpu())
            if self.plan.progress is not None:
                text = f"{self.method.name}: {int(stay.sum())} of {len(record.status)} seeds train on"
                self.plan.progress(epoch, self.plan.epochs, text)
            stacked.keep(stay.repeat_interleave(replicas))
            if not stay.any():
                break
        return record.trained()

    def _epoch(self, stacked: _Stack, epoch: int) -> int:
        """Take the steps of one epoch; return the gradients that each member evaluated."""
        method, plan, problem, calls = self.method, self.plan, self.problem, 0
        rate = method.learning_rate_at(epoch, plan.epochs)
        stacked.state = method.begin_epoch(
            stacked.params, stacked.state, progress=epoch / plan.epochs, loss_at=lambda at: self._evaluate(at, stacked.labels)[0]
        )
        samples = len(problem.targets)
        order = torch.stack([torch.randperm(samples, generator=generator) for generator in stacked.generators])
        batches = order.to(problem.targets.device).split(plan.batch_size, 1)[: samples // plan.batch_size]
        for number, index in enumerate(batches):

            def gradient_at(params: Parameters, index: Tensor = index) -> dict[str, Tensor]:
                nonlocal calls
                calls += 1
                return self._gradient(params, index, stacked.labels)

            before = stacked.params
            direction, stacked.state = method.direction(gradient_at, before, stacked.state)
            stacked.params = {**before, **{name: before[name] - rate * tensor for name, tensor in direction.items()}}
            if self.observe is not None:
                step = epoch * len(batches) + number
                self.observe(step, before, direction, stacked.params, rate, stacked.members)
        return calls

    def _gradient(self, params: Parameters, index: Tensor, labels: Tensor) -> dict[str, Tensor]:
        def one(params: Parameters, index: Tensor, labels: Tensor) -> Tensor:
            return self.problem.relabel(labels).loss(params, index=index)

        # One backward pass through the sum, whose terms share no weights: faster than torch.func.grad, and without its imports.
        leaves = {name: params[name].detach().requires_grad_() for name, _ in self.problem.module.named_parameters()}
        losses = _lift(self.problem, one)({**params, **leaves}, index, labels)
        gradients = torch.autograd.grad(losses.sum(), tuple(leaves.values()), materialize_grads=True)
        return dict(zip(leaves, gradients, strict=True))

    def _evaluate(self, params: Parameters, labels: Tensor) -> tuple[Tensor, Tensor]:
        def one(params: Parameters, labels: Tensor) -> tuple[Tensor, Tensor]:
            return self.problem.relabel(labels).loss_and_error(params)

        with torch.no_grad():
            return _lift(self.problem, one)(params, labels)


def _lift(problem: Problem, function: Callable[..., object]) -> Callable[..., object]:
    # On a CPU the last bits of a batched matrix product depend on the size of the batch and on the place in it (kernels are
    # chosen by shape and by alignment in memory), and vmap saves little: of the time of an MLP 64-128-128-10 a fifth in float64,
    # two fifths in float32.
    if problem.inputs.device.type != "cpu":
        return torch.vmap(function)

    def one_by_one(params: Parameters, *further: Tensor) -> object:
        results = []
        for tensors, *rest in zip(zip(*(tensor.unbind() for tensor in params.values()), strict=True), *further, strict=True):
            # Copies, because a view into the stack is aligned in memory as its place in the stack has it.
            network = {name: tensor.clone() for name, tensor in zip(params, tensors, strict=True)}
            results.append(function(network, *rest))
        return tuple(map(torch.stack, zip(*results, strict=True))) if isinstance(results[0], tuple) else torch.stack(results)

    return one_by_one


def _check(problem: Problem, start: Parameters, method: Method, plan: Plan, generators: Sequence[torch.Generator]) -> None:
    members = len(next(iter(start.values())))
    if members == 0:
        raise SymgeomError("Cannot train zero seeds: give at least one start.")
    if members % method.members_per_seed:
        each = f"{method.members_per_seed} replicas for each seed"
        raise SymgeomError(f"Cannot train {members} stacked networks with '{method.name}': stack {each}.")
    if len(generators) != members:
        raise SymgeomError(f"Cannot train {members} stacked networks with {len(generators)} generators: give one for each.")
    if plan.batch_size > len(problem.targets):
        raise SymgeomError(f"Cannot draw {plan.batch_size} samples of {len(problem.targets)} for a mini-batch: lower batch_size.")
