"""Profiles whose points gather where the profile peaks.

An equidistant grid misses what is narrower than its spacing. Every refinement halves the two
intervals beside the point where the error rises highest above the line between the ends, and the
two beside the point where the loss does: the loss is smooth, so that its slopes lead to a peak of
the error that no point of the grid has seen. The number of points is the same for all paths; where
they lie is part of the record. Where intervals coincide, or a peak is at an end, the next ones to
the error's peak are halved. A grid with fewer than four intervals is halved as a whole.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.landscape.barriers.along import Profile, pairs_of, profile
from symgeom.landscape.barriers.height import rise
from symgeom.landscape.path import PathFunction, as_path
from symgeom.landscape.problem import Problem

NEW_POINTS = 4
"""Points that one refinement adds at most."""


def refined_profile(
    problem: Problem,
    path: PathFunction,
    *,
    points: int = 11,
    refinements: int = 3,
    at_once: int | None = None,
    values: str = "both",
) -> Profile:
    """Evaluate loss and error along a path, more densely where they peak.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the path's networks.
    path : Path, or function of ``t``
        From ``t`` to parameters of one network; one of stacked pairs is ``path.pair(index)``.
    points : int
        Points of the equidistant grid to begin with, ends included; at least 2.
    refinements : int
        How often four points are added. Each halves the distance of the points around the peak.
    at_once, values
        As in :func:`~symgeom.landscape.barriers.profile`.

    Returns
    -------
    Profile
        On ``points + 4 * refinements`` values of ``t`` (fewer if there were fewer than 5 points),
        increasing from 0 to 1, the equidistant ones among them.

    Raises
    ------
    SymgeomError
        As :func:`refine`.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> ends = {"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])}
    >>> refined_profile(problem, LinearPath(*ends), points=5, refinements=1).t
    tensor([0.0000, 0.1250, 0.2500, 0.3750, 0.5000, 0.6250, 0.7500, 0.8750, 1.0000],
           dtype=torch.float64)
    """
    grid = torch.linspace(0, 1, points, dtype=torch.float64)
    coarse = profile(problem, path, grid, at_once=at_once, values=values)
    return refine(problem, path, coarse, refinements=refinements, at_once=at_once, values=values)


def refined_size(points: int, refinements: int) -> int:
    """Return how many points a refined grid has.

    Parameters
    ----------
    points : int
        Of the grid to begin with.
    refinements : int
        How often points are added.

    Returns
    -------
    int
        The number of points, wherever they lie.

    Examples
    --------
    >>> refined_size(9, 2), refined_size(3, 2)
    (17, 9)
    """
    size = points
    for _ in range(refinements):
        intervals = size - 1
        size += min(NEW_POINTS, intervals)
    return size


def refine(
    problem: Problem,
    path: PathFunction,
    coarse: Profile,
    *,
    refinements: int,
    at_once: int | None = None,
    values: str = "both",
) -> Profile:
    """Add points to a profile where it peaks.

    Parameters
    ----------
    problem, path, refinements, at_once, values
        As in :func:`refined_profile`.
    coarse : Profile
        Of this path, on a grid from 0 to 1 of at least 2 points, however it was computed.

    Returns
    -------
    Profile
        With up to four points more for each refinement, on the device of the coarse values.

    Raises
    ------
    SymgeomError
        If the grid has no interval, or the path is one of stacked pairs.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.landscape.path import LinearPath
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> ends = {"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [1.0]])}
    >>> path = LinearPath(*ends)
    >>> coarse = profile(problem, path, torch.linspace(0, 1, 5, dtype=torch.float64))
    >>> refine(problem, path, coarse, refinements=1).error.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    if len(coarse.t) < 2 or refinements < 0:
        raise SymgeomError(
            f"Cannot refine a grid of {len(coarse.t)} points {refinements} times: begin with at "
            "least 2 points, and give a number of refinements that is not negative."
        )
    pairs = pairs_of(problem, as_path(path))
    if pairs:
        raise SymgeomError(
            f"Cannot refine the profiles of {pairs[0]} stacked pairs together, for each peaks "
            "elsewhere: take them one by one, with path.pair(index)."
        )
    refined = coarse
    for _ in range(refinements):
        added = profile(problem, path, _points_to_add(refined), at_once=at_once, values=values)
        refined = _merged(refined, added)
    return refined


def _merged(first: Profile, second: Profile) -> Profile:
    """Return the points of two profiles of one path by increasing ``t``, on the first's device."""
    t, order = torch.cat([first.t, second.t]).sort()

    def merged(values: Tensor, more: Tensor) -> Tensor:
        together = torch.cat([values, more.to(values.device)])
        return together[order.to(values.device)]

    loss = merged(first.loss, second.loss)
    error = merged(first.error, second.error)
    return Profile(t, loss, error, first.batch_norm, first.task)


def _points_to_add(profiled: Profile) -> Tensor:
    """Return the middles of the intervals to be halved."""
    error = rise(profiled.t, profiled.error).nan_to_num(nan=-torch.inf).tolist()
    loss = rise(profiled.t, profiled.loss).nan_to_num(nan=-torch.inf).tolist()
    points = range(len(profiled.t))
    error_peak = max(points, key=lambda point: (error[point], loss[point]))
    loss_peak = max(points, key=lambda point: loss[point])
    by_preference = [
        *_intervals_beside(error_peak, 1),
        *_intervals_beside(loss_peak, 1),
        *_intervals_beside(error_peak, len(points)),
    ]
    intervals: list[int] = []
    for interval in by_preference:
        if interval in points[:-1] and interval not in intervals:
            intervals.append(interval)
    left = torch.tensor(intervals[:NEW_POINTS])
    return (profiled.t[left] + profiled.t[left + 1]) / 2


def _intervals_beside(peak: int, reach: int) -> Iterator[int]:
    """Yield the left ends of the intervals around a point, nearest first, also beyond the grid."""
    for distance in range(reach):
        yield peak - 1 - distance
        yield peak + distance
