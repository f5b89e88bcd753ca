"""What a data set is: inputs and classes, split once, with a checksum.

Splits and subsets are stratified (every class keeps its share) and deterministic: they depend on the named seed alone.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.checks import SymgeomError


@dataclass(frozen=True, eq=False)
class Data:
    """A data set of labelled samples.

    Attributes
    ----------
    train_inputs, test_inputs : Tensor of float64, shape (sample, ...)
        In [0, 1].
    train_targets, test_targets : Tensor of int64, shape (sample,)
        Classes, counted from 0.
    classes : int
        How many there are.
    name : str
        What the config calls the data set.
    """

    train_inputs: Tensor
    train_targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    classes: int
    name: str

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of all four arrays, as hexadecimal digits."""
        digest = hashlib.sha256()
        for tensor in (self.train_inputs, self.train_targets, self.test_inputs, self.test_targets):
            digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def stratified_split(targets: Tensor, fraction: float, *, generator: torch.Generator) -> tuple[Tensor, Tensor]:
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
        raise SymgeomError(f"Cannot split data with test_fraction = {fraction!r}: give a number between 0 and 1.")
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
        raise SymgeomError(f"Cannot take a subset of {count!r} samples: give a positive whole number.")
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
