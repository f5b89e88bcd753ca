"""What a training carries along: the networks still in it, and what is known of every seed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, stack, unstack
from symgeom.learning.optimizers.method import State
from symgeom.learning.training.plan import Plan, Trained


@dataclass
class Stack:
    """The members still in training, and all that each of them carries.

    Attributes
    ----------
    weights : dict of str to Tensor
        Trainable tensors, stacked; their memory is the stack's own.
    buffers : dict of str to Tensor
        The other tensors, stacked; no step changes them.
    state : State
        Of the optimizer.
    labels : Tensor of int64, shape (member, sample)
        Classes.
    members : Tensor of int64, shape (member,)
        Numbers in the start.
    epoch : int
        Epochs done; -1 before the start has been evaluated.

    Examples
    --------
    >>> stacked = Stack({"w": torch.ones(2, 1)}, {}, {}, torch.zeros(2, 1), torch.arange(2))
    >>> stacked.keep(torch.tensor([False, True]))
    >>> stacked.members
    tensor([1])
    """

    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]
    state: State
    labels: Tensor
    members: Tensor
    epoch: int = -1

    def keep(self, stay: Tensor) -> None:
        """Drop the members for which ``stay`` is false."""
        if stay.all():
            return
        self.weights = {name: tensor[stay] for name, tensor in self.weights.items()}
        self.buffers = {name: tensor[stay] for name, tensor in self.buffers.items()}
        self.state = {
            slot: {name: tensor[stay] for name, tensor in held.items()}
            for slot, held in self.state.items()
        }
        self.labels, self.members = self.labels[stay], self.members[stay]

    def move(self, direction: Parameters, learning_rate: float, *, in_place: bool) -> None:
        """Take a step ``weights - learning_rate * direction``.

        Parameters
        ----------
        direction : Parameters
            Stacked directions.
        learning_rate : float
            Of this step.
        in_place : bool
            Whether the weights before the step may be overwritten; they are not where the state
            shares their memory. The result is the same, bit for bit.
        """
        old, by = [self.weights[name] for name in direction], list(direction.values())
        held = {
            tensor.untyped_storage().data_ptr()
            for slot in self.state.values()
            for tensor in slot.values()
        }
        if in_place and held.isdisjoint(tensor.untyped_storage().data_ptr() for tensor in old):
            torch._foreach_add_(old, by, alpha=-learning_rate)
        else:
            moved = torch._foreach_add(old, by, alpha=-learning_rate)
            self.weights = {**self.weights, **dict(zip(direction, moved, strict=True))}

    def to(self, device: torch.device) -> "Stack":
        """Return the stack with its tensors on a device (the numbers of the members stay on the CPU)."""
        state = {
            slot: {name: tensor.to(device) for name, tensor in held.items()}
            for slot, held in self.state.items()
        }
        weights, buffers = (
            {name: tensor.to(device) for name, tensor in part.items()}
            for part in (self.weights, self.buffers)
        )
        return Stack(weights, buffers, state, self.labels.to(device), self.members, self.epoch)


class Record:
    """What is known of every seed, in training or not.

    Parameters
    ----------
    seeds : int
        How many.
    plan : Plan
        The stop rule.
    """

    def __init__(self, seeds: int, plan: Plan) -> None:
        self._plan = plan
        self.status = ["epoch limit"] * seeds
        self.networks: list[dict[str, Tensor]] = [{}] * seeds  # of the seeds that have ended
        self.epochs, self.gradients = torch.zeros(2, seeds, dtype=torch.int64)
        self.loss, self.error = torch.full(
            (2, seeds, plan.epochs + 1), math.nan, dtype=torch.float64
        )

    def note(
        self,
        epoch: int,
        seeds: Tensor,
        evaluated: tuple[Parameters, Tensor, Tensor],
        *,
        may_stop: bool,
    ) -> Tensor:
        """Write down the end of an epoch.

        Parameters
        ----------
        epoch : int
            Epochs done.
        seeds : Tensor of int64, shape (seed,)
            Those still in training.
        evaluated : tuple
            Their stacked networks, losses and errors.
        may_stop : bool
            Whether a seed that meets the stop rule may end.

        Returns
        -------
        Tensor of bool, shape (seed,)
            Whether each of them trains on.
        """
        networks, loss, error = evaluated[0], evaluated[1].cpu().double(), evaluated[2].cpu()
        self.epochs[seeds] = epoch
        self.loss[seeds, epoch], self.error[seeds, epoch] = loss, error
        floating = [tensor for tensor in networks.values() if tensor.is_floating_point()]
        squares = sum(
            tensor.double().square().reshape(len(seeds), -1).sum(1) for tensor in floating
        )
        diverged = ~torch.isfinite(loss + squares.cpu())
        plan = self._plan
        reached = (
            (error <= plan.stop_error)
            & (loss <= plan.stop_loss)
            & (epoch >= plan.least_epochs)
            & may_stop
        )
        ended = diverged | reached | (epoch == plan.epochs)
        for place, (seed, network) in enumerate(
            zip(seeds.tolist(), unstack(networks), strict=True)
        ):
            if ended[place]:
                self.networks[seed] = {name: tensor.clone() for name, tensor in network.items()}
                self.status[seed] = (
                    "diverged"
                    if diverged[place]
                    else "reached"
                    if reached[place]
                    else "epoch limit"
                )
        return ~ended

    def trained(self, *, together: bool, resumed_from: int) -> Trained:
        """Return the record of a training that has ended."""
        budget = self.gradients, self.gradients * self._plan.batch_size
        stacked = stack(self.networks)
        return Trained(
            stacked,
            tuple(self.status),
            self.epochs,
            *budget,
            self.loss,
            self.error,
            together=together,
            resumed_from=resumed_from,
        )

    def state(self) -> dict[str, object]:
        """Return all that is known, for a checkpoint."""
        return {name: value for name, value in vars(self).items() if name != "_plan"}

    def restore(self, state: Mapping[str, object], device: torch.device) -> None:
        """Undo :meth:`state`."""
        vars(self).update(state)
        self.networks = [
            {name: tensor.to(device) for name, tensor in network.items()}
            for network in self.networks
        ]
