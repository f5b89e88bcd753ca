"""What is known of a trained chain: its points, how hard it was to find, and its shape."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.landscape.path import bend_angles, polygon_length
from symgeom.landscape.path.curves import Curve


@dataclass(frozen=True, eq=False)
class Chains:
    """Trained chains of ``k`` pairs. A pair whose bends diverged keeps its place: NaN errors, ``finite`` false.

    Attributes
    ----------
    path : PolygonalPath or BezierPath
        Start, bends and end of every pair, stacked.
    epoch : Tensor of int64, shape (evaluation,)
        Epochs of training before each evaluation, from 0 to the last.
    largest_error : Tensor, shape (pair, evaluation)
        Largest training error on the grid along the chain.
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

    path: Curve
    epoch: Tensor
    largest_error: Tensor
    epochs_needed: Tensor
    steps_needed: Tensor
    finite: Tensor
    batch_norm: str | None


class ChainShape(NamedTuple):
    """Length of a chain over the distance of its ends, and the largest angle by which it turns at a bend (radians)."""

    length_ratio: Tensor
    angle: Tensor


def chain_shape(*points: Parameters) -> ChainShape:
    """Measure how far a polygonal chain departs from the straight line, in the Euclidean metric of all floating-point tensors.

    Parameters
    ----------
    *points : Parameters
        The points of one chain: start, bends, end. Use ``torch.vmap`` for stacked pairs.

    Returns
    -------
    ChainShape
        ``(|m - a| + |b - m|) / |b - a|``, at least 1, and the angle between ``m - a`` and ``b -
        m``: 0 on the straight line, pi where the chain turns back; the largest one of several bends
        (all: :func:`symgeom.landscape.path.bend_angles`). In float64.

    Examples
    --------
    >>> import torch
    >>> corner = [{"w": torch.tensor(point)} for point in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])]
    >>> [round(float(x), 4) for x in chain_shape(*corner)]
    [1.4142, 1.5708]
    """
    return ChainShape(
        polygon_length(points) / polygon_length([points[0], points[-1]]), bend_angles(points).amax()
    )
