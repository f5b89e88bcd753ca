"""Closed forms of the ellipse; weights are along the last axis."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def loss(weights: NDArray, steepness: float) -> NDArray:
    """Return the loss.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Points of the plane.
    steepness : float
        The curvature along the second weight over that along the first.

    Returns
    -------
    array, shape (...)
        The loss.

    Examples
    --------
    >>> float(loss(np.array([1.0, 0.5]), 4))
    2.0
    """
    return weights[..., 0] ** 2 + steepness * weights[..., 1] ** 2


def turned(weights: NDArray, angle: ArrayLike, steepness: float) -> NDArray:
    """Move points along their orbit.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Points of the plane.
    angle : array_like
        By how much to turn them, where the ellipse is a circle.
    steepness : float
        As for :func:`loss`.

    Returns
    -------
    array, shape (..., 2)
        Points of the same loss.

    Examples
    --------
    >>> turned(np.array([1.0, 0.0]), np.pi / 2, 4).round(12).tolist()
    [0.0, 0.5]
    """
    stretch = steepness**0.5
    first = weights[..., 0]
    second = stretch * weights[..., 1]
    cosine = np.cos(angle)
    sine = np.sin(angle)
    return np.stack(
        [cosine * first - sine * second, (sine * first + cosine * second) / stretch], axis=-1
    )


def charge(weights: NDArray, steepness: float) -> NDArray:
    """Return what gradient flow conserves.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Points of the plane, on neither axis.
    steepness : float
        As for :func:`loss`.

    Returns
    -------
    array, shape (...)
        The charge.

    Examples
    --------
    >>> float(charge(np.array([1.0, 1.0]), 4))
    0.0
    """
    logarithms = np.log(np.abs(weights))
    return steepness * logarithms[..., 0] - logarithms[..., 1]


def flow(weights: NDArray, time: ArrayLike, steepness: float) -> NDArray:
    """Return where gradient flow leads.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Where it starts.
    time : array_like
        For how long it flows.
    steepness : float
        As for :func:`loss`.

    Returns
    -------
    array, shape (..., 2)
        Where it is then.

    Examples
    --------
    >>> flow(np.array([1.0, 1.0]), 0.5, 1).round(3).tolist()
    [0.368, 0.368]
    """
    elapsed = np.asarray(time)
    shrinking = [np.exp(-2 * elapsed), np.exp(-2 * steepness * elapsed)]
    return weights * np.stack(shrinking, axis=-1)


def descended(weights: NDArray, rate: float, steepness: float) -> NDArray:
    """Return where a step of gradient descent leads.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Where it starts.
    rate : float
        Learning rate.
    steepness : float
        As for :func:`loss`.

    Returns
    -------
    array, shape (..., 2)
        Where it ends.

    Examples
    --------
    >>> descended(np.array([1.0, 1.0]), 0.125, 4).tolist()
    [0.75, 0.0]
    """
    gradient = 2 * weights * np.array([1.0, steepness])
    return weights - rate * gradient


def decrease(weights: NDArray, steepness: float) -> NDArray:
    """Return the rate at which gradient flow lowers the loss, relative to the loss.

    Parameters
    ----------
    weights : array, shape (..., 2)
        Points of the plane.
    steepness : float
        As for :func:`loss`.

    Returns
    -------
    array, shape (...)
        Between 4 and ``4 * steepness``.

    Examples
    --------
    >>> decrease(np.array([[1.0, 0.0], [0.0, 1.0]]), 4).tolist()
    [4.0, 16.0]
    """
    gradient = 2 * weights * np.array([1.0, steepness])
    return (gradient**2).sum(-1) / loss(weights, steepness)
