"""What is recorded of every seed, whether it is still in training or not."""

import math
from dataclasses import replace
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

from symgeom.ground.types import stack, unstack
from symgeom.learning.training.depths import NEVER, Depths, DepthsState
from symgeom.learning.training.plan import Plan, Trained


class Evaluation(NamedTuple):
    """Networks as they were evaluated, and what came of it.

    Attributes
    ----------
    networks : dict of str to Tensor
        Stacked networks.
    loss, error : Tensor, shape (member,)
        Over all samples.
    """

    networks: dict[str, Tensor]
    loss: Tensor
    error: Tensor


class RecordState(TypedDict):
    """A record as a checkpoint keeps it; see :class:`Record` for what its entries mean."""

    status: list[str]
    networks: list[dict[str, Tensor]]
    epochs: Tensor
    gradients: Tensor
    loss: Tensor
    error: Tensor
    depths: DepthsState


class Record:
    """What is recorded of every seed.

    Parameters
    ----------
    seeds : int
        How many there are.
    plan : Plan
        The stop rule.

    Attributes
    ----------
    status : list of str
        How the seeds ended; "epoch limit" until they do. One that has spent its budget has
        "reached" the stop rule if it meets it then, else it says "budget spent".
    networks : list of dict
        The networks of the seeds that have ended; empty for the others.
    epochs, gradients : Tensor of int64, shape (seed,)
        Epochs run, and mini-batch gradients evaluated.
    loss, error : Tensor of float64, shape (seed, epoch)
        The history.
    depths : Depths
        The networks of the seeds at the depths of the plan.
    """

    def __init__(self, seeds: int, plan: Plan) -> None:
        self._plan = plan
        self.status = ["epoch limit"] * seeds
        self.networks: list[dict[str, Tensor]] = [{}] * seeds
        self.epochs = torch.zeros(seeds, dtype=torch.int64)
        self.gradients = torch.zeros(seeds, dtype=torch.int64)
        self.loss = torch.full((seeds, plan.epochs + 1), math.nan, dtype=torch.float64)
        self.error = torch.full((seeds, plan.epochs + 1), math.nan, dtype=torch.float64)
        self.depths = Depths(plan.depths, seeds)

    def write_epoch(
        self, epoch: int, seeds: Tensor, evaluation: Evaluation, *, may_stop: bool
    ) -> Tensor:
        """Write down the end of an epoch.

        Parameters
        ----------
        epoch : int
            Epochs done.
        seeds : Tensor of int64, shape (seed,)
            The seeds still in training.
        evaluation : Evaluation
            Their networks, losses and errors.
        may_stop : bool
            Whether a seed that meets the stop rule may end.

        Returns
        -------
        Tensor of bool, shape (seed,)
            Whether each of them trains on.
        """
        loss = evaluation.loss.cpu().double()
        error = evaluation.error.cpu()
        self.epochs[seeds] = epoch
        self.loss[seeds, epoch] = loss
        self.error[seeds, epoch] = error
        diverged = ~torch.isfinite(loss + _squared_lengths(evaluation.networks).cpu())
        counts = may_stop and epoch >= self._plan.least_epochs
        reached = self._reached(loss, error) & counts
        spent = self._spent(seeds)
        if self._plan.budgets is not None:
            reached &= spent
        ended = diverged | reached | spent | (epoch == self._plan.epochs)
        networks = unstack(evaluation.networks)
        if counts:
            sound = loss.masked_fill(diverged, math.nan)
            self.depths.write(epoch, seeds, sound, self.gradients[seeds], networks)
        for row, seed in enumerate(seeds.tolist()):
            if not ended[row]:
                continue
            self.networks[seed] = _copied(networks[row])
            if diverged[row]:
                self.status[seed] = "diverged"
            elif reached[row]:
                self.status[seed] = "reached"
            elif spent[row]:
                self.status[seed] = "budget spent"
        return ~ended

    def trained(self, *, together: bool, resumed_from: int) -> Trained:
        """Return the record of a training that has ended."""
        trained = self._ended(together=together, resumed_from=resumed_from)
        levels = range(len(self._plan.depths))
        at_depths = tuple(self._at_depth(trained, level) for level in levels)
        return replace(trained, at_depths=at_depths)

    def _ended(self, *, together: bool, resumed_from: int) -> Trained:
        """Return the seeds as they ended."""
        return Trained(
            parameters=stack(self.networks),
            status=tuple(self.status),
            epochs=self.epochs,
            gradients=self.gradients,
            sample_gradients=self.gradients * self._plan.batch_size,
            loss=self.loss,
            error=self.error,
            together=together,
            resumed_from=resumed_from,
        )

    def saved(self) -> RecordState:
        """Return all that is recorded, for a checkpoint."""
        return {
            "status": self.status,
            "networks": self.networks,
            "epochs": self.epochs,
            "gradients": self.gradients,
            "loss": self.loss,
            "error": self.error,
            "depths": self.depths.saved(),
        }

    def restore(self, saved: RecordState, device: torch.device) -> None:
        """Undo :meth:`saved`."""
        self.status = saved["status"]
        self.epochs = saved["epochs"]
        self.gradients = saved["gradients"]
        self.loss = saved["loss"]
        self.error = saved["error"]
        self.depths.restore(saved["depths"], device)
        self.networks = []
        for network in saved["networks"]:
            moved = {name: tensor.to(device) for name, tensor in network.items()}
            self.networks.append(moved)

    def _at_depth(self, ended: Trained, level: int) -> Trained:
        """Return the seeds as they were at a depth; those that never came there as they ended."""
        came = self.depths.epochs[level] != NEVER
        networks = []
        status = []
        for seed, at_depth in enumerate(self.depths.networks[level]):
            networks.append(at_depth or self.networks[seed])
            status.append("reached" if at_depth else self.status[seed])
        epochs = self.depths.epochs[level].where(came, self.epochs)
        gradients = self.depths.gradients[level].where(came, self.gradients)
        later = torch.arange(self._plan.epochs + 1) > epochs[:, None]
        return replace(
            ended,
            parameters=stack(networks),
            status=tuple(status),
            epochs=epochs,
            gradients=gradients,
            sample_gradients=gradients * self._plan.batch_size,
            loss=self.loss.masked_fill(later, math.nan),
            error=self.error.masked_fill(later, math.nan),
        )

    def _reached(self, loss: Tensor, error: Tensor) -> Tensor:
        """Return whether each seed meets the stop rule."""
        plan = self._plan
        if plan.depths:
            return loss <= plan.depths[-1]
        return (error <= plan.stop_error) & (loss <= plan.stop_loss)

    def _spent(self, seeds: Tensor) -> Tensor:
        """Return whether each seed has spent its budget; none has where there are no budgets."""
        if self._plan.budgets is None:
            return torch.zeros(len(seeds), dtype=torch.bool)
        budgets = torch.tensor(self._plan.budgets)
        sample_gradients = self.gradients * self._plan.batch_size
        return (sample_gradients >= budgets)[seeds]


def _squared_lengths(networks: dict[str, Tensor]) -> Tensor:
    """Return the squared lengths of stacked networks, to see whether they are finite."""
    lengths = []
    for tensor in networks.values():
        if tensor.is_floating_point():
            squares = tensor.double().square()
            lengths.append(squares.reshape(len(tensor), -1).sum(1))
    return sum(lengths[1:], start=lengths[0])


def _copied(network: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.items()}
