"""The loop that trains chains, whatever they are made of: pass over the data, evaluate, record."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.barriers import profile
from symgeom.landscape.chain.plan import ChainPlan
from symgeom.landscape.chain.record import Chains
from symgeom.landscape.path import Path
from symgeom.landscape.problem import Problem

Progress = Callable[[int, int, str], None]
"""Called after every epoch with the epoch, the number of epochs, and a text."""


class BendTraining(ABC):
    """Chains of ``k`` pairs in training: what the loop asks of a kind of chain."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """The chains as they are now, stacked."""

    @property
    @abstractmethod
    def bends(self) -> Sequence[Parameters]:
        """The points in training, each of stacked pairs."""

    @abstractmethod
    def train_epoch(self, rates: Sequence[float]) -> None:
        """Take one pass over the data, with one learning rate per step."""


def train_chains(
    problem: Problem, training: BendTraining, *, plan: ChainPlan, progress: Progress | None
) -> Chains:
    """Train chains for all epochs of a plan, and record how hard they were to find.

    Parameters
    ----------
    problem : Problem
        The training landscape.
    training : BendTraining
        The chains; they change.
    plan : ChainPlan
        How to train.
    progress : callable or None
        Called after every epoch.

    Returns
    -------
    Chains
        The trained chains.
    """
    evaluated = _first_samples(problem, plan.evaluation_samples)
    grid = torch.linspace(0, 1, plan.points, dtype=torch.float64)
    steps = plan.steps(len(problem.targets))
    epochs = []
    errors = []
    for epoch in range(plan.epochs + 1):
        if epoch > 0:
            training.train_epoch(plan.learning_rates(epoch - 1, steps))
        if epoch % plan.evaluate_every == 0 or epoch == plan.epochs:
            epochs.append(epoch)
            errors.append(profile(evaluated, training.path, grid, values="error").error)
        if progress and epoch > 0:
            connected = errors[-1].amax(-1) <= plan.limit(errors[0])
            text = f"{int(connected.sum())} of {len(connected)} chains connected"
            progress(epoch, plan.epochs, text)
    largest_error = torch.stack(errors, dim=1).amax(-1)
    evaluations = torch.tensor(epochs)
    epochs_needed = _epochs_needed(evaluations, largest_error, plan.limit(errors[0]))
    return Chains(
        path=training.path,
        epoch=evaluations,
        largest_error=largest_error,
        epochs_needed=epochs_needed,
        steps_needed=epochs_needed * steps,
        finite=_finite(training.bends),
        batch_norm=problem.batch_norm,
    )


def check_generators(pairs: int, generators: Sequence[torch.Generator], kind: str) -> None:
    """Raise unless every pair has its generator.

    Parameters
    ----------
    pairs : int
        How many chains there are.
    generators : sequence of torch.Generator
        To be one per pair.
    kind : str
        What the chains are called.

    Raises
    ------
    SymgeomError
        If there are more or fewer generators.

    Examples
    --------
    >>> check_generators(1, [torch.Generator()], "chains")
    """
    if len(generators) != pairs:
        raise SymgeomError(
            f"Cannot train {pairs} {kind} with {len(generators)} generators: "
            "give one for each pair."
        )


def _first_samples(problem: Problem, samples: int | None) -> Problem:
    """Return the landscape of the first samples, or of all."""
    if samples is None or samples >= len(problem.targets):
        return problem
    return problem.subset(torch.arange(samples, device=problem.inputs.device))


def _epochs_needed(epochs: Tensor, largest_error: Tensor, limit: Tensor) -> Tensor:
    """Return the epoch of each pair's first evaluation within its limit, infinite without one."""
    within = largest_error <= limit.unsqueeze(1)  # (pair, evaluation)
    return torch.where(within, epochs.to(largest_error), math.inf).amin(1)


def _finite(points: Sequence[Parameters]) -> Tensor:
    """Return whether all numbers of each pair's networks are finite."""
    finite = []
    for point in points:
        for tensor in point.values():
            numbers = tensor.reshape(len(tensor), -1)
            finite.append(numbers.isfinite().all(1))
    return torch.stack(finite).all(0)
