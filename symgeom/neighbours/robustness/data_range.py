"""The range of the data: the lowest and the highest value that an input may have.

Pixels lie between black and white. Inputs that are centred or standardised have these levels
elsewhere, in every channel at its own place, and an attack that clips to [0, 1] nevertheless
changes inputs by far more than its budget. The range therefore belongs to the data set, and a
budget is a share of it: 8/255 are eight of 255 grey levels, however the inputs are scaled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite, check_real
from symgeom.ground.doors import check_attributes

ROUNDINGS = 8
"""Last bits by which scaled inputs may lie beyond the ends."""


@dataclass(frozen=True, eq=False)
class DataRange:
    """The range of inputs, per channel of an image or feature of a vector, or of all together.

    Attributes
    ----------
    low, high : tuple of float
        The ends, in the units of the inputs; one number if all channels have the same.

    Examples
    --------
    >>> centred = DataRange((-0.5,), (0.5,))
    >>> DataRange.of_levels(mean=(0.5,), deviation=(0.25,)).high
    (2.0,)
    """

    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_attributes(self)
        same_number = len(self.low) == len(self.high) > 0
        if not same_number or not all(map(_is_below, self.low, self.high)):
            raise SymgeomError(
                f"Cannot make a range of data from {self.low} to {self.high}: give as many low as "
                "high ends, each low end below its high one."
            )

    @classmethod
    def of_levels(cls, *, mean: Sequence[float], deviation: Sequence[float]) -> "DataRange":
        """Return where the levels 0 (black) and 1 (white) lie after a scaling.

        Parameters
        ----------
        mean, deviation : sequence of float
            What was subtracted and divided by, per channel or feature.

        Returns
        -------
        DataRange
            The range of the scaled inputs.

        Raises
        ------
        SymgeomError
            If a deviation is not positive.
        """
        low = []
        high = []
        for centre, scale in zip(mean, deviation, strict=True):
            if not scale > 0:
                raise SymgeomError(
                    f"Cannot scale levels by a deviation of {scale}: give positive ones."
                )
            low.append((0 - centre) / scale)
            high.append((1 - centre) / scale)
        return cls(tuple(low), tuple(high))

    @classmethod
    def observed(cls, *inputs: Tensor) -> "DataRange":
        """Return the least and the largest value of all inputs, for data without levels.

        Parameters
        ----------
        *inputs : Tensor, shape (sample, ...)
            All inputs that will be used: of training and of testing.

        Returns
        -------
        DataRange
            One range for all features.
        """
        low = min(samples.min().item() for samples in inputs)
        high = max(samples.max().item() for samples in inputs)
        return cls((low,), (high,))

    def ends(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ends as tensors that meet inputs on their axis of channels.

        Parameters
        ----------
        inputs : Tensor, shape (sample, channel, ...)
            Samples in the range.

        Returns
        -------
        tuple of Tensor, shapes (channel or 1, 1, ...)
            Low and high.

        Raises
        ------
        SymgeomError
            If the inputs are no real numbers, have other channels, or lie beyond an end.
        """
        check_real({"inputs": inputs}, "these inputs for an attack or a corruption")
        check_finite({"inputs": inputs}, "these inputs for an attack or a corruption")
        channels = inputs.shape[1] if inputs.ndim > 1 else 1
        if len(self.low) not in (1, channels):
            raise SymgeomError(
                f"Cannot use a range of {len(self.low)} channels for inputs of shape "
                f"{tuple(inputs.shape)}: give one pair of ends, or one for each of their "
                f"{channels} channels (features)."
            )
        shape = (-1, *[1] * (inputs.ndim - 2))
        low = inputs.new_tensor(self.low).view(shape)
        high = inputs.new_tensor(self.high).view(shape)
        self._check(inputs, low, high)
        return low, high

    def _check(self, inputs: Tensor, low: Tensor, high: Tensor) -> None:
        """Raise if inputs lie beyond the ends by more than rounding."""
        size = torch.maximum(low.abs(), high.abs())
        rounding = ROUNDINGS * torch.finfo(inputs.dtype).eps * size
        beyond = (inputs < low - rounding) | (inputs > high + rounding)
        if beyond.any():
            raise SymgeomError(
                f"Cannot use a range of data from {self.low} to {self.high}: {beyond.sum()} of "
                f"{inputs.numel()} inputs lie outside; all lie from {inputs.min():.6g} to "
                f"{inputs.max():.6g}. Give the range of these data: "
                "DataRange.of_levels with mean and deviation of their scaling, or observed."
            )


def _is_below(low: float, high: float) -> bool:
    return low < high
