r"""Points of geodesic simplices: between any number of networks on the torus.

On every sphere the point with weights :math:`w_j \ge 0`, :math:`\sum_j w_j = 1`, is the direction
of :math:`\sum_j w_j \hat u_j`, with :math:`\hat u_j` the directions of the vertices. With equal
weights it is the barycentre; of two networks that is the middle of their geodesic.

References
----------
Annesi et al., "The star-shaped space of solutions of the spherical negative perceptron", Physical
Review Letters 131, 227301, 2023 (arXiv 2305.10623): simplices of solutions, on one sphere.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, cast, is_movable, stack
from symgeom.quotient.torus.coordinates import sphere_coordinates, with_sphere_coordinates
from symgeom.quotient.torus.distances import Torus
from symgeom.symmetry.sphere import normalise


def simplex_point(
    torus: Torus, networks: Sequence[Parameters], weights: Tensor
) -> dict[str, Tensor]:
    """Return a point of the simplex of some networks.

    Parameters
    ----------
    torus : Torus
        The torus.
    networks : sequence of Parameters
        The vertices: canonical networks, aligned to each other.
    weights : Tensor, shape (network,)
        How much of each, not negative and in sum 1.

    Returns
    -------
    dict of str to Tensor
        On every sphere the direction of the mean of the directions, with their mean length; tensors
        on no sphere are means, integer buffers those of the first. In float64.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> torus = Torus(SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),)))
    >>> corners = [{"weight": torch.eye(2)[[0]]}, {"weight": torch.eye(2)[[1]]}]
    >>> simplex_point(torus, corners, torch.tensor([0.5, 0.5]))["weight"]
    tensor([[0.7071, 0.7071]], dtype=torch.float64)
    """
    shares = weights.double()
    double = [cast(network, torch.float64) for network in networks]
    vectors = []
    for network in double:
        coordinates = sphere_coordinates(torus.spec, network, bias_in_norm=torus.bias_in_norm)
        vectors.append(coordinates)
    points = {}
    for name, of_networks in stack(vectors).items():
        lengths = of_networks.norm(dim=-1, keepdim=True)
        direction = normalise(_mean(normalise(of_networks), shares))
        points[name] = _mean(lengths, shares) * direction
    between = dict(double[0])
    for name, tensors in stack(double).items():
        if is_movable(tensors):
            between[name] = _mean(tensors, shares)
    return with_sphere_coordinates(torus.spec, between, points, bias_in_norm=torus.bias_in_norm)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean over the leading axis."""
    return torch.tensordot(weights, values, dims=1)
