"""What an estimate is without some of the samples, and how sure it therefore is: the jackknife."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from symgeom.landscape.sample_gradients import FOLDS

ROUNDING = 1e-13
"""A variance below this fraction of the mean square is zero.

The difference of the two has no digits left.
"""


class Folds:
    """Sums over folds of samples, from which means without one of them are made.

    Examples
    --------
    >>> folds = Folds()
    >>> folds.add(0, 1, {"hidden1": torch.tensor([[3.0]])})
    >>> folds.add(1, 3, {"hidden1": torch.tensor([[6.0]])})
    >>> folds.without()["hidden1"].flatten()
    tensor([2., 3.])
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._sizes = torch.zeros(FOLDS, dtype=torch.float64)

    def add(self, fold: int, size: float, amounts: Mapping[str, Tensor]) -> None:
        """Add to a fold.

        Parameters
        ----------
        fold : int
            Which.
        size : float
            How much the mean is to be taken over: samples, or degrees of freedom.
        amounts : mapping of str to Tensor
            What to add.
        """
        for name, amount in amounts.items():
            if name not in self._sums:
                self._sums[name] = torch.zeros(FOLDS, *amount.shape).to(amount)
            self._sums[name][fold] += amount
        self._sizes[fold] += size

    def without(self) -> dict[str, Tensor]:
        """Return the means without one fold, fold by fold.

        Returns
        -------
        dict of str to Tensor, shape (fold, ...)
            Of the folds to which something was added. What cannot be negative may be so by
            rounding.
        """
        used = self._sizes > 0
        others = (self._sizes.sum() - self._sizes)[used]
        without = {}
        for name, sums in self._sums.items():
            rest = sums.sum(0) - sums[used]
            sizes = others.view(-1, *[1] * (sums.ndim - 1))
            without[name] = rest / sizes.to(rest)
        return without


def spread_without(estimates: Tensor) -> Tensor:
    """Return the standard error of an estimate, from those that leave out a block each.

    Parameters
    ----------
    estimates : Tensor, shape (block, ...)
        Of blocks of equal size, at least nearly.

    Returns
    -------
    Tensor, shape (...)
        NaN for a single block.

    Examples
    --------
    >>> sample = torch.tensor([1.0, 2.0, 6.0])
    >>> spread_without((sample.sum() - sample) / 2), sample.std() / 3**0.5
    (tensor(1.5275), tensor(1.5275))
    """
    count = len(estimates)
    if count == 1:
        return torch.full_like(estimates[0], math.nan)
    return estimates.std(0, correction=0) * (count - 1) ** 0.5
