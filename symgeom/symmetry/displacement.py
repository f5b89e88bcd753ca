"""Random noise for a whole network, in place."""

import torch
from torch import Tensor, nn

from symgeom.ground.randomness import normal_numbers
from symgeom.ground.types import is_movable
from symgeom.symmetry.visibility import NEARBY, size_of

PERIOD = 131071
"""Fresh random numbers per displacement, laid over all tensors again and again.

It is a prime, so that no shape keeps step with it.
"""


def displace(point: dict[str, Tensor], module: nn.Module, generator: torch.Generator) -> None:
    """Move a point by random noise, in place; positive buffers (variances) stay positive.

    Parameters
    ----------
    point : dict of str to Tensor
        One network; it is moved.
    module : nn.Module
        What says which of its tensors are buffers.
    generator : torch.Generator
        The source of the noise.

    Examples
    --------
    >>> point = {"weight": torch.ones(1, 1), "bias": torch.zeros(1)}
    >>> displace(point, nn.Linear(1, 1), torch.Generator().manual_seed(0))
    >>> bool(point["bias"] == 0)
    False
    """
    buffers = {name for name, _ in module.named_buffers()}
    where = generator.device
    pool = NEARBY * normal_numbers((PERIOD,), generator=generator)
    starts = torch.randint(PERIOD, (len(point),), generator=generator, device=where).tolist()
    for (name, tensor), start in zip(point.items(), starts, strict=True):
        if is_movable(tensor):
            noise = pool.roll(-start).to(tensor)
            positive = name in buffers and bool((tensor > 0).all())
            _add_noise(tensor.view(-1), noise, positive=positive)


def _add_noise(flat: Tensor, noise: Tensor, *, positive: bool) -> None:
    """Move the entries of a tensor by noise of their size, laid over them again and again."""
    size = size_of(flat)
    for piece in flat.split(PERIOD):
        part = noise[: len(piece)]
        if positive:
            piece.mul_(part.exp())
        else:
            piece.add_(part, alpha=size)
