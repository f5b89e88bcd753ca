"""Where the published descents start: the authors' seed and sizes."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

SEED = 12345
"""The seed of the authors."""


class Start(NamedTuple):
    """Where a descent starts.

    Attributes
    ----------
    targets : array of float64, shape (output, sample)
        The matrix to fit.
    outgoing, incoming : arrays of float64, shapes (output, unit) and (unit, sample)
        The weights.
    """

    targets: NDArray
    outgoing: NDArray
    incoming: NDArray


def published_draw(shape: tuple[int, int], deviation: float) -> NDArray:
    """Return the normal numbers of the authors' seed.

    Parameters
    ----------
    shape : tuple of int
        Of the matrix.
    deviation : float
        Standard deviation.

    Returns
    -------
    array of float32
        Drawn as the authors' code does for every matrix: PyTorch's generator anew with seed 12345,
        uniform numbers first, which are overwritten.

    Examples
    --------
    >>> published_draw((2, 1), 1.0).shape
    (2, 1)
    """
    generator = torch.Generator().manual_seed(SEED)
    matrix = torch.rand(shape, generator=generator)
    matrix.normal_(0, deviation, generator=generator)
    return matrix.numpy()


def normal_start(outputs: int, samples: int, units: int, deviation: float) -> Start:
    """Return targets of variance 1 and normal weights, as in the authors' figures 3, 6 and 9.

    Parameters
    ----------
    outputs, samples, units : int
        Sizes.
    deviation : float
        Standard deviation of the weights.

    Returns
    -------
    Start
        The matrix to fit and the weights.

    Examples
    --------
    >>> [part.shape for part in normal_start(5, 10, 50, 0.1)]
    [(5, 10), (5, 50), (50, 10)]
    """
    targets = published_draw((outputs, samples), 1.0).astype(np.float64)
    outgoing = published_draw((outputs, units), deviation).astype(np.float64)
    incoming = published_draw((samples, units), deviation).astype(np.float64)
    return Start(targets, outgoing, incoming.T.copy())


def radial_start(outputs: int, samples: int, mean: float) -> Start:
    """Return weights that are diagonal in the singular basis of the targets.

    They are for the radial activation (the authors' figure 7). Every unit has one singular
    direction, so that the units descend each on its own; means of all sizes start at one function.

    Parameters
    ----------
    outputs, samples : int
        Sizes of the targets; there are as many units as the smaller one.
    mean : float
        Mean, and standard deviation, of the diagonal entries.

    Returns
    -------
    Start
        The matrix to fit and the weights.

    Examples
    --------
    >>> _, outgoing, incoming = radial_start(5, 10, 0.1)
    >>> outgoing.shape, incoming.shape
    ((5, 5), (5, 10))
    """
    units = min(outputs, samples)
    targets = published_draw((outputs, samples), 1.0).astype(np.float64)
    left, _, right = np.linalg.svd(targets, full_matrices=False)
    entries = mean * (1 + published_draw((2, units), 1.0).astype(np.float64))
    outgoing = left * entries[0]
    incoming = entries[1][:, None] * right
    return Start(targets, outgoing, incoming)
