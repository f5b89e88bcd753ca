"""Split samples, or choose some of them, class by class.

Every class keeps its share. Samples with a class at each position are drawn without regard to
classes. What is drawn depends on the generator alone.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.problem.tasks.classes import IGNORED


def counted(targets: Tensor) -> Tensor:
    """Return the classes that count, of samples or of all of their positions.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample, ...)
        Classes.

    Returns
    -------
    Tensor of int64, shape (answer,)
        In a row.

    Examples
    --------
    >>> counted(torch.tensor([[0, 2], [1, IGNORED]]))
    tensor([0, 2, 1])
    """
    answers = targets.flatten()
    return answers[answers != IGNORED] if targets.ndim > 1 else answers


def stratified_split(
    targets: Tensor, fraction: float, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Split samples in two parts with the same share of every class.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,) or (sample, ...)
        Classes, of samples or of their positions.
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
    >>> targets = torch.tensor([0, 0, 1, 1])
    >>> first, second = stratified_split(targets, 0.5, generator=torch.Generator().manual_seed(0))
    >>> len(first), len(second)
    (2, 2)
    """
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise SymgeomError(
            f"Cannot split data with test_fraction = {fraction!r}: give a number between 0 and 1."
        )
    first = []
    second = []
    for members in _shuffled_classes(targets, generator):
        cut = round(fraction * len(members))
        second.append(members[:cut])
        first.append(members[cut:])
    return torch.cat(first).sort().values, torch.cat(second).sort().values


def balanced_subset(targets: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
    """Choose samples, equally many of every class.

    Where the count cannot be divided by the number of classes, the first classes get one more.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,) or (sample, ...)
        Classes, of samples or of their positions.
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
    >>> targets = torch.tensor([0, 1, 1, 0])
    >>> balanced_subset(targets, 4, generator=torch.Generator().manual_seed(0))
    tensor([0, 1, 2, 3])
    """
    if type(count) is not int or count < 1:
        raise SymgeomError(
            f"Cannot take a subset of {count!r} samples: give a positive whole number."
        )
    classes = _shuffled_classes(targets, generator)
    subset = []
    for label, members in enumerate(classes):
        share = count // len(classes) + (label < count % len(classes))
        if share > len(members) and targets.ndim > 1:
            raise SymgeomError(
                f"Cannot take a subset of {count} samples: there are {len(members)}. Ask for at "
                "most as many."
            )
        if share > len(members):
            most = len(classes) * min(map(len, classes))
            raise SymgeomError(
                f"Cannot take a balanced subset of {count} samples: class {label} has "
                f"{len(members)}, {share} are needed. Ask for at most {most}."
            )
        subset.append(members[:share])
    return torch.cat(subset).sort().values


def _shuffled_classes(targets: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Return the indices of the samples of each class, in random order."""
    # Samples with several classes are one class.
    if targets.ndim > 1:
        return [torch.randperm(len(targets), generator=generator)]
    classes = []
    for label in range(int(targets.max()) + 1):
        members = (targets == label).nonzero().flatten()
        order = torch.randperm(len(members), generator=generator)
        classes.append(members[order])
    return classes
