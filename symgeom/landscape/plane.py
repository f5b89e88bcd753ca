r"""The plane through three networks, and maps of the landscape on it.

With :math:`\langle\cdot,\cdot\rangle` the Euclidean inner product of the trainable tensors, the
axes are

.. math:: e_1 = \frac{b - a}{\lVert b - a\rVert}, \qquad
          e_2 = \frac{h}{\lVert h\rVert}, \qquad h = c - a - \langle c - a, e_1\rangle\, e_1,

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

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import check_attributes
from symgeom.ground.types import Parameters, cast, is_movable, ravel, stack
from symgeom.landscape.barriers import evaluate
from symgeom.landscape.path import combine
from symgeom.landscape.problem import Problem
from symgeom.landscape.problem.evaluation import laid_out
from symgeom.quotient.torus import Torus, sphere_coordinates, with_sphere_coordinates

COLLINEAR = 1e-6
"""Height of the triangle over its longest side below which three networks lie on a line."""


class CollinearError(SymgeomError):
    """Three networks span no plane, because they lie on a line."""


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
        If the networks differ in their tensors, or hold a value that is not finite.
    CollinearError
        If they lie on a line.

    Examples
    --------
    >>> corners = [1.0, 1.0], [5.0, 1.0], [4.0, 3.0]
    >>> plane = Plane(*({"w": torch.tensor(corner)} for corner in corners))
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
        check_attributes(self)
        for network, name in zip(self.networks, ("first", "second", "third"), strict=True):
            check_same_tensors(network, self.a, f"the {name} network of the plane")
            check_finite(network, f"the {name} network of the plane")
        (_, _), (width, _), (along, height) = self.places.tolist()
        second_side = torch.tensor([along, height]).norm().item()
        third_side = torch.tensor([along - width, height]).norm().item()
        if not height > COLLINEAR * max(width, second_side, third_side):
            raise CollinearError(
                "Cannot draw a plane through three networks on a line: the triangle with sides of "
                f"length {width:.3g}, {second_side:.3g} and {third_side:.3g} has height "
                f"{height:.3g} over the first. Choose three different minima."
            )

    @property
    def networks(self) -> tuple[Parameters, Parameters, Parameters]:
        """The three networks."""
        return self.a, self.b, self.c

    @cached_property
    def places(self) -> Tensor:
        """Coordinates of the three networks, shape ``(3, 2)``, in float64."""
        names = self.tensors
        if not names:
            names = [name for name, tensor in self.a.items() if is_movable(tensor)]
        vectors = []
        for network in self.networks:
            vectors.append(ravel({name: network[name].double() for name in names}))
        a, b, c = vectors
        width = torch.linalg.vector_norm(b - a)
        along = (c - a) @ (b - a) / width
        height = torch.linalg.vector_norm(c - a - along * (b - a) / width)
        zero = torch.zeros_like(width)
        first = torch.stack([zero, zero])
        second = torch.stack([width, 0 * width])
        third = torch.stack([along, height])
        return torch.stack([first, second, third])

    def weights(self, x: float, y: float) -> Tensor:
        """Return the weights of the three networks in a point, shape ``(3,)``: their sum is 1."""
        (_, _), (width, _), (along, height) = self.places.tolist()
        third = y / height
        second = (x - third * along) / width
        return torch.tensor([1 - second - third, second, third], dtype=torch.float64)

    def __call__(self, x: float, y: float) -> dict[str, Tensor]:
        """Return the network at some coordinates."""
        weights = self.weights(x, y)
        network = combine(weights, self.networks)
        if self.torus is None:
            return network
        return self._put_back(network, weights, self.torus)

    def _put_back(self, network: Parameters, weights: Tensor, torus: Torus) -> dict[str, Tensor]:
        """Put the units of a point of the plane back on their spheres."""
        bias_in_norm = torus.bias_in_norm
        coordinates = sphere_coordinates(torus.spec, network, bias_in_norm=bias_in_norm)
        put_back = {}
        for group, points in coordinates.items():
            vectors = points.double()
            lengths = self._lengths[group]  # (3, unit)
            length = (weights.to(vectors) @ lengths.log()).exp()  # (unit,)
            factor = length / torch.linalg.vector_norm(vectors, dim=1)
            on_sphere = (lengths > 0).all(0)
            put_back[group] = torch.where(on_sphere, factor, 1.0).unsqueeze(1) * vectors
        return with_sphere_coordinates(torus.spec, network, put_back, bias_in_norm=bias_in_norm)

    @cached_property
    def _lengths(self) -> dict[str, Tensor]:
        """Lengths of the units in the three networks by group, shape ``(3, unit)``."""
        if self.torus is None:
            return {}
        lengths: dict[str, list[Tensor]] = {}
        for network in self.networks:
            coordinates = sphere_coordinates(
                self.torus.spec,
                cast(network, torch.float64),
                bias_in_norm=self.torus.bias_in_norm,
            )
            for group, points in coordinates.items():
                lengths.setdefault(group, []).append(torch.linalg.vector_norm(points, dim=1))
        return {group: torch.stack(of_networks) for group, of_networks in lengths.items()}


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
    >>> corners = [0.0, 2.0], [2.0, 0.0], [0.0, 0.0]
    >>> networks = [{"weight": torch.tensor(corner).reshape(2, 1)} for corner in corners]
    >>> error_map(problem, Plane(*networks), points=3, margin=0).place_error
    tensor([0., 1., 1.], dtype=torch.float64)
    """
    if points < 2 or not margin >= 0:
        raise SymgeomError(
            f"Cannot draw a map with {points} points per axis and a margin of {margin}: "
            "give at least two, and a margin that is not negative."
        )
    problem = laid_out(problem)
    low = plane.places.amin(0)
    high = plane.places.amax(0)
    beyond = margin * (high - low)
    corners = zip((low - beyond).tolist(), (high + beyond).tolist(), strict=True)
    x, y = (torch.linspace(*ends, points, dtype=torch.float64) for ends in corners)
    rows = []
    for height in y.tolist():
        row = [(width, height) for width in x.tolist()]
        rows.append(_evaluate(problem, plane, row))
    loss, error = torch.stack(rows, dim=1)  # (y, x)
    place_loss, place_error = _evaluate(problem, plane, plane.places.tolist())
    return ErrorMap(x, y, loss, error, plane.places, place_loss, place_error, problem.batch_norm)


def _evaluate(problem: Problem, plane: Plane, places: Sequence[Sequence[float]]) -> Tensor:
    """Return loss and error at some coordinates, shape ``(2, place)``, one network at a time."""
    values = []
    for x, y in places:
        network = stack([plane(x, y)])
        values.append(evaluate(problem, network)[:, 0])
    return torch.stack(values, dim=1)
