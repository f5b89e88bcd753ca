"""Gradients of some samples on one weight, without forming more of them at once than memory likes.

:class:`Products` are sums of outer products, :class:`Lookups` sums of rows, and :class:`Rows` the
gradients as they are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

LAYER_BYTES = 2**21
"""Memory (bytes) that the sample gradients of one layer, and what they are made of, take at once.

They stay in the cache of a processor.
"""

Patches = Callable[[Tensor], Tensor]
"""From a layer's inputs to what every position multiplies: (sample, position, block, in)."""


class Spread(NamedTuple):
    """Squared distances of gradients from a center.

    Attributes
    ----------
    entries : Tensor
        Of every entry, summed over the samples, in the shape of the weight.
    samples : Tensor, shape (sample,)
        Of every sample, summed over the entries.
    """

    entries: Tensor
    samples: Tensor


@dataclass(frozen=True, eq=False)
class Products:
    """Sample gradients of one weight, as products that are not formed.

    Attributes
    ----------
    shape : torch.Size
        Shape of the weight.
    slopes : Tensor, shape (sample, position, block, out)
        Gradients at the layer's outputs; a block is a group of a convolution.
    inputs : Tensor, shape (sample, ...)
        Inputs of the layer.
    patches : callable
        What the layer multiplies, of some samples.
    """

    shape: torch.Size
    slopes: Tensor
    inputs: Tensor
    patches: Patches

    @property
    def single(self) -> bool:
        """Whether every sample has one position, so that its gradient is one outer product."""
        return self.slopes.shape[1] == 1

    def total(self) -> Tensor:
        """Return the sum of the gradients."""
        if self.single:
            return self._sum_of_products(self.slopes, self.patches(self.inputs))
        return add_up(self._sum_of_products(*part) for part in self._parts())

    def total_square(self) -> Tensor:
        """Return the sums of the squares of their entries."""
        if self.single:
            inputs = self.patches(self.inputs).square()
            return self._sum_of_products(self.slopes.square(), inputs)
        return add_up(gradients.square_().sum(0) for gradients in self.formed())

    def spread(self, center: Tensor) -> Spread:
        """Return the squared distances of the gradients from a center."""
        if not self.single:
            return _spread(self.formed(), center)
        inputs = self.patches(self.inputs)
        blocks = center.view(*self.slopes.shape[2:], -1)
        lengths = self.slopes.square().sum(-1) * inputs.square().sum(-1)
        means = torch.einsum("ntbo,boi->ntbi", self.slopes, blocks)
        samples = lengths - 2 * (means * inputs).sum(-1) + blocks.square().sum((1, 2))
        entries = _apart(self.total_square(), self.total(), center, len(samples))
        return Spread(entries, samples.sum((1, 2)))

    def formed(self) -> Iterator[Tensor]:
        """Yield the gradients of a few samples at a time, shape (sample, *shape)."""
        for slopes, patches in self._parts():
            gradients = torch.einsum("ntbo,ntbi->nboi", slopes, patches)
            yield gradients.reshape(-1, *self.shape)

    def _sum_of_products(self, slopes: Tensor, patches: Tensor) -> Tensor:
        """Return the sum of outer products over samples and positions."""
        left = slopes.flatten(0, 1).permute(1, 2, 0)
        right = patches.flatten(0, 1).transpose(0, 1)
        return (left @ right).view(self.shape)

    def _parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the factors of a few samples at a time."""
        positions = self.slopes.shape[1]
        patch = self.shape.numel() // self.slopes.shape[3]
        entries = 2 * self.shape.numel() + positions * patch
        count = max(1, LAYER_BYTES // (entries * self.slopes.element_size()))
        parts = zip(self.slopes.split(count), self.inputs.split(count), strict=True)
        for slopes, inputs in parts:
            yield slopes, self.patches(inputs)


@dataclass(frozen=True, eq=False)
class Lookups:
    """Sample gradients of an embedding: zero but for the rows that a sample looks up.

    Attributes
    ----------
    shape : torch.Size
        Shape of the weight.
    samples : int
        How many there are.
    owners, rows : Tensor of int64, shape (lookup,)
        The sample and the row of every lookup that has a gradient; no pair is there twice.
    gradients : Tensor, shape (lookup, out)
        On that row.
    """

    shape: torch.Size
    samples: int
    owners: Tensor
    rows: Tensor
    gradients: Tensor

    @staticmethod
    def of(shape: torch.Size, slopes: Tensor, indices: Tensor, padding: int | None) -> "Lookups":
        """Gather the gradients of every row that a sample looks up, also of one looked up twice.

        Parameters
        ----------
        shape : torch.Size
            Shape of the weight.
        slopes : Tensor, shape (sample, position, out)
            Gradients at the embedding's outputs.
        indices : Tensor of int64, shape (sample, position)
            Rows looked up.
        padding : int or None
            The row that has no gradient.

        Returns
        -------
        Lookups
            The gradients.
        """
        samples = len(indices)
        owners = torch.arange(samples, device=indices.device).unsqueeze(1) * shape[0]
        pairs, which = (owners + indices).flatten().unique(return_inverse=True)
        gradients = torch.zeros(len(pairs), shape[1]).to(slopes)
        gradients.index_add_(0, which, slopes.flatten(0, 1))
        rows = pairs % shape[0]
        if padding is not None:
            gradients[rows == padding] = 0
        return Lookups(shape, samples, pairs // shape[0], rows, gradients)

    def total(self) -> Tensor:
        """Return the sum of the gradients."""
        return self._by_row(self.gradients)

    def total_square(self) -> Tensor:
        """Return the sums of the squares of their entries."""
        return self._by_row(self.gradients.square())

    def spread(self, center: Tensor) -> Spread:
        """Return the squared distances of the gradients from a center."""
        entries = _apart(self.total_square(), self.total(), center, self.samples)
        closer = self.gradients * (self.gradients - 2 * center[self.rows])
        samples = center.square().sum().repeat(self.samples)
        return Spread(entries, samples.index_add(0, self.owners, closer.sum(1)))

    def formed(self) -> Iterator[Tensor]:
        """Yield the gradients of one sample at a time, shape (1, *shape)."""
        for sample in range(self.samples):
            gradient = torch.zeros(self.shape).to(self.gradients)
            looked_up = self.owners == sample
            gradient[self.rows[looked_up]] = self.gradients[looked_up]
            yield gradient.unsqueeze(0)

    def _by_row(self, amounts: Tensor) -> Tensor:
        """Return amounts of lookups, summed over the samples."""
        total = torch.zeros(self.shape).to(amounts)
        return total.index_add_(0, self.rows, amounts)


@dataclass(frozen=True, eq=False)
class Rows:
    """Sample gradients of one weight, as they are.

    Attributes
    ----------
    rows : Tensor, shape (sample, *shape)
        The gradients.
    """

    rows: Tensor

    def total(self) -> Tensor:
        """Return the sum of the gradients."""
        return self.rows.sum(0)

    def total_square(self) -> Tensor:
        """Return the sums of the squares of their entries."""
        return self.rows.square().sum(0)

    def spread(self, center: Tensor) -> Spread:
        """Return the squared distances of the gradients from a center."""
        return _spread(self.formed(), center)

    def formed(self) -> Iterator[Tensor]:
        """Yield the gradients of a few samples at a time, shape (sample, *shape)."""
        size = self.rows[:1].nbytes
        yield from self.rows.split(max(1, LAYER_BYTES // max(1, size)))


SampleGradients = Products | Lookups | Rows
"""The gradients of some samples on one weight."""


def one_by_one(gradients: SampleGradients) -> Iterator[Tensor]:
    """Yield the gradients of the samples, one after another.

    Parameters
    ----------
    gradients : Products, Lookups or Rows
        The gradients of some samples.

    Yields
    ------
    Tensor
        In the shape of the weight.

    Examples
    --------
    >>> [gradient.tolist() for gradient in one_by_one(Rows(torch.tensor([[1.0], [2.0]])))]
    [[1.0], [2.0]]
    """
    for part in gradients.formed():
        yield from part


def add_up(tensors: Iterator[Tensor]) -> Tensor:
    """Return the sum of tensors of which few exist at a time.

    Parameters
    ----------
    tensors : iterator of Tensor
        One or more; the first is written on.

    Returns
    -------
    Tensor
        Their sum.

    Examples
    --------
    >>> add_up(torch.ones(1) for _ in range(3))
    tensor([3.])
    """
    total = next(tensors)
    for tensor in tensors:
        total += tensor
    return total


def _spread(formed: Iterator[Tensor], center: Tensor) -> Spread:
    """Return the squared distances of gradients from a center, a few samples at a time."""
    entries = torch.zeros_like(center)
    samples = []
    for gradients in formed:
        apart = (gradients - center).square_()
        entries += apart.sum(0)
        samples.append(apart.flatten(1).sum(1))
    return Spread(entries, torch.cat(samples))


def _apart(square: Tensor, total: Tensor, center: Tensor, samples: int) -> Tensor:
    """Return the sums of squared distances from a center, from sums of squares and of gradients."""
    return square.addcmul_(total, center, value=-2).addcmul_(center, center, value=samples)
