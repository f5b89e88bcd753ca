"""Combinations of networks whose weights depend on ``t`` only, and the weights of polygonal and Bezier curves."""

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_same_tensors
from symgeom.ground.types import Parameters

Path = Callable[[float | Tensor], dict[str, Tensor]]
"""From ``t`` in [0, 1] to parameters; a tensor of shape ``(t,)`` gives stacked parameters."""


def polygonal_weights(t: Tensor, points: int) -> Tensor:
    """Weights of the points of a polygonal chain: hat functions, exactly 1 at their point and 0 at the others.

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
    return torch.stack(
        [(1 - (t * (points - 1) - index).abs()).clamp(min=0) for index in range(points)]
    )


def bezier_weights(t: Tensor, points: int) -> Tensor:
    """Weights of the control points of a Bezier curve: Bernstein polynomials.

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
    return torch.stack(
        [
            math.comb(degree, index) * t**index * (1 - t) ** (degree - index)
            for index in range(points)
        ]
    )


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
        integers are the first point's.

    Examples
    --------
    >>> combine(torch.tensor([0.25, 0.75]), [{"w": torch.zeros(2)}, {"w": torch.ones(2)}])
    {'w': tensor([0.7500, 0.7500])}
    """

    def one(name: str) -> Tensor:
        tensors = [point[name] for point in points]
        if not tensors[0].is_floating_point():
            return tensors[0].expand((*weights.shape[1:], *tensors[0].shape))
        factors = weights.to(tensors[0]).reshape(*weights.shape, *[1] * tensors[0].ndim)
        return reduce(
            operator.add, (factor * tensor for factor, tensor in zip(factors, tensors, strict=True))
        )

    return {name: one(name) for name in points[0]}


def check_times(t: float | Tensor) -> Tensor:
    """Return ``t`` as a tensor in float64.

    Parameters
    ----------
    t : float or Tensor, shape () or (t,)
        Where a path is evaluated.

    Returns
    -------
    Tensor, shape () or (t,)
        The same.

    Raises
    ------
    SymgeomError
        If ``t`` has more than one axis, or leaves [0, 1].

    Examples
    --------
    >>> check_times(0.5)
    tensor(0.5000, dtype=torch.float64)
    """
    t = torch.as_tensor(t, dtype=torch.float64)
    if t.ndim > 1:
        raise SymgeomError(
            f"Cannot evaluate a path at t of shape {tuple(t.shape)}: give a number, or a tensor with one axis."
        )
    if not ((t >= 0) & (t <= 1)).all():
        raise SymgeomError(
            f"Cannot evaluate a path at t from {t.min():.6g} to {t.max():.6g}: a path runs from t = 0 to t = 1."
        )
    return t


def check_points(points: Sequence[Parameters]) -> None:
    """Raise unless a path can be drawn through some networks.

    Parameters
    ----------
    points : sequence of Parameters
        The networks.

    Raises
    ------
    SymgeomError
        If there are fewer than two, or they differ in their tensors.

    Examples
    --------
    >>> check_points([{"w": torch.zeros(1)}, {"w": torch.ones(1)}])
    """
    if len(points) < 2:
        raise SymgeomError(f"Cannot draw a path through {len(points)} networks: give at least two.")
    for index, point in enumerate(points[1:], start=1):
        check_same_tensors(point, points[0], f"point {index} of the path")


def one_pair(points: Sequence[Parameters], index: int) -> list[dict[str, Tensor]]:
    """Return the points of one of the stacked pairs.

    Parameters
    ----------
    points : sequence of Parameters
        Stacked networks.
    index : int
        Which pair.

    Returns
    -------
    list of dict
        Its networks (views, not copies).

    Examples
    --------
    >>> one_pair([{"w": torch.zeros(2, 1)}, {"w": torch.tensor([[1.0], [2.0]])}], 1)
    [{'w': tensor([0.])}, {'w': tensor([2.])}]
    """
    return [{name: tensor[index] for name, tensor in point.items()} for point in points]
