"""The first network of every seed at or below each of some training losses."""

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

NEVER = -1
"""The epoch of a seed that has not come to a depth."""


class DepthsState(TypedDict):
    """What a checkpoint keeps of depths; see :class:`Depths` for what its entries mean."""

    networks: list[list[dict[str, Tensor]]]
    epochs: Tensor
    gradients: Tensor


class Depths:
    """The networks of seeds at the first evaluation at or below each of some training losses.

    Parameters
    ----------
    losses : sequence of float
        The depths, each smaller than the one before.
    seeds : int
        How many seeds there are.

    Attributes
    ----------
    networks : list of list of dict
        By depth and seed; empty for a seed that has not come there.
    epochs, gradients : Tensor of int64, shape (depth, seed)
        Epochs run until then, ``NEVER`` where a seed has not come, and mini-batch gradients
        evaluated.

    Examples
    --------
    >>> depths = Depths([0.5, 0.1], seeds=1)
    >>> first = torch.tensor([0])
    >>> network = {"weight": torch.zeros(3)}
    >>> depths.write(7, first, torch.tensor([0.3]), torch.tensor([70]), [network])
    >>> depths.epochs.tolist()
    [[7], [-1]]
    """

    def __init__(self, losses: Sequence[float], seeds: int) -> None:
        self._losses = tuple(losses)
        shape = (len(self._losses), seeds)
        self.networks: list[list[dict[str, Tensor]]] = []
        for _ in self._losses:
            self.networks.append([{}] * seeds)
        self.epochs = torch.full(shape, NEVER)
        self.gradients = torch.zeros(shape, dtype=torch.int64)

    def write(
        self,
        epoch: int,
        seeds: Tensor,
        losses: Tensor,
        gradients: Tensor,
        networks: Sequence[dict[str, Tensor]],
    ) -> None:
        """Look at seeds after an evaluation, and copy those that came to a depth with it.

        Parameters
        ----------
        epoch : int
            Epochs done.
        seeds : Tensor of int64, shape (seed,)
            The seeds that were evaluated.
        losses : Tensor of float64, shape (seed,)
            Their training losses; NaN for one that counts at no depth.
        gradients : Tensor of int64, shape (seed,)
            Mini-batch gradients that they have evaluated.
        networks : sequence of dict
            The seeds themselves.
        """
        for row, seed in enumerate(seeds.tolist()):
            arrived = []
            for level, depth in enumerate(self._losses):
                if losses[row] <= depth and self.epochs[level, seed] == NEVER:
                    arrived.append(level)
            if not arrived:
                continue
            network = {name: tensor.clone() for name, tensor in networks[row].items()}
            for level in arrived:
                self.networks[level][seed] = network
                self.epochs[level, seed] = epoch
                self.gradients[level, seed] = gradients[row]

    def saved(self) -> DepthsState:
        """Return all that there is, for a checkpoint."""
        return {"networks": self.networks, "epochs": self.epochs, "gradients": self.gradients}

    def restore(self, saved: DepthsState, device: torch.device) -> None:
        """Undo :meth:`saved`."""
        self.epochs = saved["epochs"]
        self.gradients = saved["gradients"]
        self.networks = []
        for level in saved["networks"]:
            moved = []
            for network in level:
                moved.append({name: tensor.to(device) for name, tensor in network.items()})
            self.networks.append(moved)
