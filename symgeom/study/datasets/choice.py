"""The options that all data sets share: which samples are used, and how they are scaled.

Subsets are balanced (equally many samples of every class). What is drawn depends on the named seed
alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.randomness import stream
from symgeom.study.datasets.checking import check_classes
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.splits import balanced_subset

PIECE = 1024
"""Samples that are cast to double precision at a time."""

ROUNDINGS = 4
"""Last bits by which values differ at most that pass for one."""


@dataclass(frozen=True)
class Choice:
    """Which samples of a data set are used, and how they are scaled.

    Attributes
    ----------
    split : int
        Seed of whatever is drawn: the split, the subsets, a synthetic data set itself.
    subset, test_subset : int, optional
        Number of training and test samples, equally many of every class; all by default.
    normalise : {"none", "standard"}
        ``"standard"`` gives the training samples that are used mean 0 and variance 1 in every
        feature of a vector, or every channel of an image (the first axis of a sample), and moves
        the test samples alike. What is constant in training is centred, not scaled.
    """

    split: int = 0
    subset: int | None = None
    test_subset: int | None = None
    normalise: str = "none"

    def __post_init__(self) -> None:
        check_choice(self.normalise, ("none", "standard"), "normalise")
        if type(self.split) is not int or self.split < 0:
            raise SymgeomError(
                f"Cannot draw from split = {self.split!r}: give a whole number, 0 or more."
            )

    def indices(
        self, name: str, train: Tensor, test: Tensor, *, classes: int
    ) -> tuple[Tensor, Tensor]:
        """Choose the samples from the classes of all.

        Parameters
        ----------
        name : str
            The data set, which has random streams of its own.
        train, test : Tensor of int64, shape (sample,) or (sample, ...)
            Classes, of samples or of their positions.
        classes : int
            How many there are.

        Returns
        -------
        train, test : Tensor of int64
            Indices in ascending order.

        Raises
        ------
        SymgeomError
            If there are no training samples or no test samples, a subset is not possible, or a
            class has no training sample that is used.

        Examples
        --------
        >>> targets = torch.tensor([0, 1, 0, 1])
        >>> train, test = Choice(subset=2).indices("digits", targets, targets, classes=2)
        >>> len(train), len(test)
        (2, 4)
        """
        check_classes(name, train, test, classes)
        train_generator = stream("subset", name, self.split)
        test_generator = stream("test subset", name, self.split)
        train_subset = _subset_or_all(train, self.subset, train_generator)
        test_subset = _subset_or_all(test, self.test_subset, test_generator)
        check_classes(name, train[train_subset], test[test_subset], classes)
        return train_subset, test_subset

    def normalised(self, data: Data) -> Data:
        """Scale the inputs as ``normalise`` says.

        Parameters
        ----------
        data : Data
            Not scaled yet.

        Returns
        -------
        Data
            With its means, deviations and what is constant.

        Raises
        ------
        SymgeomError
            If values become infinite, or their squares are, or inputs are tokens.

        Examples
        --------
        >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])
        >>> data = Data(inputs, targets, inputs, targets, classes=2, name="two")
        >>> scaled = Choice(normalise="standard").normalised(data)
        >>> scaled.train_inputs.flatten(), scaled.mean, scaled.black
        (tensor([-1.,  1.]), (2.0,), (-2.0,))
        """
        if self.normalise == "none":
            channels = data.train_inputs.shape[1] if data.train_inputs.ndim > 2 else 1
            return replace(data, mean=(0.0,) * channels, deviation=(1.0,) * channels)
        if not data.train_inputs.is_floating_point():
            raise SymgeomError(
                f"Cannot standardise data set '{data.name}': its inputs are tokens, whole numbers "
                "that stand for something. Choose normalise = 'none'."
            )
        mean, deviation = _moments(data.train_inputs)
        lowest, highest = _range(data.train_inputs)
        size = torch.maximum(lowest.abs(), highest.abs())
        precision = torch.finfo(size.dtype)
        rounding = (ROUNDINGS * precision.eps * size).clamp(min=precision.tiny)
        constant = highest - lowest <= rounding
        mean = torch.where(constant, lowest.double(), mean)
        deviation = torch.where(constant, 1.0, deviation)
        train_inputs = _standardised(data.train_inputs, mean, deviation)
        test_inputs = _standardised(data.test_inputs, mean, deviation)
        for numbers in (deviation, train_inputs, test_inputs):
            if not numbers.isfinite().all():
                raise SymgeomError(
                    f"Cannot standardise data set '{data.name}': its values or their squares "
                    "become infinite. Scale it down, or choose normalise = 'none'."
                )
        return replace(
            data,
            train_inputs=train_inputs,
            test_inputs=test_inputs,
            mean=tuple(mean.tolist()),
            deviation=tuple(deviation.tolist()),
            constant=tuple(constant.nonzero().flatten().tolist()),
        )


def _subset_or_all(targets: Tensor, count: int | None, generator: torch.Generator) -> Tensor:
    """Return the indices of a balanced subset, or of all samples without a count."""
    if count is None:
        return torch.arange(len(targets))
    return balanced_subset(targets, count, generator=generator)


def _moments(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation along axis 1 in float64, a piece at a time."""
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    count = inputs.numel() / inputs.shape[1]
    pieces = inputs.split(PIECE)
    sums = torch.stack([piece.double().sum(axes) for piece in pieces])
    mean = sums.sum(0) / count
    centre = _along_channels(mean, inputs.ndim)
    squares = torch.stack([(piece.double() - centre).square().sum(axes) for piece in pieces])
    variance = squares.sum(0) / count
    return mean, variance.sqrt()


def _range(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and the largest value along axis 1."""
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    return inputs.amin(axes), inputs.amax(axes)


def _standardised(inputs: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return the inputs minus the mean, over the deviation, in their own precision."""
    centre = _along_channels(mean.to(inputs.dtype), inputs.ndim)
    scale = _along_channels(deviation.to(inputs.dtype), inputs.ndim)
    return inputs.sub(centre).div_(scale)


def _along_channels(values: Tensor, ndim: int) -> Tensor:
    """View one number per channel as an array that meets another of that many axes on axis 1."""
    return values.view(-1, *[1] * (ndim - 2))
