"""Gradients of some samples on one weight: products that are not formed, or rows as they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

LAYER_BYTES = 2**24
"""Memory (bytes) that the sample gradients of one layer may take at once."""

Patches = Callable[[Tensor], Tensor]
"""From a layer's inputs to what every position multiplies: (sample, position, block, in)."""


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
        sums = [self._sum_of_products(*part) for part in self._parts()]
        return torch.stack(sums).sum(0)

    def total_square(self) -> Tensor:
        """Return the sums of the squares of their entries."""
        if self.single:
            inputs = self.patches(self.inputs).square()
            return self._sum_of_products(self.slopes.square(), inputs)
        sums = [gradients.square_().sum(0) for gradients in self._formed()]
        return torch.stack(sums).sum(0).view(self.shape)

    def squared_distances(self, mean: Tensor) -> Tensor:
        """Return the squared distance of every gradient from a mean, shape (sample,)."""
        blocks = self.slopes.shape[2]
        center = mean.view(blocks, self.slopes.shape[3], -1)
        if self.single:
            inputs = self.patches(self.inputs)
            lengths = self.slopes.square().sum(-1) * inputs.square().sum(-1)
            overlaps = torch.einsum("ntbo,boi,ntbi->ntb", self.slopes, center, inputs)
            apart = lengths - 2 * overlaps + center.square().sum((1, 2))
            return apart.sum((1, 2))
        distances = []
        for gradients in self._formed():
            distances.append((gradients - center).square_().sum((1, 2, 3)))
        return torch.cat(distances)

    def of_sample(self, number: int) -> Tensor:
        """Return the gradient of one sample."""
        one = slice(number, number + 1)
        return replace(self, slopes=self.slopes[one], inputs=self.inputs[one]).total()

    def _sum_of_products(self, slopes: Tensor, patches: Tensor) -> Tensor:
        """Return the sum of outer products over samples and positions."""
        left = slopes.flatten(0, 1).permute(1, 2, 0)
        right = patches.flatten(0, 1).transpose(0, 1)
        return (left @ right).view(self.shape)

    def _parts(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the factors of a few samples at a time."""
        size = max(1, self.shape.numel() * self.slopes.element_size())
        count = max(1, LAYER_BYTES // size)
        parts = zip(self.slopes.split(count), self.inputs.split(count), strict=True)
        for slopes, inputs in parts:
            yield slopes, self.patches(inputs)

    def _formed(self) -> Iterator[Tensor]:
        """Yield the gradients of a few samples at a time, shape (sample, block, out, in)."""
        for slopes, patches in self._parts():
            yield torch.einsum("ntbo,ntbi->nboi", slopes, patches)


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

    def of_sample(self, number: int) -> Tensor:
        """Return the gradient of one sample."""
        return self.rows[number]

    def squared_distances(self, mean: Tensor) -> Tensor:
        """Return the squared distance of every gradient from a mean, shape (sample,)."""
        return (self.rows - mean).square_().flatten(1).sum(1)


SampleGradients = Products | Rows
"""The gradients of some samples on one weight."""
