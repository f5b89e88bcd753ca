"""How to train, and what comes of it: records without behaviour."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.types import Parameters
from symgeom.learning.training.checkpoint import Checkpoint

TOGETHER = ("auto", "batched", "one")


class Observer(Protocol):
    """What sees every step of a training: a function, or an object that can be called like one.

    An observer that has a false attribute ``keeps_weights`` when a step begins lets the step
    overwrite the weights: ``before`` may then hold the weights after it.
    """

    def __call__(
        self,
        step: int,
        before: Parameters,
        direction: Parameters,
        after: Parameters,
        learning_rate: float,
        members: Tensor,
        /,
    ) -> None:
        """Look at one step, with the stacked networks before and after it."""


@runtime_checkable
class RestorableObserver(Protocol):
    """What an observer must have, too, where checkpoints are kept."""

    def state(self) -> dict[str, object]:
        """Return what the observer knows, as nested dicts and lists of tensors and numbers."""

    def restore(self, state: Mapping[str, object], /) -> None:
        """Go on from what :meth:`state` returned."""


@dataclass(frozen=True)
class Plan:
    """How long to train, on how much at a time, and how to compute it.

    Attributes
    ----------
    batch_size : int
        Samples per mini-batch.
    epochs : int
        The limit of epochs.
    stop_error, stop_loss : float
        A seed is done when, at an evaluation, its training error and its training loss are at most
        these.
    least_epochs : int
        No seed stops before this many.
    budgets : tuple of int, optional
        Gradients of single samples, one number per seed: a seed trains on past the stop rule, and
        ends at the first evaluation at which it has spent as many.
    evaluate_every : int
        Epochs between evaluations on the whole training set, which the stop rule needs; the last
        epoch is always evaluated.
    depths : tuple of float
        Training losses, each smaller than the one before. If there are any, a seed is done at the
        last of them, whatever ``stop_error`` and ``stop_loss`` are, and the network of each seed at
        the first evaluation at or below each of them is part of what training yields.
    augment : callable, optional
        Called as ``augment(inputs, generator)`` with each member's mini-batch and that member's own
        generator (on the CPU, wherever the inputs are), which also draws the order of its data.
        Evaluation never sees it.
    together : {"auto", "batched", "one"}
        Whether the stack is computed in one batched pass or network by network; see
        :func:`~symgeom.learning.training.trains_together`.
    autocast : None or torch.bfloat16
        Precision of the forward pass in training; weights, losses, optimizer and evaluation keep
        that of the problem.
    checkpoint : Checkpoint, optional
        Where to keep what a killed training goes on from.
    progress : callable, optional
        Called as ``progress(epoch, epochs, text)`` at the end of each epoch.
    """

    batch_size: int = 128
    epochs: int = 100
    stop_error: float = 0.0
    stop_loss: float = math.inf
    least_epochs: int = 1
    budgets: tuple[int, ...] | None = None
    evaluate_every: int = 1
    depths: tuple[float, ...] = ()
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = field(default=None, repr=False)
    together: str = "auto"
    autocast: torch.dtype | None = None
    checkpoint: Checkpoint | None = field(default=None, compare=False, repr=False)
    progress: Callable[[int, int, str], None] | None = field(
        default=None, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "least_epochs", "evaluate_every"):
            count = getattr(self, name)
            if type(count) is not int or count < 1:
                raise SymgeomError(
                    f"Cannot train with {name} = {count!r}: give a positive whole number."
                )
        for budget in self.budgets or ():
            if type(budget) is not int or budget < 1:
                raise SymgeomError(
                    f"Cannot train a seed with a budget of {budget!r} gradients of samples: "
                    "give a positive whole number."
                )
        for name in ("stop_error", "stop_loss"):
            threshold = getattr(self, name)
            if not threshold >= 0:
                raise SymgeomError(
                    f"Cannot train with {name} = {threshold!r}: "
                    "no seed could ever reach it; give 0 or more."
                )
        if self.least_epochs > self.epochs:
            raise SymgeomError(
                f"Cannot train at least {self.least_epochs} and at most {self.epochs} epochs: "
                "raise epochs."
            )
        _check_depths(self.depths)
        check_choice(self.together, TOGETHER, "way to train a population (together)")
        check_choice(self.autocast, (None, torch.bfloat16), "precision for autocast")


def _check_depths(depths: tuple[float, ...]) -> None:
    """Raise unless training losses are positive and each is smaller than the one before."""
    if any(not depth > 0 for depth in depths):
        raise SymgeomError(
            f"Cannot train to the losses {list(depths)}, which no network could all reach: "
            "give positive numbers."
        )
    if any(later >= earlier for earlier, later in pairwise(depths)):
        raise SymgeomError(
            f"Cannot train to the losses {list(depths)} one after another: let each be smaller "
            "than the one before."
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """What training yields, seed by seed.

    Attributes
    ----------
    parameters : Parameters
        Stacked networks, one per seed, each as it was when the seed ended (not finite if it
        diverged). Where statistics of batch norms are recomputed, they are those of these weights
        on the training inputs.
    status : tuple of {"reached", "epoch limit", "budget spent", "diverged"}
        How each seed ended.
    epochs : Tensor of int64, shape (seed,)
        Epochs run.
    gradients : Tensor of int64, shape (seed,)
        Mini-batch gradients evaluated, those of all replicas and of a first stage included: the
        budget by which methods are compared.
    sample_gradients : Tensor of int64, shape (seed,)
        The same budget in samples: gradients times batch size.
    loss, error : Tensor of float64, shape (seed, epoch)
        On the whole training set as it is, before training (entry 0) and after each epoch; NaN
        where it was not evaluated, and after the seed has ended.
    together : bool
        Whether the seeds were computed in batched passes, so that their last bits depend on the
        company.
    resumed_from : int
        Epochs that were taken over from a checkpoint.
    pretraining : Trained or None
        The first stage, on random labels.
    at_depths : tuple of Trained
        For each of ``plan.depths`` the seeds as they were at the first evaluation at or below it,
        with the status "reached" and their budget and history up to there; those that never were
        are as they ended.
    """

    parameters: Parameters
    status: tuple[str, ...]
    epochs: Tensor
    gradients: Tensor
    sample_gradients: Tensor
    loss: Tensor
    error: Tensor
    together: bool
    resumed_from: int = 0
    pretraining: "Trained | None" = None
    at_depths: "tuple[Trained, ...]" = ()
