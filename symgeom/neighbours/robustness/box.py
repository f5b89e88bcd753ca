"""The points that an attack may use: within its budget and within the range of the data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.neighbours.robustness.data_range import DataRange


@dataclass(frozen=True, eq=False)
class Box:
    """The points that an attack may use around every sample.

    Attributes
    ----------
    centre : Tensor, shape (sample, ...)
        The clean inputs.
    low, high : Tensor, shape (sample, ...)
        The ends of every input.
    reach : Tensor, shape (channel or 1, 1, ...)
        The budget in the units of the inputs.
    """

    centre: Tensor
    low: Tensor
    high: Tensor
    reach: Tensor

    @classmethod
    def around(cls, inputs: Tensor, *, budget: float, data_range: DataRange) -> "Box":
        """Return the box around samples.

        Parameters
        ----------
        inputs : Tensor, shape (sample, ...)
            The samples, which lie in their boxes even if they lie beyond the range by rounding.
        budget : float
            A share of the range.
        data_range : DataRange
            The range of the data.

        Returns
        -------
        Box
            The box.
        """
        lowest, highest = data_range.ends(inputs)
        reach = budget * (highest - lowest)
        low = torch.minimum(inputs, torch.maximum(inputs - reach, lowest))
        high = torch.maximum(inputs, torch.minimum(inputs + reach, highest))
        return cls(inputs, low, high, reach)

    def nearest(self, points: Tensor) -> Tensor:
        """Return the nearest points of the box."""
        return torch.minimum(torch.maximum(points, self.low), self.high)

    def random(self, generator: torch.Generator) -> Tensor:
        """Return points that are uniform within the budget, cut to the range."""
        shares = 2 * self._uniform(generator) - 1
        return self.nearest(self.centre + self.reach * shares)

    def random_corner(self, generator: torch.Generator) -> Tensor:
        """Return points whose inputs all change by the budget, as far as the range allows."""
        upwards = self._uniform(generator) < 0.5
        return torch.where(upwards, self.high, self.low)

    def select(self, index: Tensor) -> "Box":
        """Return the boxes of some samples."""
        return Box(self.centre[index], self.low[index], self.high[index], self.reach)

    def _uniform(self, generator: torch.Generator) -> Tensor:
        """Draw a number from 0 to 1 for every input, on the CPU."""
        centre = self.centre
        shares = torch.rand(centre.shape, generator=generator, dtype=centre.dtype)
        return shares.to(centre.device)
