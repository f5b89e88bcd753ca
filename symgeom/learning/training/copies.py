"""What a first stage on random labels reads: copies of the inputs, of which entries are zeroed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.learning.optimizers.adversarial import random_labels
from symgeom.learning.optimizers.method import Pretraining
from symgeom.learning.training.population import Population
from symgeom.learning.training.record import Evaluation


@dataclass(frozen=True, eq=False)
class Copies:
    """Copies of the training inputs with random labels; every member has copies of its own.

    Attributes
    ----------
    inputs : Tensor, shape (sample, ...)
        The training inputs.
    labels : Tensor of int64, shape (member, copy * sample)
        The class of each copy.
    visible : Tensor of bool, shape (member, copy * sample, ...), or None
        Which entries of the copies are not zeroed; None if none is.
    """

    inputs: Tensor
    labels: Tensor
    visible: Tensor | None

    @classmethod
    def drawn(
        cls, problem: Problem, pretraining: Pretraining, generators: Sequence[torch.Generator]
    ) -> Self:
        """Draw the labels of every member, and then the entries that are zeroed.

        Parameters
        ----------
        problem : Problem
            The training set.
        pretraining : Pretraining
            How many copies, and which shares are random and zeroed.
        generators : sequence of torch.Generator
            One per member.

        Returns
        -------
        Copies
            Of every member.
        """
        targets = torch.cat([problem.targets] * pretraining.copies)
        classes = int(targets.max()) + 1
        shape = (len(targets), *problem.inputs.shape[1:])
        device = problem.inputs.device
        labels = []
        visible = []
        for generator in generators:
            share = pretraining.corruption
            row = random_labels(targets, classes, generator=generator, share=share)
            labels.append(row)
            if pretraining.zeroed:
                drawn = torch.rand(shape, generator=generator)
                visible.append(drawn >= pretraining.zeroed)
        all_visible = torch.stack(visible).to(device) if visible else None
        return cls(problem.inputs, torch.stack(labels), all_visible)

    @property
    def are_inputs(self) -> bool:
        """Return whether there is one copy of every input, as it is.

        Returns
        -------
        bool
            If so, nothing but the labels differs from the training set.
        """
        return self.visible is None and self.labels.shape[1] == len(self.inputs)

    def samples(self, index: Tensor, members: Tensor) -> list[Tensor]:
        """Return the mini-batches of some members.

        Parameters
        ----------
        index : Tensor of int64, shape (member, sample)
            Which copies.
        members : Tensor of int64, shape (member,)
            Whose.

        Returns
        -------
        list of Tensor, shape (sample, ...)
            One for each member.
        """
        batches = []
        for member, rows in zip(members.tolist(), index, strict=True):
            batches.append(self._of(member, rows))
        return batches

    def evaluate(
        self, population: Population, params: Parameters, labels: Tensor, members: Tensor
    ) -> Evaluation:
        """Evaluate networks, each on all copies of its member.

        Parameters
        ----------
        population : Population
            How networks are computed.
        params : Parameters
            Stacked networks.
        labels : Tensor of int64, shape (member, copy * sample)
            Classes.
        members : Tensor of int64, shape (member,)
            Whose copies.

        Returns
        -------
        Evaluation
            As :meth:`~symgeom.learning.training.population.Population.evaluate` returns it.
        """
        problem = population.problem
        everything = torch.arange(labels.shape[1], device=labels.device)
        parts = []
        for row, member in enumerate(members.tolist()):
            inputs = self._of(member, everything)
            training_inputs = None if problem.training_inputs is None else inputs
            own_problem = replace(
                problem, inputs=inputs, targets=labels[row], training_inputs=training_inputs
            )
            network = {name: tensor[row : row + 1] for name, tensor in params.items()}
            own_population = replace(population, problem=own_problem, together=False)
            part = own_population.evaluate(network, labels[row : row + 1])
            parts.append(part)
        networks = {}
        for name in params:
            networks[name] = torch.cat([part.networks[name] for part in parts])
        loss = torch.cat([part.loss for part in parts])
        error = torch.cat([part.error for part in parts])
        return Evaluation(networks, loss, error)

    def _of(self, member: int, rows: Tensor) -> Tensor:
        """Return some copies of a member."""
        inputs = self.inputs[rows % len(self.inputs)]
        if self.visible is None:
            return inputs
        return inputs.masked_fill(~self.visible[member, rows], 0)
