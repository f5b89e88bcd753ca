"""Moments of the sample gradients, block of samples by block of samples.

Blocks are as large as memory likes, whatever the number of samples, and interleaved, so that data
in the order of their classes make equal blocks. They fall into a few folds: estimates without one
fold say how sure an estimate is.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters, precision
from symgeom.landscape.problem import Problem
from symgeom.landscape.sample_gradients.products import Rows, SampleGradients, Spread, add_up
from symgeom.landscape.sample_gradients.watch import Watch

FOLDS = 20
"""Number of folds, if there are as many samples."""


class Mean(NamedTuple):
    """The mean gradient, one entry per trainable tensor, and the mean loss."""

    gradient: dict[str, Tensor]
    loss: float


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
    fold : int
        The fold that they belong to.

    Attributes
    ----------
    parts : dict of str to list
        By tensor: runs of samples, one after another.
    """

    def __init__(self, samples: int, fold: int) -> None:
        self.samples = samples
        self.fold = fold
        self.parts: dict[str, list[SampleGradients]] = {}

    def add(self, gradients: Mapping[str, SampleGradients]) -> None:
        """Append a run of samples to the tensors for which it has gradients."""
        for name, run in gradients.items():
            self.parts.setdefault(name, []).append(run)

    def total(self, name: str) -> Tensor:
        """Return the sum of the gradients on a tensor."""
        return add_up(run.total() for run in self.parts[name])

    def total_square(self, name: str) -> Tensor:
        """Return the sums of the squares of their entries."""
        return add_up(run.total_square() for run in self.parts[name])

    def spread(self, name: str, center: Tensor) -> Spread:
        """Return their squared distances from a center, by entry and by sample."""
        spreads = [run.spread(center) for run in self.parts[name]]
        entries = add_up(spread.entries for spread in spreads)
        return Spread(entries, torch.cat([spread.samples for spread in spreads]))


class Samples:
    """The samples of a landscape, to be visited block by block.

    Parameters
    ----------
    problem : Problem
        The landscape, in any precision.
    params : Parameters
        One network (not under ``vmap``), in the precision in which to compute.
    """

    def __init__(self, problem: Problem, params: Parameters) -> None:
        self._problem = problem
        self._params = params
        self._watch = Watch(problem, params)
        self._count = _blocks(len(problem.targets), self._watch.at_once)

    def mean(self) -> Mean:
        """Return the means of gradients and losses.

        Returns
        -------
        Mean
            From block to block, in the precision of the network.

        Raises
        ------
        SymgeomError
            If the loss of a sample is not finite, or its gradient.
        """
        samples = len(self._problem.targets)
        mean: dict[str, Tensor] = {}
        loss = 0.0
        wrong = []
        for index in self._indices():
            part = self._part(index)
            total, losses = self._watch.total(part.inputs, part.targets)
            loss += float(losses.sum()) / samples
            wrong += index[~losses.isfinite()].tolist()
            for name, addend in total.items():
                _add(mean, name, addend / samples)
        if wrong:
            raise SymgeomError(
                f"Cannot take the gradients of samples: the losses of {len(wrong)} of {samples} "
                f"are NaN or infinite though all weights are finite (the first is sample "
                f"{min(wrong)}), and the theory takes variances over all of them. Leave these "
                "samples out (problem.subset), or look at what the network makes of them; charges "
                "are still those of the weights."
            )
        check_finite(mean, "the mean gradient")
        return Mean(mean, loss)

    def blocks(self) -> Iterator[Block]:
        """Yield the gradients, block by block.

        Yields
        ------
        Block
            Their folds are of equal size, but for one sample.
        """
        for number, index in enumerate(self._indices()):
            part = self._part(index)
            block = Block(len(index), number % FOLDS)
            if self._watch.names:
                block.add(self._watch.gradients(part.inputs, part.targets))
            if self._watch.rest:
                for run in part.sample_gradients(self._params, names=self._watch.rest):
                    block.add({name: Rows(rows) for name, rows in run.items()})
            yield block

    def _indices(self) -> Iterator[Tensor]:
        """Yield the numbers of the samples of every block."""
        samples = len(self._problem.targets)
        device = self._problem.targets.device
        for number in range(self._count):
            yield torch.arange(number, samples, self._count, device=device)

    def _part(self, index: Tensor) -> Problem:
        """Return the landscape of some samples in the precision of the network."""
        return self._problem.subset(index).cast(precision(self._params))


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
        In the precision of the network.

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
        At least :data:`FOLDS` of them, if there are as many samples.
    """
    yield from Samples(problem, params).blocks()


def _blocks(samples: int, at_once: int) -> int:
    """Return the number of blocks of so many samples at most: as many in every fold."""
    in_fold = -(-samples // (FOLDS * at_once))
    return min(samples, FOLDS * in_fold)


def _add(totals: dict[str, Tensor], name: str, addend: Tensor) -> None:
    totals[name] = totals[name] + addend if name in totals else addend
