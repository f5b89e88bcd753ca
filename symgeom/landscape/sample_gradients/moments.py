"""Moments of the sample gradients, block of samples by block of samples.

Blocks are interleaved, so that data in the order of their classes make equal blocks; estimates
without one block say how sure an estimate is.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients.products import Rows, SampleGradients
from symgeom.landscape.sample_gradients.watch import Watch

BLOCKS = 20
"""Least number of blocks, if there are as many samples."""

BLOCK_SAMPLES = 512
"""Most samples of a block."""


class Moments(NamedTuple):
    """Mean and mean square of the sample gradients, one entry per trainable tensor."""

    mean: dict[str, Tensor]
    square: dict[str, Tensor]


class Block:
    """Gradients of some samples.

    Parameters
    ----------
    samples : int
        How many.

    Attributes
    ----------
    parts : dict of str to list
        By tensor: runs of samples, one after another.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.parts: dict[str, list[SampleGradients]] = {}

    def add(self, gradients: Mapping[str, SampleGradients]) -> None:
        """Append a run of samples to the tensors for which it has gradients."""
        for name, run in gradients.items():
            self.parts.setdefault(name, []).append(run)

    def total(self, name: str) -> Tensor:
        """Return the sum of the gradients on a tensor."""
        return torch.stack([run.total() for run in self.parts[name]]).sum(0)

    def total_square(self, name: str) -> Tensor:
        """Return the sums of the squares of their entries."""
        return torch.stack([run.total_square() for run in self.parts[name]]).sum(0)

    def squared_distances(self, name: str, mean: Tensor) -> Tensor:
        """Return the squared distances of the gradients from a mean, shape (sample,)."""
        return torch.cat([run.squared_distances(mean) for run in self.parts[name]])


def gradient_moments(problem: Problem, params: Parameters) -> Moments:
    """Return the moments of the sample gradients, in the cheapest way that the network allows.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Returns
    -------
    Moments
        In the precision of both.

    Examples
    --------
    >>> from torch import nn
    >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.zeros(2)
    >>> problem = Problem(nn.Linear(1, 1), inputs, targets, lambda outputs, _: outputs[:, 0])
    >>> moments = gradient_moments(problem, {"weight": torch.ones(1, 1), "bias": torch.ones(1)})
    >>> moments.mean["weight"], moments.square["weight"]
    (tensor([[2.]]), tensor([[5.]]))
    """
    count = len(problem.targets)
    mean: dict[str, Tensor] = {}
    square: dict[str, Tensor] = {}
    for block in blocks(problem, params):
        for name in block.parts:
            _add(mean, name, block.total(name) / count)
            _add(square, name, block.total_square(name) / count)
    return Moments(mean, square)


def blocks(problem: Problem, params: Parameters) -> Iterator[Block]:
    """Yield the gradients of all samples, block by block.

    Parameters
    ----------
    problem : Problem
        The landscape.
    params : Parameters
        One network (not under ``vmap``).

    Yields
    ------
    Block
        At least :data:`BLOCKS` of them, if there are as many samples.
    """
    watch = Watch(problem, params)
    samples = len(problem.targets)
    count = min(samples, max(BLOCKS, -(-samples // BLOCK_SAMPLES)))
    for number in range(count):
        index = torch.arange(number, samples, count, device=problem.targets.device)
        part = problem.subset(index)
        block = Block(len(index))
        if watch.names:
            block.add(watch.gradients(part.inputs, part.targets))
        if watch.rest:
            for run in part.sample_gradients(params, names=watch.rest):
                block.add({name: Rows(rows) for name, rows in run.items()})
        yield block


def _add(totals: dict[str, Tensor], name: str, addend: Tensor) -> None:
    totals[name] = totals[name] + addend if name in totals else addend
