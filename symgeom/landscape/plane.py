r"""The plane through three networks, and maps of the landscape on it.

With :math:`\langle\cdot,\cdot\rangle` the Euclidean inner product of the trainable tensors, the
axes are

.. math:: e_1 = \frac{b - a}{\lVert b - a\rVert}, \qquad
          e_2 = \frac{c - a - \langle c - a, e_1\rangle e_1}{\lVert c - a - \langle c - a, e_1\rangle e_1\rVert},

and coordinates are true displacements from :math:`a`: the distance of two points of a map is that
of their networks. A point of the plane is evaluated as a combination of the three networks whose
weights add up to 1, so that at their coordinates the three are returned exactly, and buffers are
combined alike. The three are no grid points but markers with values of their own.

On the torus (``torus`` given) every unit of a point of the plane is put back on its sphere: its
direction is that of the combination, its length the geometric combination of the three networks'
lengths. Distances on the map are then no distances.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026): the
plane through three networks and its axes. Pittorino et al., "Deep networks on toroids"
(2202.03038): minima aligned and standardised first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite, check_same_tensors
from symgeom.ground.types import Parameters, cast, ravel, stack
from symgeom.landscape.barriers import evaluate
from symgeom.landscape.path import combine
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates

COLLINEAR = 1e-6
"""Height of the triangle over its longest side below which three networks are said to lie on a line."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane through three networks.

    Attributes
    ----------
    a, b, c : Parameters
        Three networks of one architecture, aligned if permutations shall not count.
    tensors : sequence of str, optional
        Those that distances count (the trainable ones); all floating-point tensors by default.
    torus : Torus, optional
        Put the units of every network on the spheres of this torus.

    Raises
    ------
    SymgeomError
        If the networks differ in their tensors, hold a value that is not finite, or lie on a line.

    Examples
    --------
    >>> plane = Plane(*({"w": torch.tensor(point)} for point in ([1.0, 1.0], [5.0, 1.0], [4.0, 3.0])))
    >>> plane.places
    tensor([[0., 0.],
            [4., 0.],
            [3., 2.]], dtype=torch.float64)
    >>> plane(1.0, 2.0)
    {'w': tensor([2., 3.])}
    """

    a: Parameters
    b: Parameters
    c: Parameters
    tensors: Sequence[str] | None = None
    torus: Torus | None = None

    def __post_init__(self) -> None:
        for network, name in ((self.a, "first"), (self.b, "second"), (self.c, "third")):
            check_same_tensors(network, self.a, f"the {name} network of the plane")
            check_finite(network, f"the {name} network of the plane")
        (_, _), (width, _), (along, height) = self.places.tolist()
        sides = (
            width,
            torch.tensor([along, height]).norm().item(),
            torch.tensor([along - width, height]).norm().item(),
        )
        if not height > COLLINEAR * max(sides):
            raise SymgeomError(
                f"Cannot draw a plane through three networks on a line: the triangle with sides of length {sides[0]:.3g}, "
                f"{sides[1]:.3g} and {sides[2]:.3g} has height {height:.3g} over the first. Choose three different minima."
            )

    @cached_property
    def places(self) -> Tensor:
        """Coordinates of the three networks, shape ``(3, 2)``, in float64."""
        counted = self.tensors or [
            name for name, tensor in self.a.items() if tensor.is_floating_point()
        ]
        a, b, c = (
            ravel({name: network[name].double() for name in counted})
            for network in (self.a, self.b, self.c)
        )
        width = torch.linalg.vector_norm(b - a)
        along = (c - a) @ (b - a) / width
        height = torch.linalg.vector_norm(c - a - along * (b - a) / width)
        return torch.stack(
            [
                torch.zeros_like(width).expand(2),
                torch.stack([width, 0 * width]),
                torch.stack([along, height]),
            ]
        )

    def weights(self, x: float, y: float) -> Tensor:
        """Return the weights of the three networks in the point at some coordinates: shape ``(3,)``, their sum is 1."""
        (_, _), (width, _), (along, height) = self.places.tolist()
        third = y / height
        second = (x - third * along) / width
        return torch.tensor([1 - second - third, second, third], dtype=torch.float64)

    def __call__(self, x: float, y: float) -> dict[str, Tensor]:
        """Return the network at some coordinates."""
        weights = self.weights(x, y)
        network = combine(weights, (self.a, self.b, self.c))
        return network if self.torus is None else self._put_back(network, weights)

    def _put_back(self, network: Parameters, weights: Tensor) -> dict[str, Tensor]:
        spec, options = self.torus.spec, {"bias_in_norm": self.torus.bias_in_norm}
        rows = {
            name: x.double() for name, x in sphere_coordinates(spec, network, **options).items()
        }
        for name, points in rows.items():
            logarithm = (weights.to(points) @ self._lengths[name].log()).exp()  # (unit,)
            factor = logarithm / torch.linalg.vector_norm(points, dim=1)
            rows[name] = (
                torch.where((self._lengths[name] > 0).all(0), factor, 1.0).unsqueeze(1) * points
            )
        return with_sphere_coordinates(spec, network, rows, **options)

    @cached_property
    def _lengths(self) -> dict[str, Tensor]:
        """Lengths of the units in the three networks, shape ``(3, unit)``."""
        spec, options = self.torus.spec, {"bias_in_norm": self.torus.bias_in_norm}
        networks = [cast(network, torch.float64) for network in (self.a, self.b, self.c)]
        found = [sphere_coordinates(spec, network, **options) for network in networks]
        return {
            name: torch.stack([torch.linalg.vector_norm(rows[name], dim=1) for rows in found])
            for name in found[0]
        }


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """The landscape on a plane.

    Attributes
    ----------
    x, y : Tensor, shape (point,)
        Coordinates of the columns and rows of the grid: displacements from the first network.
    loss, error : Tensor, shape (y, x)
        Mean loss, and fraction misclassified, in float64; NaN where the network's outputs are.
    places : Tensor, shape (3, 2)
        Coordinates of the three networks.
    place_loss, place_error : Tensor, shape (3,)
        Loss and error of the three networks themselves.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms of the networks used; None without batch norm.
    """

    x: Tensor
    y: Tensor
    loss: Tensor
    error: Tensor
    places: Tensor
    place_loss: Tensor
    place_error: Tensor
    batch_norm: str | None


def error_map(problem: Problem, plane: Plane, *, points: int = 21, margin: float = 0.2) -> ErrorMap:
    """Evaluate loss and error on a grid in the plane through three networks.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the networks.
    plane : Plane
        The plane.
    points : int
        Points of the grid along either axis.
    margin : float
        What the grid shows beyond the three networks, on every side, as a part of their extent
        along that axis.

    Returns
    -------
    ErrorMap
        The values; infinite and undefined ones are kept as they are.

    Raises
    ------
    SymgeomError
        If the grid has fewer than two points, or a negative margin.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> networks = ({"weight": torch.tensor(point).reshape(2, 1)} for point in ([0.0, 2.0], [2.0, 0.0], [0.0, 0.0]))
    >>> found = error_map(problem, Plane(*networks), points=3, margin=0)
    >>> found.x, found.error.shape, found.place_error
    (tensor([0.0000, 1.4142, 2.8284], dtype=torch.float64), torch.Size([3, 3]), tensor([0., 1., 1.], dtype=torch.float64))
    """
    if points < 2 or not margin >= 0:
        raise SymgeomError(
            f"Cannot draw a map with {points} points per axis and a margin of {margin}: give at least two, and a margin that is "
            "not negative."
        )
    problem = laid_out(problem)
    low, high = plane.places.amin(0), plane.places.amax(0)
    low, high = (low - margin * (high - low)).tolist(), (high + margin * (high - low)).tolist()
    x, y = (
        torch.linspace(*ends, points, dtype=torch.float64) for ends in zip(low, high, strict=True)
    )
    rows = [
        torch.stack([_evaluate(problem, plane, here, there) for here in x.tolist()], dim=1)
        for there in y.tolist()
    ]
    loss, error = torch.stack(rows, dim=1)  # (y, x)
    place_loss, place_error = torch.stack(
        [_evaluate(problem, plane, *place) for place in plane.places.tolist()], dim=1
    )
    return ErrorMap(x, y, loss, error, plane.places, place_loss, place_error, problem.batch_norm)


def _evaluate(problem: Problem, plane: Plane, x: float, y: float) -> Tensor:
    return evaluate(problem, stack([plane(x, y)]))[:, 0]
