r"""The weighted middle of networks on the torus: the Frechet (Karcher) mean on every sphere.

On one sphere it is the point of smallest :math:`\sum_j w_j \theta_j^2`, with :math:`\theta_j` the
angles to the unit vectors :math:`\hat u_j`. There :math:`\sum_j w_j \log_x \hat u_j = 0`, so that

.. math:: x \propto \sum_j w_j \frac{\theta_j}{\sin\theta_j}\, \hat u_j .

Of two networks with weights :math:`1 - t` and :math:`t` it is the point ``t`` of their geodesic,
which the direction of a weighted mean (:mod:`symgeom.quotient.torus.simplex`) is in the middle
alone. The middle lies in the span of the :math:`\hat u_j`: the search moves their coefficients, and
looks at the vectors themselves only for their products.

References
----------
H. Karcher, "Riemannian center of mass and mollifier smoothing" (1977), section 1: the point at
which the mean of the logarithms vanishes. It is unique where all vectors lie in a ball of radius
pi/2 around it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, cast
from symgeom.quotient.torus.coordinates import rows, sphere_legs, with_sphere_coordinates
from symgeom.quotient.torus.distances import Torus
from symgeom.symmetry.sphere import AntipodalError, normalise

ROUNDS = 1000
"""Steps after which the search gives up: the points are spread over more than half a sphere."""

STEP = 1e-14
"""Length of a step below which the search has converged."""

NO_DIRECTION = 1e-6
"""Length of the mean of directions below which rounding decides where it points."""


def frechet_point(
    torus: Torus, networks: Sequence[Parameters], weights: Tensor
) -> dict[str, Tensor]:
    """Return the weighted middle of some networks on the torus.

    Parameters
    ----------
    torus : Torus
        The torus.
    networks : sequence of Parameters
        Canonical networks, aligned to each other.
    weights : Tensor, shape (network,)
        How much of each: positive, and in sum 1.

    Returns
    -------
    dict of str to Tensor
        Lengths that are not 1 are combined geometrically. A unit that is zero in some networks is
        the middle of the others, shortened by the weights of those. Tensors on no sphere are means,
        integer buffers those of the first. In float64.

    Raises
    ------
    AntipodalError
        If the directions of a unit have no middle.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> torus = Torus(SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),)))
    >>> corners = [{"weight": torch.eye(2)[[0]]}, {"weight": torch.eye(2)[[1]]}]
    >>> frechet_point(torus, corners, torch.tensor([2 / 3, 1 / 3]))["weight"]
    tensor([[0.8660, 0.5000]], dtype=torch.float64)
    """
    shares = weights.double()
    double = [cast(network, torch.float64) for network in networks]
    between = dict(double[0])
    for name in double[0]:
        if double[0][name].is_floating_point():
            tensors = torch.stack([network[name] for network in double])
            between[name] = torch.tensordot(shares, tensors, dims=1)
    points = {}
    legs_by_group = sphere_legs(torus.spec, double[0], bias_in_norm=torus.bias_in_norm)
    for name, legs in legs_by_group.items():
        size = torus.spec[name].size
        vectors = torch.stack([rows(network, legs, size) for network in double])
        points[name] = _middle(name, vectors, shares)
    return with_sphere_coordinates(torus.spec, between, points, bias_in_norm=torus.bias_in_norm)


def _middle(name: str, vectors: Tensor, shares: Tensor) -> Tensor:
    """Return the middle of the units of a group; a complaint names it."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1)  # (network, unit)
    has_length = lengths > 0
    shares_there = torch.where(has_length, shares.unsqueeze(1), 0.0)
    present = shares_there.sum(0)
    weights = torch.where(present > 0, shares_there / present, 0.0)
    logarithms = torch.where(has_length, lengths, 1.0).log()
    mean_logarithm = (weights * logarithms).sum(0)
    length = present * mean_logarithm.exp()
    try:
        direction = frechet_mean(normalise(vectors), weights)
    except AntipodalError as mistake:
        raise AntipodalError(f"Group '{name}': {mistake}") from None
    return length.unsqueeze(-1) * direction


def frechet_mean(points: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted Frechet mean of unit vectors.

    Parameters
    ----------
    points : Tensor, shape (point, unit, d)
        Unit vectors.
    weights : Tensor, shape (point, unit)
        Not negative, and in sum 1, or all 0.

    Returns
    -------
    Tensor, shape (unit, d)
        Unit vectors; zero where all weights are.

    Raises
    ------
    AntipodalError
        If the mean of the vectors of a unit is zero, so that they have no middle.

    Examples
    --------
    >>> points = torch.eye(3, dtype=torch.float64).unsqueeze(1)
    >>> frechet_mean(points, torch.full((3, 1), 1 / 3, dtype=torch.float64))
    tensor([[0.5774, 0.5774, 0.5774]], dtype=torch.float64)
    """
    by_unit = points.transpose(0, 1)
    products = by_unit @ by_unit.transpose(1, 2)  # (unit, point, point)
    shares = weights.T
    _check_directions(products, shares)
    coefficients = _unit_combination(shares, products)
    for _ in range(ROUNDS):
        cosines = (products @ coefficients.unsqueeze(-1)).squeeze(-1)
        pulls = shares * _angle_over_sine(cosines)
        along = (pulls * cosines).sum(-1, keepdim=True)
        step = pulls - along * coefficients
        coefficients = _unit_combination(coefficients + step, products)
        if float(step.abs().amax()) < STEP:
            break
    return normalise((coefficients.unsqueeze(1) @ by_unit).squeeze(1))


def _check_directions(products: Tensor, shares: Tensor) -> None:
    """Raise unless the mean of the vectors of every unit has a direction."""
    length = _length(shares, products).squeeze(-1)
    has_shares = (shares > 0).any(-1)
    lost = has_shares & (length < NO_DIRECTION)
    if lost.any():
        units = lost.nonzero().flatten().tolist()
        raise AntipodalError(
            f"Cannot find the middle of units {units}: their directions in the networks cancel, so "
            "that no point is singled out. Align the networks first, or give them other weights."
        )


def _unit_combination(coefficients: Tensor, products: Tensor) -> Tensor:
    """Return coefficients of the same direction that combine vectors to one of length 1."""
    length = _length(coefficients, products)
    return torch.where(length > 0, coefficients / length, 0.0)


def _length(coefficients: Tensor, products: Tensor) -> Tensor:
    """Return the length of combinations of vectors, shape (unit, 1)."""
    combined = (products @ coefficients.unsqueeze(-1)).squeeze(-1)
    squares = (coefficients * combined).sum(-1, keepdim=True)
    return squares.clamp(min=0).sqrt()


def _angle_over_sine(cosines: Tensor) -> Tensor:
    """Return the angle over its sine, a smooth function of the cosine: no digit is lost near 0."""
    cosines = cosines.clamp(-1, 1)
    sines = ((1 - cosines) * (1 + cosines)).sqrt()
    return torch.where(cosines < 1, cosines.arccos() / sines, 1.0)
