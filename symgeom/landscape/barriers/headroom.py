r"""What of an error profile no ceiling cuts: barriers relative to the headroom, and first rises.

Along a path the error can rise about as far as that of guessing, :math:`c`. Two barriers that end
there differ by nothing but the errors of their ends. Relative to the *headroom*, the room between
the line through the ends :math:`\ell(t)` and :math:`c`,

.. math:: b = \max_t \frac{E(t) - \ell(t)}{c - \ell(t)},

both are 1. The error of guessing is here that of giving every sample the most common class; a
network that gives all of them another one is worse, and exceeds 1 a little. Where the error has
first risen by a given amount above an end depends on no ceiling at all.
"""

import torch
from torch import Tensor

from symgeom.landscape.barriers.height import rise
from symgeom.landscape.problem.tasks.classes import IGNORED

ROUNDING = 1e-9
"""A rise may fall short by this: errors are multiples of one over the number of samples."""


def guessing_error(targets: Tensor) -> float:
    """Return the error of giving every sample the most common class.

    Parameters
    ----------
    targets : Tensor of int64, shape (sample,) or (sample, ...)
        Classes, of samples or of their positions, where
        :data:`~symgeom.landscape.problem.tasks.classes.IGNORED` does not count.

    Returns
    -------
    float
        A fraction of the samples, or the mean over samples of that of their positions.

    Examples
    --------
    >>> guessing_error(torch.tensor([0, 1, 1, 2]))
    0.5
    """
    if targets.ndim == 1:
        most_common = targets.bincount().max()
        return 1 - int(most_common) / len(targets)
    counts = targets != IGNORED
    most_common = targets[counts].bincount().argmax()
    right = ((targets == most_common) & counts).flatten(1).sum(1)
    return 1 - float((right / counts.flatten(1).sum(1)).mean())


def relative_barrier(t: Tensor, error: Tensor, ceiling: float) -> Tensor:
    """Return the height of the barrier along a path relative to the headroom.

    Parameters
    ----------
    t : Tensor, shape (t,)
        Increasing from 0 to 1.
    error : Tensor, shape (..., t)
        Error along the path.
    ceiling : float
        The error of guessing.

    Returns
    -------
    Tensor, shape (...)
        A share of the headroom; NaN where an end has none, or where any error is NaN.

    Examples
    --------
    >>> t = torch.tensor([0.0, 0.5, 1.0])
    >>> relative_barrier(t, torch.tensor([[0.0, 0.45, 0.0], [0.4, 0.9, 0.8]]), 0.9)
    tensor([0.5000, 1.0000])
    """
    heights = rise(t, error)
    headroom = ceiling - (error - heights)
    shares = torch.where(headroom > 0, heights / headroom, torch.nan)
    return shares.amax(-1)


def first_rise(t: Tensor, error: Tensor, height: float) -> float:
    """Return where the error has first risen above its start, interpolated between the points.

    Parameters
    ----------
    t : Tensor, shape (t,)
        Increasing from 0.
    error : Tensor, shape (t,)
        Error along a path.
    height : float
        How far it is to rise.

    Returns
    -------
    float
        In units of ``t``; infinite if it never rises so far, NaN if any error is.

    Examples
    --------
    >>> t = torch.tensor([0.0, 0.5, 1.0])
    >>> first_rise(t, torch.tensor([0.25, 0.25, 0.75]), 0.25)
    0.75
    >>> first_rise(t, torch.tensor([0.25, 0.25, 0.25]), 0.25)
    inf
    """
    if error.isnan().any():
        return torch.nan
    missing = error[0] + height - error
    risen = (missing <= ROUNDING).nonzero()
    if len(risen) == 0:
        return torch.inf
    after = int(risen[0])
    before = after - 1
    share = missing[before] / (missing[before] - missing[after])
    return float(torch.lerp(t[before], t[after], share.clamp(max=1).to(t)))
