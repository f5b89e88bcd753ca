"""Combinations of networks: the weights of polygonal and Bezier curves, and the weighted sum."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, is_movable


def polygonal_weights(t: Tensor, points: int) -> Tensor:
    """Return the weights of the points of a polygonal chain: hat functions.

    Each is exactly 1 at its point and 0 at the others.

    Parameters
    ----------
    t : Tensor, shape (...)
        In [0, 1]; every segment takes the same share of it.
    points : int
        Number of points of the chain, at least 2.

    Returns
    -------
    Tensor, shape (points, ...)
        Their sum over points is 1. No branch depends on ``t``, so that ``torch.vmap`` gives every
        pair its own ``t``.

    Examples
    --------
    >>> polygonal_weights(torch.tensor(0.25), 3)
    tensor([0.5000, 0.5000, 0.0000])
    """
    hats = []
    for index in range(points):
        segments_away = (t * (points - 1) - index).abs()
        hats.append((1 - segments_away).clamp(min=0))
    return torch.stack(hats)


def bezier_weights(t: Tensor, points: int) -> Tensor:
    """Return the weights of the control points of a Bezier curve: Bernstein polynomials.

    Parameters
    ----------
    t : Tensor, shape (...)
        In [0, 1].
    points : int
        Number of control points, at least 2.

    Returns
    -------
    Tensor, shape (points, ...)
        Their sum over points is 1; at ``t = 0`` and ``t = 1`` exactly those of the ends.

    Examples
    --------
    >>> bezier_weights(torch.tensor(0.5), 3)
    tensor([0.2500, 0.5000, 0.2500])
    """
    degree = points - 1
    polynomials = []
    for index in range(points):
        coefficient = math.comb(degree, index)
        polynomials.append(coefficient * t**index * (1 - t) ** (degree - index))
    return torch.stack(polynomials)


def combine(weights: Tensor, points: Sequence[Parameters]) -> dict[str, Tensor]:
    """Combine networks linearly.

    Parameters
    ----------
    weights : Tensor, shape (points,) or (points, t)
        One weight per point, for one network or for several.
    points : sequence of Parameters
        Networks of one architecture, or stacked networks.

    Returns
    -------
    dict of str to Tensor
        In the precision of the points, with the leading axis ``t`` where the weights have it;
        integers, and constants that hold minus infinity (masks), are the first point's.

    Examples
    --------
    >>> combine(torch.tensor([0.25, 0.75]), [{"w": torch.zeros(2)}, {"w": torch.ones(2)}])
    {'w': tensor([0.7500, 0.7500])}
    """
    combined = {}
    for name in points[0]:
        tensors = [point[name] for point in points]
        combined[name] = _weighted_sum(weights, tensors)
    return combined


def _weighted_sum(weights: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of one tensor of several networks."""
    first = tensors[0]
    if not is_movable(first):
        return first.expand((*weights.shape[1:], *first.shape))
    factors = weights.to(first).reshape(*weights.shape, *[1] * first.ndim)
    total = factors[0] * first
    for factor, tensor in zip(factors[1:], tensors[1:], strict=True):
        total = total + factor * tensor
    return total
