"""The options that all data sets share: which samples are used, and how they are scaled.

Subsets are balanced (equally many samples of every class). What is drawn depends on the named seed
alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.randomness import stream
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.splits import balanced_subset

PIECE = 1024
"""Samples that are cast to double precision at a time."""


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
        channel (the first axis of a sample with two axes or more; a sample with one axis is one
        channel), and moves the test samples alike.
    """

    split: int = 0
    subset: int | None = None
    test_subset: int | None = None
    normalise: str = "none"

    def __post_init__(self) -> None:
        check_choice(self.normalise, ("none", "standard"), "normalise")

    def indices(self, name: str, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the samples from the classes of all.

        Parameters
        ----------
        name : str
            The data set, which has random streams of its own.
        train, test : Tensor of int64, shape (sample,)
            Classes.

        Returns
        -------
        train, test : Tensor of int64
            Indices in ascending order.

        Raises
        ------
        SymgeomError
            If there are no training samples or no test samples, or a subset is not possible.

        Examples
        --------
        >>> targets = torch.tensor([0, 1, 0, 1])
        >>> train, test = Choice(subset=2).indices("digits", targets, targets)
        >>> len(train), len(test)
        (2, 4)
        """
        if not len(train) or not len(test):
            raise SymgeomError(
                f"Cannot use data set '{name}' with {len(train)} training samples and {len(test)} "
                "test samples: both need at least one. Give a test_fraction nearer to 1/2, or more "
                "samples."
            )
        train_generator = stream("subset", name, self.split)
        test_generator = stream("test subset", name, self.split)
        return (
            _subset_or_all(train, self.subset, train_generator),
            _subset_or_all(test, self.test_subset, test_generator),
        )

    def normalised(self, data: Data) -> Data:
        """Scale the inputs as ``normalise`` says.

        Parameters
        ----------
        data : Data
            Not scaled yet.

        Returns
        -------
        Data
            With its means and deviations.

        Raises
        ------
        SymgeomError
            If a channel is constant, so that it has no deviation to divide by.

        Examples
        --------
        >>> inputs, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])
        >>> data = Data(inputs, targets, inputs, targets, classes=2, name="two")
        >>> scaled = Choice(normalise="standard").normalised(data)
        >>> scaled.train_inputs.flatten(), scaled.mean, scaled.black
        (tensor([-1.,  1.]), (2.0,), (-2.0,))
        """
        channels = data.train_inputs.shape[1] if data.train_inputs.ndim > 2 else 1
        if self.normalise == "none":
            return replace(data, mean=(0.0,) * channels, deviation=(1.0,) * channels)
        mean, deviation = _moments(data.train_inputs.unflatten(1, (channels, -1)))
        constant = (deviation == 0).nonzero().flatten().tolist()
        if constant:
            raise SymgeomError(
                f"Cannot standardise data set '{data.name}': channels {constant} have the same "
                f"value in all {len(data.train_inputs)} training samples. Choose normalise = "
                "'none', or more samples."
            )
        return replace(
            data,
            train_inputs=_standardised(data.train_inputs, mean, deviation),
            test_inputs=_standardised(data.test_inputs, mean, deviation),
            mean=tuple(mean.tolist()),
            deviation=tuple(deviation.tolist()),
        )


def _subset_or_all(targets: Tensor, count: int | None, generator: torch.Generator) -> Tensor:
    """Return the indices of a balanced subset, or of all samples without a count."""
    if count is None:
        return torch.arange(len(targets))
    return balanced_subset(targets, count, generator=generator)


def _moments(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each channel in float64, a piece at a time."""
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    count = inputs.numel() / inputs.shape[1]
    pieces = inputs.split(PIECE)
    sums = torch.stack([piece.double().sum(axes) for piece in pieces])
    mean = sums.sum(0) / count
    centre = _along_channels(mean, inputs.ndim)
    squares = torch.stack([(piece.double() - centre).square().sum(axes) for piece in pieces])
    variance = squares.sum(0) / count
    return mean, variance.sqrt()


def _standardised(inputs: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return the inputs minus the mean, over the deviation, in their own precision."""
    by_channel = inputs.unflatten(1, (len(mean), -1))
    centre = _along_channels(mean.to(inputs.dtype), by_channel.ndim)
    scale = _along_channels(deviation.to(inputs.dtype), by_channel.ndim)
    return by_channel.sub(centre).div_(scale).reshape(inputs.shape)


def _along_channels(values: Tensor, ndim: int) -> Tensor:
    """View one number per channel as an array that meets another of that many axes on axis 1."""
    return values.view(-1, *[1] * (ndim - 2))
