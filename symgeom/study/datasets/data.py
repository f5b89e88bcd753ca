"""What a data set is: inputs and classes, split once, with a checksum.

Splits and subsets are stratified (every class keeps its share) and deterministic: they depend on
the named seed alone. Images are float32 (there are many), everything else is float64.
"""

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.randomness import stream


@dataclass(frozen=True, eq=False)
class Data:
    """A data set of labelled samples.

    Attributes
    ----------
    train_inputs, test_inputs : Tensor, shape (sample, ...)
        Images as (sample, channel, height, width).
    train_targets, test_targets : Tensor of int64, shape (sample,)
        Classes, counted from 0.
    classes : int
        How many there are.
    name : str
        What the config calls the data set.
    mean, deviation : tuple of float
        What was subtracted and then divided by, per channel: 0 and 1 unless the inputs are
        standardised.
    ignored : int
        Files that were no samples.
    class_names : tuple of str
        What the classes are called, if the source says so.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    classes: int
    name: str
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    ignored: int = 0
    class_names: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of all four arrays, as hexadecimal digits."""
        digest = hashlib.sha256()
        for tensor in (self.train_inputs, self.train_targets, self.test_inputs, self.test_targets):
            digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def class_counts(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the samples per class, of training and of testing."""
        train, test = (
            targets.bincount(minlength=self.classes)
            for targets in (self.train_targets, self.test_targets)
        )
        return tuple(train.tolist()), tuple(test.tolist())

    @property
    def black(self) -> tuple[float, ...]:
        """Return what an input of 0 has become, per channel."""
        return tuple(
            0.0 - mean / deviation
            for mean, deviation in zip(self.mean, self.deviation, strict=True)
        )


@dataclass(frozen=True)
class Choice:
    """Which samples of a data set are used, and how they are scaled: the options that all data sets share.

    Attributes
    ----------
    split : int
        Seed of whatever is drawn: the split, the subsets, a synthetic data set itself.
    subset, test_subset : int, optional
        Number of training and test samples, equally many of every class; all by default.
    normalise : {"none", "standard"}
        ``"standard"`` gives the chosen training samples mean 0 and variance 1 in every channel (the
        first axis of a sample with two axes or more; a sample with one axis is one channel), and
        moves the test samples alike.
    """

    split: int = 0
    subset: int | None = None
    test_subset: int | None = None
    normalise: str = "none"

    def __post_init__(self) -> None:
        check_choice(self.normalise, ("none", "standard"), "normalise")

    def indices(self, name: str, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the samples, given the classes of all.

        Parameters
        ----------
        name : str
            The data set, whose random streams are its own.
        train, test : Tensor of int64, shape (sample,)
            Classes.

        Returns
        -------
        train, test : Tensor of int64
            Indices in ascending order.

        Examples
        --------
        >>> targets = torch.tensor([0, 1, 0, 1])
        >>> [len(chosen) for chosen in Choice(subset=2).indices("digits", targets, targets)]
        [2, 4]
        """
        wanted = ((train, self.subset, "subset"), (test, self.test_subset, "test subset"))
        return tuple(
            torch.arange(len(targets))
            if count is None
            else balanced_subset(targets, count, generator=stream(word, name, self.split))
            for targets, count, word in wanted
        )

    def normalised(self, data: Data) -> Data:
        """Scale the inputs as chosen.

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
        >>> scaled = Choice(normalise="standard").normalised(Data(inputs, targets, inputs, targets, 2, "two"))
        >>> scaled.train_inputs.flatten(), scaled.mean, scaled.black
        (tensor([-1.,  1.]), (2.0,), (-2.0,))
        """
        channels = data.train_inputs.shape[1] if data.train_inputs.ndim > 2 else 1
        if self.normalise == "none":
            return replace(data, mean=(0.0,) * channels, deviation=(1.0,) * channels)
        mean, deviation = _moments(data.train_inputs.unflatten(1, (channels, -1)))
        flat = (deviation == 0).nonzero().flatten().tolist()
        if flat:
            raise SymgeomError(
                f"Cannot standardise data set '{data.name}': channels {flat} have the same value in all {len(data.train_inputs)} "
                "training samples. Choose normalise = 'none', or more samples."
            )
        train, test = (
            _moved(inputs, mean, deviation) for inputs in (data.train_inputs, data.test_inputs)
        )
        scale = {"mean": tuple(mean.tolist()), "deviation": tuple(deviation.tolist())}
        return replace(data, train_inputs=train, test_inputs=test, **scale)


def _moments(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each channel in float64, a piece at a time."""
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    count, pieces = inputs.numel() / inputs.shape[1], inputs.split(1024)
    mean = torch.stack([piece.double().sum(axes) for piece in pieces]).sum(0) / count
    around = mean.view(-1, *[1] * (inputs.ndim - 2))
    return mean, (
        torch.stack([(piece.double() - around).square().sum(axes) for piece in pieces]).sum(0)
        / count
    ).sqrt()


def _moved(inputs: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    flat = inputs.unflatten(1, (len(mean), -1))
    around, scale = (
        values.to(inputs.dtype).view(-1, *[1] * (flat.ndim - 2)) for values in (mean, deviation)
    )
    return flat.sub(around).div_(scale).reshape(inputs.shape)


def stratified_split(
    targets: Tensor, fraction: float, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Split samples in two parts with the same share of every class.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,)
        Classes.
    fraction : float
        Share of each class that goes to the second part, rounded to whole samples.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    first, second : Tensor of int64
        Indices in ascending order.

    Raises
    ------
    SymgeomError
        If the fraction is not between 0 and 1.

    Examples
    --------
    >>> first, second = stratified_split(torch.tensor([0, 0, 1, 1]), 0.5, generator=torch.Generator().manual_seed(0))
    >>> len(first), len(second)
    (2, 2)
    """
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise SymgeomError(
            f"Cannot split data with test_fraction = {fraction!r}: give a number between 0 and 1."
        )
    first, second = [], []
    for members in _by_class(targets, generator):
        cut = round(fraction * len(members))
        second.append(members[:cut])
        first.append(members[cut:])
    return torch.cat(first).sort().values, torch.cat(second).sort().values


def balanced_subset(targets: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
    """Choose samples, equally many of every class (the first classes get one more where it does not divide).

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,)
        Classes.
    count : int
        How many samples.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor of int64, shape (count,)
        Indices in ascending order.

    Raises
    ------
    SymgeomError
        If the count is not positive, or a class has too few samples.

    Examples
    --------
    >>> balanced_subset(torch.tensor([0, 1, 1, 0]), 4, generator=torch.Generator().manual_seed(0))
    tensor([0, 1, 2, 3])
    """
    if type(count) is not int or count < 1:
        raise SymgeomError(
            f"Cannot take a subset of {count!r} samples: give a positive whole number."
        )
    groups = _by_class(targets, generator)
    chosen = []
    for label, members in enumerate(groups):
        share = count // len(groups) + (label < count % len(groups))
        if share > len(members):
            raise SymgeomError(
                f"Cannot take a balanced subset of {count} samples: class {label} has {len(members)}, {share} are needed. "
                f"Ask for at most {len(groups) * min(map(len, groups))}."
            )
        chosen.append(members[:share])
    return torch.cat(chosen).sort().values


def _by_class(targets: Tensor, generator: torch.Generator) -> list[Tensor]:
    groups = []
    for label in range(int(targets.max()) + 1):
        members = (targets == label).nonzero().flatten()
        groups.append(members[torch.randperm(len(members), generator=generator)])
    return groups
