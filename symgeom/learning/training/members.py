"""The networks that are still in training, and what the optimizer remembers of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.learning.optimizers.method import State


class StackState(TypedDict):
    """A stack as a checkpoint keeps it; see :class:`Stack` for what its entries mean."""

    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]
    state: State
    labels: Tensor
    members: Tensor
    seeds: Tensor
    epoch: int


@dataclass
class Stack:
    """The members still in training, and all that belongs to each of them.

    Attributes
    ----------
    weights : dict of str to Tensor
        Trainable tensors, stacked; their memory is the stack's own.
    buffers : dict of str to Tensor
        The other tensors, frozen weights among them, stacked; no step changes them.
    state : State
        What the optimizer remembers.
    labels : Tensor of int64, shape (member, sample)
        Classes.
    members : Tensor of int64, shape (member,)
        Numbers in the start.
    seeds : Tensor of int64, shape (member,)
        Where the random numbers begin that the layers of each member draw.
    epoch : int
        Epochs done; -1 before the start has been evaluated.

    Examples
    --------
    >>> none = torch.zeros(2, dtype=torch.int64)
    >>> stacked = Stack({"w": torch.ones(2, 1)}, {}, {}, none[:, None], torch.arange(2), none)
    >>> stacked.keep(torch.tensor([False, True]))
    >>> stacked.members
    tensor([1])
    """

    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]
    state: State
    labels: Tensor
    members: Tensor
    seeds: Tensor
    epoch: int = -1

    def keep(self, stay: Tensor) -> None:
        """Drop the members for which ``stay`` is false."""
        if stay.all():
            return
        self.weights = _rows(self.weights, stay)
        self.buffers = _rows(self.buffers, stay)
        self.state = {slot: _rows(tensors, stay) for slot, tensors in self.state.items()}
        self.labels = self.labels[stay]
        self.members = self.members[stay]
        self.seeds = self.seeds[stay]

    def move(self, direction: Parameters, learning_rate: float, *, in_place: bool) -> None:
        """Take a step ``weights - learning_rate * direction``.

        Parameters
        ----------
        direction : Parameters
            Stacked directions.
        learning_rate : float
            The factor of this step.
        in_place : bool
            Whether the weights before the step may be overwritten; they are not where the state
            shares their memory. The result is the same, bit for bit.
        """
        weights = [self.weights[name] for name in direction]
        directions = list(direction.values())
        if in_place and not self._remembered(weights):
            torch._foreach_add_(weights, directions, alpha=-learning_rate)
            return
        moved = torch._foreach_add(weights, directions, alpha=-learning_rate)
        self.weights = {**self.weights, **dict(zip(direction, moved, strict=True))}

    def to(self, device: torch.device) -> "Stack":
        """Return the stack with its tensors on a device; what counts members stays on the CPU."""
        return Stack(
            weights=_on_device(self.weights, device),
            buffers=_on_device(self.buffers, device),
            state={slot: _on_device(tensors, device) for slot, tensors in self.state.items()},
            labels=self.labels.to(device),
            members=self.members,
            seeds=self.seeds,
            epoch=self.epoch,
        )

    def saved(self) -> StackState:
        """Return all that the stack holds, for a checkpoint."""
        return {
            "weights": self.weights,
            "buffers": self.buffers,
            "state": self.state,
            "labels": self.labels,
            "members": self.members,
            "seeds": self.seeds,
            "epoch": self.epoch,
        }

    def _remembered(self, weights: list[Tensor]) -> bool:
        """Return whether the state shares the memory of any of the weights."""
        memories = set()
        for tensors in self.state.values():
            for tensor in tensors.values():
                memories.add(_memory(tensor))
        return any(_memory(tensor) in memories for tensor in weights)


def _rows(tensors: Mapping[str, Tensor], stay: Tensor) -> dict[str, Tensor]:
    return {name: tensor[stay] for name, tensor in tensors.items()}


def _on_device(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
