"""One stage of training: epochs and evaluations until the last seed has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.method import Method
from symgeom.learning.training.copies import Copies
from symgeom.learning.training.members import Stack
from symgeom.learning.training.plan import Observer, Plan, RestorableObserver, Trained
from symgeom.learning.training.population import Population
from symgeom.learning.training.record import Evaluation, Record
from symgeom.learning.training.saved import Saved, saved_outcome
from symgeom.learning.training.steps import direction_of, start_of


@dataclass
class BatchGradient:
    """The gradients of one step's mini-batches, as a function of stacked networks.

    Attributes
    ----------
    population : Population
        How the networks are computed.
    names : tuple of str
        The weights.
    buffers : Parameters
        What the networks hold beside the weights that train.
    inputs : Tensor or list of Tensor, shape (member, sample, ...)
        The mini-batches.
    targets : Tensor of int64, shape (member, sample)
        Their classes.
    draws : sequence of int
        For each member the seed of what its layers draw, the same at every call.
    calls : int
        How often the gradients were evaluated.
    """

    population: Population
    names: tuple[str, ...]
    buffers: Parameters
    inputs: Tensor | list[Tensor]
    targets: Tensor
    draws: Sequence[int]
    calls: int = 0

    def __call__(self, weights: Parameters) -> dict[str, Tensor]:
        """Return the stacked gradients at some weights."""
        self.calls += 1
        networks = {**weights, **self.buffers}
        return self.population.gradients(
            networks, self.names, self.inputs, self.targets, self.draws
        )


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a training.

    Attributes
    ----------
    population : Population
        How the networks are computed.
    method : Method
        The optimizer.
    plan : Plan
        How long, and on how much at a time.
    generators : sequence of torch.Generator
        One per member of the start.
    observe : Observer or None
        What sees every step.
    key : str
        What the training is, by which its checkpoint is recognised.
    earlier : Trained or None
        The outcome of the stage before.
    copies : Copies or None
        What the stage trains on, if that is not the training set.
    """

    population: Population
    method: Method
    plan: Plan
    generators: Sequence[torch.Generator]
    observe: Observer | None
    key: str
    earlier: Trained | None = None
    copies: Copies | None = None

    def run(self, start: Parameters, labels: Tensor, saved: Saved | None) -> Trained:
        """Train to the end, from the start or from a checkpoint.

        Parameters
        ----------
        start : Parameters
            Stacked members.
        labels : Tensor of int64, shape (member, sample)
            Classes.
        saved : Saved or None
            What a checkpoint of this stage holds.

        Returns
        -------
        Trained
            One entry per seed.
        """
        replicas = self.method.members_per_seed
        record = Record(len(self.generators) // replicas, self.plan)
        if saved is None:
            stacked = self._opened(start, labels)
        else:
            device = self.population.problem.inputs.device
            record.restore(saved["record"], device)
            stacked = Stack(**saved["stack"]).to(device)
        resumed_from = max(stacked.epoch, 0)
        while len(stacked.members):
            stacked.epoch += 1
            if stacked.epoch > 0:
                seeds = self._seeds(stacked)
                record.gradients[seeds] += replicas * self._train_epoch(stacked)
            if self._evaluates_after(stacked.epoch):
                self._evaluate(stacked, record, start)
            self._write(stacked, record)
            remaining = len(stacked.members) // replicas
            self._say(stacked.epoch, f"{remaining} of {len(record.status)} seeds train on")
        return record.trained(together=self.population.together, resumed_from=resumed_from)

    def read(self) -> Saved | None:
        """Return the checkpoint to go on from, and put generators and observer as they were.

        Returns
        -------
        Saved or None
            None if there is no checkpoint.
        """
        if self.plan.checkpoint is None:
            return None
        content, why = self.plan.checkpoint.read(self.key)
        if why:
            self._say(0, f"{why}; training begins anew")
        if content is None:
            return None
        saved = cast(Saved, content)  # the key says that a training wrote it
        for generator, state in zip(self.generators, saved["generators"], strict=True):
            generator.set_state(state)
        if saved["observer"] is not None and isinstance(self.observe, RestorableObserver):
            self.observe.restore(saved["observer"])
        self._say(saved["stack"]["epoch"], "training goes on from its checkpoint")
        return saved

    def _write(self, stacked: Stack, record: Record) -> None:
        """Write a checkpoint if it is due: at the end of a stage it always is."""
        checkpoint = self.plan.checkpoint
        if checkpoint is None:
            return
        if len(stacked.members) and stacked.epoch % checkpoint.every:
            return
        observer = None
        if isinstance(self.observe, RestorableObserver):
            observer = self.observe.state()
        earlier = None
        if self.earlier is not None:
            earlier = saved_outcome(self.earlier)
        content: Saved = {
            "generators": [generator.get_state() for generator in self.generators],
            "observer": observer,
            "earlier": earlier,
            "record": record.saved(),
            "stack": stacked.saved(),
        }
        checkpoint.write(content, self.key)

    def _say(self, epoch: int, text: str) -> None:
        """Report progress, if anyone wants to know."""
        if self.plan.progress is not None:
            self.plan.progress(epoch, self.plan.epochs, f"{self.method.name}: {text}")

    def _seeds(self, stacked: Stack) -> Tensor:
        """Return the seeds still in training."""
        replicas = self.method.members_per_seed
        return stacked.members[::replicas] // replicas

    def _opened(self, start: Parameters, labels: Tensor) -> Stack:
        """Return the stack before the first step."""
        trainable = self.population.problem.trainable
        weights = {}
        buffers = {}
        for name, tensor in start.items():
            if name in trainable:
                weights[name] = tensor.clone()
            else:
                buffers[name] = tensor
        noise_seeds = None
        if self.method.draws_noise:
            noise_seeds = self._drawn_seeds().to(labels.device)
        state = start_of(self.method, weights, noise_seeds)
        members = torch.arange(len(self.generators))
        seeds = torch.zeros_like(members)
        if self.population.mode.draws:
            seeds = self._drawn_seeds()
        return Stack(weights, buffers, state, labels, members, seeds)

    def _drawn_seeds(self) -> Tensor:
        """Draw a seed for every member."""
        draws = [torch.randint(2**62, (), generator=source) for source in self.generators]
        return torch.stack(draws)

    def _evaluates_after(self, epoch: int) -> bool:
        """Return whether an epoch ends with an evaluation on the whole training set."""
        return epoch % self.plan.evaluate_every == 0 or epoch == self.plan.epochs

    def _evaluate(self, stacked: Stack, record: Record, start: Parameters) -> None:
        """Evaluate what training yields now, and drop the seeds that have ended."""
        replicas = self.method.members_per_seed
        networks = self._output(stacked, start)
        members = stacked.members[::replicas]
        evaluation = self._evaluated(networks, stacked.labels[::replicas], members)
        stay = record.write_epoch(
            stacked.epoch,
            self._seeds(stacked),
            evaluation,
            may_stop=self.method.may_stop(stacked.state),
        )
        stacked.keep(stay.repeat_interleave(replicas))

    def _output(self, stacked: Stack, start: Parameters) -> dict[str, Tensor]:
        """Return what training yields now, with the tensors in the order of the start."""
        replicas = self.method.members_per_seed
        networks = {name: tensor[::replicas] for name, tensor in stacked.buffers.items()}
        networks |= self.method.output(stacked.weights, stacked.state)
        return {name: networks[name] for name in start}

    def _train_epoch(self, stacked: Stack) -> int:
        """Take the steps of one epoch; return the gradients that each member evaluated."""
        epoch = stacked.epoch - 1
        learning_rate = self.method.learning_rate_at(epoch, self.plan.epochs)
        stacked.state = self.method.begin_epoch(
            stacked.weights,
            stacked.state,
            progress=epoch / self.plan.epochs,
            loss_at=lambda weights: self._losses(stacked, weights),
        )
        generators = [self.generators[member] for member in stacked.members.tolist()]
        batches = self._batches(stacked, generators)
        calls = 0
        for number, index in enumerate(batches):
            step = epoch * len(batches) + number
            gradient_at = BatchGradient(
                self.population,
                names=tuple(stacked.weights),
                buffers=stacked.buffers,
                inputs=self._inputs(index, stacked.members, generators),
                targets=_labels_at(stacked.labels, index),
                draws=self._draws(stacked, step),
            )
            self._step(stacked, gradient_at, learning_rate, step)
            calls += gradient_at.calls
        return calls

    def _draws(self, stacked: Stack, step: int) -> list[int]:
        """Return for each member the seed of what its layers draw in a step."""
        seeds = stacked.seeds.tolist()
        if not self.population.mode.draws:
            return seeds
        return [stream("layers", seed, step).initial_seed() for seed in seeds]

    def _batches(self, stacked: Stack, generators: Sequence[torch.Generator]) -> Sequence[Tensor]:
        """Draw the order of the samples of every member, and split it into whole mini-batches."""
        samples = stacked.labels.shape[1]
        orders = [torch.randperm(samples, generator=generator) for generator in generators]
        index = torch.stack(orders).to(stacked.labels.device)
        whole_batches = samples // self.plan.batch_size
        return index.split(self.plan.batch_size, 1)[:whole_batches]

    def _inputs(
        self, index: Tensor, members: Tensor, generators: Sequence[torch.Generator]
    ) -> Tensor | list[Tensor]:
        """Return the mini-batches of all members, augmented if the plan says so."""
        if self.copies is None:
            inputs = self.population.samples(index)
        else:
            inputs = self.copies.samples(index, members)
        augment = self.plan.augment
        if augment is None:
            return inputs
        pairs = zip(inputs, generators, strict=True)
        return [augment(batch, generator) for batch, generator in pairs]

    def _losses(self, stacked: Stack, weights: Parameters) -> Tensor:
        """Return the training losses of stacked weights."""
        networks = {**weights, **stacked.buffers}
        return self._evaluated(networks, stacked.labels, stacked.members).loss

    def _evaluated(self, networks: Parameters, labels: Tensor, members: Tensor) -> Evaluation:
        """Evaluate stacked networks on all that their members train on."""
        if self.copies is None:
            return self.population.evaluate(networks, labels)
        return self.copies.evaluate(self.population, networks, labels, members)

    def _step(
        self, stacked: Stack, gradient_at: BatchGradient, learning_rate: float, step: int
    ) -> None:
        """Take one step, and show it to the observer."""
        before = stacked.weights
        direction, stacked.state = direction_of(self.method, gradient_at, before, stacked.state)
        # An observer that does not say so needs the weights before the step after it.
        keeps_weights = getattr(self.observe, "keeps_weights", self.observe is not None)
        stacked.move(direction, learning_rate, in_place=not keeps_weights)
        if self.observe is None:
            return
        self.observe(
            step,
            {**before, **stacked.buffers},
            direction,
            {**stacked.weights, **stacked.buffers},
            learning_rate,
            stacked.members,
        )


def _labels_at(labels: Tensor, index: Tensor) -> Tensor:
    """Return the labels of each member's mini-batch, of samples or of their positions."""
    if labels.ndim == 2:
        return labels.gather(1, index)
    members = zip(labels, index, strict=True)
    return torch.stack([of_member[rows] for of_member, rows in members])
