r"""How long a path is, and how sharply it turns.

Lengths are Euclidean, :math:`\sum_j \lVert\theta_{j+1}-\theta_j\rVert` over all floating-point
tensors (or those that are named), or distances on the torus, :math:`\sum_j d(\theta_j,
\theta_{j+1})`, which see directions only and are comparable with
:meth:`symgeom.quotient.torus.Torus.distance` of the ends. A curve is measured by points on it, so
that its length comes out short, by a relative error of order one over the square of their number.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, is_movable, ravel, unstack
from symgeom.landscape.path.abstract import PathFunction
from symgeom.quotient.torus import Torus
from symgeom.symmetry.sphere import angle

NETWORKS_HELD = 16
"""Networks of a path that are held in memory at once."""


def polygon_length(
    points: Sequence[Parameters], *, torus: Torus | None = None, kind: str = "rms"
) -> Tensor:
    """Return the length of the segments between networks.

    Parameters
    ----------
    points : sequence of Parameters
        Networks in their order, at least two. Use ``torch.vmap`` for stacked pairs.
    torus : Torus, optional
        Measure there; by default in the Euclidean metric of all floating-point tensors.
    kind : {"rms", "riemannian"}
        Which distance on the torus.

    Returns
    -------
    Tensor, shape ()
        In float64: in the unit of the weights, or in radians.

    Raises
    ------
    SymgeomError
        If there are fewer than two points.

    Examples
    --------
    >>> polygon_length([{"w": torch.tensor([x, 0.0])} for x in (0.0, 3.0, 1.0)])
    tensor(5., dtype=torch.float64)
    """
    if len(points) < 2:
        raise SymgeomError(
            f"Cannot measure the length of a path of {len(points)} points: give at least two."
        )
    if torus is None:
        lengths = [torch.linalg.vector_norm(step) for step in _steps(points)]
    else:
        lengths = []
        for ends in pairwise(points):
            lengths.append(torus.distance_of_directions(*ends, kind=kind))
    return torch.stack(lengths).sum()


def path_length(
    path: PathFunction, *, torus: Torus | None = None, kind: str = "rms", samples: int = 129
) -> Tensor:
    """Return the length of a path of one network.

    Parameters
    ----------
    path : Path, or function of ``t``
        Any path; one of stacked pairs is ``path.pair(index)``.
    torus : Torus, optional
        Measure there; by default in the Euclidean metric of all floating-point tensors.
    kind : {"rms", "riemannian"}
        Which distance on the torus.
    samples : int
        Equidistant points of the path between which distances are summed. A polygonal chain is
        exact if its corners are among them.

    Returns
    -------
    Tensor, shape ()
        In float64: in the unit of the weights, or in radians.

    Examples
    --------
    >>> from symgeom.landscape.path import BezierPath
    >>> corners = [{"w": torch.tensor(w)} for w in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])]
    >>> round(float(path_length(BezierPath(corners))), 3)
    1.623
    """
    total = torch.zeros((), dtype=torch.float64)
    last: list[Parameters] = []
    for times in torch.linspace(0, 1, samples, dtype=torch.float64).split(NETWORKS_HELD):
        networks = unstack(path(times))
        total = total + polygon_length([*last, *networks], torus=torus, kind=kind)
        last = [networks[-1]]
    return total


def bend_angles(points: Sequence[Parameters]) -> Tensor:
    """Return the angles by which a polygonal chain turns at its inner points.

    The metric is the Euclidean one of all floating-point tensors.

    Parameters
    ----------
    points : sequence of Parameters
        Networks in their order, at least three. Use ``torch.vmap`` for stacked pairs.

    Returns
    -------
    Tensor, shape (bend,)
        Radians, in float64: 0 where the chain goes straight on, pi where it turns back.

    Raises
    ------
    SymgeomError
        If there are fewer than three points.

    Examples
    --------
    >>> corners = [{"w": torch.tensor(w)} for w in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0])]
    >>> bend_angles(corners)
    tensor([1.5708], dtype=torch.float64)
    """
    if len(points) < 3:
        raise SymgeomError(
            f"Cannot measure the bends of a chain of {len(points)} points: give at least three."
        )
    turns = [angle(before, after) for before, after in pairwise(_steps(points))]
    return torch.stack(turns)


def _steps(points: Sequence[Parameters]) -> list[Tensor]:
    """Return the differences of neighbours, each as one vector in float64."""
    vectors = []
    for point in points:
        numbers = {name: x.double() for name, x in point.items() if is_movable(x)}
        vectors.append(ravel(numbers))
    return [there - here for here, there in pairwise(vectors)]
