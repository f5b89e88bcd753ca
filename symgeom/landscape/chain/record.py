"""What a trained chain is remembered by: its points, how hard it was to find, and its shape."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.path import Path, bend_angles, polygon_length


@dataclass(frozen=True, eq=False)
class Chains:
    """Trained chains of ``k`` pairs.

    A pair whose bends diverged stays among them: its errors are NaN, and ``finite`` is false.

    Attributes
    ----------
    path : Path
        The chains, stacked: start, bends and end of every pair are its ``points``.
    epoch : Tensor of int64, shape (evaluation,)
        Epochs of training before each evaluation, from 0 to the last.
    largest_error : Tensor, shape (pair, evaluation)
        Largest training error along the chain, on a grid that is refined at its peak.
    t, error : Tensor, shape (pair, point)
        That grid at the last evaluation, increasing from 0 to 1, and the training error on it.
    epochs_needed : Tensor, shape (pair,)
        Epoch of the first evaluation whose largest error is within the threshold; infinite where
        there is none.
    steps_needed : Tensor, shape (pair,)
        The same in gradient steps (mini-batches).
    finite : Tensor of bool, shape (pair,)
        Whether the bends stayed finite.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    path: Path
    epoch: Tensor
    largest_error: Tensor
    t: Tensor
    error: Tensor
    epochs_needed: Tensor
    steps_needed: Tensor
    finite: Tensor
    batch_norm: str | None


class ChainShape(NamedTuple):
    """The shape of a polygonal chain.

    Attributes
    ----------
    length_ratio : Tensor, shape ()
        Length of the chain over the distance of its ends.
    angle : Tensor, shape ()
        The largest angle by which it turns at a bend, in radians.
    """

    length_ratio: Tensor
    angle: Tensor


def chain_shape(*points: Parameters) -> ChainShape:
    """Measure how far a polygonal chain departs from the straight line.

    Parameters
    ----------
    *points : Parameters
        The points of one chain: start, bends, end. Use ``torch.vmap`` for stacked pairs. The metric
        is the Euclidean one of all floating-point tensors.

    Returns
    -------
    ChainShape
        ``(|m - a| + |b - m|) / |b - a|``, at least 1, and the angle between ``m - a`` and ``b -
        m``: 0 on the straight line, pi where the chain turns back; the largest one of several bends
        (all: :func:`symgeom.landscape.path.bend_angles`). In float64.

    Examples
    --------
    >>> import torch
    >>> corners = [{"w": torch.tensor(w)} for w in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])]
    >>> [round(float(x), 4) for x in chain_shape(*corners)]
    [1.4142, 1.5708]
    """
    distance_of_ends = polygon_length([points[0], points[-1]])
    length_ratio = polygon_length(points) / distance_of_ends
    return ChainShape(length_ratio, bend_angles(points).amax())
