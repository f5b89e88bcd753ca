"""The loop that trains chains, whatever they are made of: pass over the data, evaluate, record."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.landscape.barriers import profile, refine
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
    steps = plan.steps(len(problem.targets))
    epochs = []
    evaluations = []
    for epoch in range(plan.epochs + 1):
        if epoch > 0:
            training.train_epoch(plan.learning_rates(epoch - 1, steps))
        if epoch % plan.evaluate_every == 0 or epoch == plan.epochs:
            epochs.append(epoch)
            evaluations.append(_evaluate(evaluated, training.path, plan))
        if progress and epoch > 0:
            limit = plan.limit(evaluations[0].error)
            connected = evaluations[-1].error.amax(-1) <= limit
            text = f"{int(connected.sum())} of {len(connected)} chains connected"
            progress(epoch, plan.epochs, text)
    largest_errors = [evaluation.error.amax(-1) for evaluation in evaluations]
    largest_error = torch.stack(largest_errors, dim=1)
    evaluated_epochs = torch.tensor(epochs)
    limit = plan.limit(evaluations[0].error)
    epochs_needed = _epochs_needed(evaluated_epochs, largest_error, limit)
    return Chains(
        path=training.path,
        epoch=evaluated_epochs,
        largest_error=largest_error,
        t=evaluations[-1].t,
        error=evaluations[-1].error,
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


class _Evaluation(NamedTuple):
    """The training error along chains, each on its own grid, of shape (pair, point)."""

    t: Tensor
    error: Tensor


def _evaluate(problem: Problem, path: Path, plan: ChainPlan) -> _Evaluation:
    """Evaluate chains on the equidistant grid, and more densely where each of them peaks."""
    grid = torch.linspace(0, 1, plan.points, dtype=torch.float64)
    values = "both" if plan.refinements else "error"
    coarse = profile(problem, path, grid, values=values)
    times = []
    errors = []
    for index in range(len(coarse.error)):
        curve = replace(coarse, t=grid, loss=coarse.loss[index], error=coarse.error[index])
        if plan.refinements:
            curve = refine(problem, path.pair(index), curve, refinements=plan.refinements)
        times.append(curve.t)
        errors.append(curve.error)
    return _Evaluation(torch.stack(times), torch.stack(errors))


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
