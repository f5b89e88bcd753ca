"""A span of vectors that grows, and how clear it is that a vector lies in it or not."""

import torch
from torch import Tensor

TOLERANCE = 1e-8
"""A vector adds a dimension if it leaves the span by more than this, of its size.

It lies between rounding and what is generic.
"""

PASSES = 2
"""How often a vector is freed of the span: once is not enough where little is left."""


class Span:
    """An orthonormal basis that grows.

    Attributes
    ----------
    basis : list of Tensor
        Vectors of length 1 and orthogonal to each other.
    smallest_kept : float
        Least share of a vector outside the span that added a dimension.
    largest_dropped : float
        Largest share of a vector outside the span that did not.

    Examples
    --------
    >>> span = Span()
    >>> for vector in ([1.0, 0.0], [2.0, 0.0], [1.0, 1.0]):
    ...     _ = span.add(torch.tensor(vector), size=torch.tensor(2.0))
    >>> span.dimension
    2
    """

    def __init__(self) -> None:
        self.basis: list[Tensor] = []
        self.smallest_kept = 1.0
        self.largest_dropped = 0.0

    @property
    def dimension(self) -> int:
        """Number of independent vectors."""
        return len(self.basis)

    def add(self, vector: Tensor, size: Tensor) -> bool:
        """Add what a vector has outside the span, if that is more than rounding.

        Parameters
        ----------
        vector : Tensor, shape (weight,)
            What is added.
        size : Tensor, shape ()
            Size of the terms that the vector is the sum of.

        Returns
        -------
        bool
            Whether the span has grown.
        """
        if size == 0:
            return False
        rest = vector / size
        for _ in range(PASSES):
            for direction in self.basis:
                rest = rest - (direction @ rest) * direction
        outside = float(torch.linalg.vector_norm(rest))
        if outside <= TOLERANCE:
            self.largest_dropped = max(self.largest_dropped, outside)
            return False
        self.smallest_kept = min(self.smallest_kept, outside)
        self.basis.append(rest / outside)
        return True
