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

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.torus.coordinates import rows, sphere_legs
from symgeom.quotient.torus.distances import PIECE, Torus
from symgeom.symmetry.spec import Leg, multiply
from symgeom.symmetry.sphere import AntipodalError, normalise

ROUNDS = 1000
"""Steps after which the search gives up: the points are spread over more than half a sphere."""

STEP = 1e-14
"""Length of a step below which the search has converged."""

NO_DIRECTION = 1e-6
"""Length of the mean of directions below which rounding decides where it points."""


Networks = Sequence[Parameters] | Mapping[int, Parameters]
"""Networks by their numbers."""


def frechet_point(
    torus: Torus,
    networks: Networks,
    weights: Tensor,
    dtype: torch.dtype = torch.float64,
) -> dict[str, Tensor]:
    """Return the weighted middle of some networks on the torus.

    Parameters
    ----------
    torus : Torus
        The torus.
    networks : sequence of Parameters, or mapping of int to Parameters
        Canonical networks, aligned to each other. Two at once are looked at, so that they need not
        fit into memory if a mapping reads them when asked for.
    weights : Tensor, shape (network,)
        How much of each: positive, and in sum 1.
    dtype : torch.dtype
        Of the middle.

    Returns
    -------
    dict of str to Tensor
        Lengths that are not 1 are combined geometrically. A unit that is zero in some networks is
        the middle of the others, shortened by the weights of those. Tensors on no sphere are means,
        integer buffers those of the first.

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
    legs_by_group = sphere_legs(torus.spec, networks[0], bias_in_norm=torus.bias_in_norm)
    spheres = {}
    for name, legs in legs_by_group.items():
        spheres[name] = _Sphere(name, legs, torus.spec[name].size, weights.double())
    for first in range(len(networks)):
        ours = networks[first]
        for second in range(first, len(networks)):
            theirs = ours if second == first else networks[second]
            for sphere in spheres.values():
                sphere.compare(first, second, ours, theirs)
            del theirs  # before the next one is read
        del ours
    for sphere in spheres.values():
        sphere.find_middle()
    between = _combined(networks, weights.tolist(), list(spheres.values()), dtype)
    return _with_lengths(between, spheres.values())


def _combined(
    networks: Networks, shares: Sequence[float], spheres: Sequence["_Sphere"], dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return the sum of vectors times their coefficients, and the means of other tensors."""
    places: dict[str, list[tuple[_Sphere, Leg]]] = {}
    for sphere in spheres:
        for leg in sphere.legs:
            places.setdefault(leg.tensor, []).append((sphere, leg))
    total: dict[str, Tensor] = {}
    for index, share in enumerate(shares):
        for name, tensor in networks[index].items():
            if not tensor.is_floating_point():
                total.setdefault(name, tensor)
                continue
            part = share * tensor.to(dtype)
            for sphere, leg in places.get(name, ()):
                multiply(part, leg, (sphere.coefficients[index] / share).to(part))
            _add(total, name, part)
    return total


def _add(total: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    """Add a tensor of a network to a sum."""
    if name in total:
        total[name].add_(tensor)
    else:
        total[name] = tensor


def _with_lengths(between: dict[str, Tensor], spheres: Iterable["_Sphere"]) -> dict[str, Tensor]:
    """Return a sum of vectors of which each has got its length, in place."""
    for sphere in spheres:
        vectors = rows(between, sphere.legs, sphere.size)
        lengths = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64)
        factors = torch.where(lengths > 0, sphere.length.to(lengths) / lengths, 0.0)
        for leg in sphere.legs:
            tensor = between[leg.tensor]
            multiply(tensor, leg, factors.to(tensor))
    return between


class _Sphere:
    """The units of a group in some networks: what they have in common, not the vectors.

    These small tensors lie on the CPU.
    """

    def __init__(self, name: str, legs: tuple[Leg, ...], size: int, shares: Tensor) -> None:
        count = len(shares)
        self.name = name
        self.legs = legs
        self.size = size
        self.shares = shares.cpu()
        lengths = torch.zeros(count, size, dtype=torch.float64, device="cpu")
        self.lengths = lengths
        self.products = lengths.new_zeros(size, count, count)

    def compare(self, first: int, second: int, ours: Parameters, theirs: Parameters) -> None:
        """Take the products of the directions of the units in two networks, piece by piece."""
        our_rows = rows(ours, self.legs, self.size)
        their_rows = rows(theirs, self.legs, self.size)
        units = max(1, PIECE // our_rows.shape[1])
        products = []
        lengths = []
        for u, v in zip(our_rows.split(units), their_rows.split(units), strict=True):
            products.append((normalise(u.double()) * normalise(v.double())).sum(-1))
            lengths.append(torch.linalg.vector_norm(u.double(), dim=-1))
        self.products[:, first, second] = torch.cat(products)
        self.products[:, second, first] = torch.cat(products)
        self.lengths[first] = torch.cat(lengths)

    def find_middle(self) -> None:
        """Find the length of the middle, and how much of every vector its direction has."""
        lengths = self.lengths
        weights = torch.where(lengths > 0, self.shares.unsqueeze(1), 0.0)
        present = weights.sum(0)
        weights = torch.where(present > 0, weights / present, 0.0)
        logarithms = torch.where(lengths > 0, lengths, 1.0).log()
        self.length = present * (weights * logarithms).sum(0).exp()
        try:
            coefficients = _coefficients(self.products, weights.T).T
        except AntipodalError as mistake:
            raise AntipodalError(f"Group '{self.name}': {mistake}") from None
        self.coefficients = torch.where(lengths > 0, coefficients / lengths, 0.0)


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
    coefficients = _coefficients(products, weights.T)
    return normalise((coefficients.unsqueeze(1) @ by_unit).squeeze(1))


def _coefficients(products: Tensor, shares: Tensor) -> Tensor:
    """Return how much of every vector the middle of the units has, shape (unit, point)."""
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
    return coefficients


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
