r"""Paths between networks: callables from ``t`` in [0, 1] to parameters.

No layer is rewritten: a path of networks is a path of :data:`~symgeom.types.Parameters`, whatever the module. Linear, polygonal
and Bezier paths are combinations of fixed points with weights that depend on ``t`` only,

.. math:: \phi(t) = \sum_j w_j(t)\,\theta_j, \qquad \sum_j w_j(t) = 1.

A geodesic moves every unit on its own sphere: with :math:`\hat u_k, \hat v_k` the directions of unit ``k``'s incoming weights in
the two networks and ``slerp`` the great circle of :mod:`symgeom.sphere` (whose weights of the ends are all that is computed),

.. math:: u_k(t) = \lVert u_k\rVert^{1-t}\,\lVert v_k\rVert^{t}\;\mathrm{slerp}(\hat u_k, \hat v_k, t),

so that unit vectors stay unit vectors and a common rescaling of a unit in both networks rescales its path.

Conventions. ``t`` may be a number, which gives one network, or a tensor of shape ``(t,)``, which gives networks stacked along a
new leading axis. The points of a path may themselves be ``k`` stacked networks (``k`` pairs at once); results then have the
leading axes ``(t, k)``, or ``(k,)`` for a number. Integer buffers cannot be interpolated and are those of the first point. The
running statistics of batch normalisation are interpolated like any tensor: fold them, or recompute them, where that matters.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026), section 3: the polygonal
chain and the Bezier curve, with their ``t`` in [0, 1]. Pittorino et al., "Deep networks on toroids" (2202.03038): geodesics of
the standardised networks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from symgeom.checks import SymgeomError, check_same_tensors
from symgeom.spec import SymmetrySpec, check_spec
from symgeom.sphere import ANTIPODAL_TOLERANCE, angle, slerp_weights
from symgeom.torus import sphere_coordinates, with_sphere_coordinates
from symgeom.types import Parameters, cast, unstack

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
        Their sum over points is 1. No branch depends on ``t``, so that ``torch.vmap`` gives every pair its own ``t``.

    Examples
    --------
    >>> polygonal_weights(torch.tensor(0.25), 3)
    tensor([0.5000, 0.5000, 0.0000])
    """
    return torch.stack([(1 - (t * (points - 1) - index).abs()).clamp(min=0) for index in range(points)])


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
        In the precision of the points, with the leading axis ``t`` where the weights have it; integers are the first point's.

    Examples
    --------
    >>> combine(torch.tensor([0.25, 0.75]), [{"w": torch.zeros(2)}, {"w": torch.ones(2)}])
    {'w': tensor([0.7500, 0.7500])}
    """

    def one(name: str) -> Tensor:
        tensors = [point[name] for point in points]
        if not tensors[0].is_floating_point():
            return tensors[0].expand((*weights.shape[1:], *tensors[0].shape))
        factors = weights.to(tensors[0].dtype).reshape(*weights.shape, *[1] * tensors[0].ndim)
        return sum(factor * tensor for factor, tensor in zip(factors, tensors, strict=True))

    return {name: one(name) for name in points[0]}


@dataclass(frozen=True, eq=False)
class LinearPath:
    """The straight line between two networks.

    Attributes
    ----------
    start, end : Parameters
        The networks at ``t = 0`` and ``t = 1``, which are returned exactly; or ``k`` stacked pairs.

    Examples
    --------
    >>> line = LinearPath({"w": torch.zeros(1)}, {"w": torch.ones(1)})
    >>> line(0.25), line(torch.tensor([0.0, 0.5]))
    ({'w': tensor([0.2500])}, {'w': tensor([[0.0000],
            [0.5000]])})
    """

    start: Parameters
    end: Parameters

    def __post_init__(self) -> None:
        _check_points((self.start, self.end))

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return combine(polygonal_weights(_times(t), 2), (self.start, self.end))


@dataclass(frozen=True, eq=False)
class PolygonalPath:
    """Straight segments from point to point; every segment takes the same share of [0, 1].

    Attributes
    ----------
    points : sequence of Parameters
        At least two networks, or stacked networks; point ``j`` is at ``t = j / (points - 1)``. Three make a one-bend chain.

    Examples
    --------
    >>> chain = PolygonalPath([{"w": torch.tensor([x])} for x in (0.0, 4.0, 2.0)])
    >>> chain(0.75)
    {'w': tensor([3.])}
    """

    points: Sequence[Parameters]

    def __post_init__(self) -> None:
        _check_points(self.points)

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return combine(polygonal_weights(_times(t), len(self.points)), self.points)


@dataclass(frozen=True, eq=False)
class BezierPath:
    """The Bezier curve of some control points; it passes the first and the last.

    Attributes
    ----------
    points : sequence of Parameters
        At least two networks, or stacked networks.

    Examples
    --------
    >>> curve = BezierPath([{"w": torch.tensor([x])} for x in (0.0, 1.0, 0.0)])
    >>> curve(0.5)
    {'w': tensor([0.5000])}
    """

    points: Sequence[Parameters]

    def __post_init__(self) -> None:
        _check_points(self.points)

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return combine(_bernstein(_times(t), len(self.points) - 1), self.points)


@dataclass(frozen=True, eq=False)
class GeodesicPath:
    """Every unit on its great circle, lengths geometrically, all other tensors linearly.

    A unit that is zero in both networks (a dropped unit) stays zero. A unit that is zero in one of them has no direction there;
    it grows linearly along its direction in the other. Geometry is in float64, the result in the networks' precision.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture: one sphere for each unit of each group, the head included where the spec has it.
    start, end : Parameters
        The networks at ``t = 0`` and ``t = 1``, which are returned exactly. Align the second to the first.
    bias_in_norm : bool
        Whether a unit's bias is a coordinate of its sphere (the default); if not, biases are interpolated linearly.
    stacked : bool
        Whether ``start`` and ``end`` hold ``k`` pairs along a leading axis.

    Raises
    ------
    SymgeomError
        If the networks or the spec do not fit each other, or if a unit is antipodal to itself in the other network.

    Examples
    --------
    >>> from symgeom.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
    >>> path = GeodesicPath(spec, {"weight": torch.tensor([[1.0, 0.0]])}, {"weight": torch.tensor([[0.0, 4.0]])})
    >>> path(0.5)["weight"]
    tensor([[1.4142, 1.4142]])
    """

    spec: SymmetrySpec
    start: Parameters
    end: Parameters
    bias_in_norm: bool = True
    stacked: bool = False

    def __post_init__(self) -> None:
        _check_points((self.start, self.end))
        check_spec(self.spec, self._one)
        for name, (u, v) in self._coordinates.items():
            antipodal = angle(u, v) > math.pi - ANTIPODAL_TOLERANCE  # (unit,) or (pair, unit)
            if antipodal.any():
                units = sorted(set(antipodal.nonzero()[:, -1].tolist()))
                raise SymgeomError(
                    f"Cannot draw a geodesic: units {units} of group '{name}' are antipodal in the two networks (angle pi), so "
                    "that no great circle is singled out. Align the networks first, or move one of them."
                )

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        t = _times(t)
        theta, ratio = self._angles_and_ratios
        over = t.reshape(*t.shape, *[1] * theta.ndim)
        first, second = slerp_weights(theta, over)
        weights = torch.stack([first * ratio**over, second * ratio ** (over - 1)])  # (point, t, pair, sphere)

        def one(name: str) -> Tensor:
            start, end, spheres = self.start[name], self.end[name], self._spheres[name]
            if not start.is_floating_point():
                return start.expand((*t.shape, *start.shape))
            entries = spheres.reshape(-1).expand(*weights.shape[:-1], -1)
            here, there = weights.to(start.dtype).gather(-1, entries).unflatten(-1, spheres.shape)
            return here * start + there * end

        return {name: one(name) for name in self.start}

    @property
    def _one(self) -> Parameters:
        return unstack(self.start)[0] if self.stacked else self.start

    @cached_property
    def _coordinates(self) -> dict[str, tuple[Tensor, Tensor]]:
        def gather(network: Parameters) -> dict[str, Tensor]:
            return sphere_coordinates(self.spec, network, bias_in_norm=self.bias_in_norm)

        gather = torch.vmap(gather) if self.stacked else gather
        first, second = (gather(cast(network, torch.float64)) for network in (self.start, self.end))
        return {name: (first[name], second[name]) for name in first}

    @cached_property
    def _angles_and_ratios(self) -> tuple[Tensor, Tensor]:
        """Angle and ratio of lengths on every sphere; an angle of 0 and a ratio of 1, last, make the tensors on none linear."""
        ends = self._coordinates.values()
        u, v = (torch.cat([torch.linalg.vector_norm(pair[side], dim=-1) for pair in ends], -1) for side in (0, 1))
        ratio = torch.where((u == 0) | (v == 0), 1.0, v / u)
        theta = torch.cat([angle(*pair) for pair in ends], -1)
        return torch.nn.functional.pad(theta, (0, 1)), torch.nn.functional.pad(ratio, (0, 1), value=1.0)

    @cached_property
    def _spheres(self) -> dict[str, Tensor]:
        """Number of the sphere on which each entry of each tensor lies."""
        sizes = {name: ends[0].shape[-2:] for name, ends in self._coordinates.items()}
        count, rows = 0, {}
        for name, (size, d) in sizes.items():
            rows[name] = torch.arange(count, count + size, dtype=torch.float64).unsqueeze(1).expand(size, d)
            count += size
        nowhere = {name: torch.full(tensor.shape, float(count), dtype=torch.float64) for name, tensor in self._one.items()}
        numbers = with_sphere_coordinates(self.spec, nowhere, rows, bias_in_norm=self.bias_in_norm)
        return {name: tensor.long() for name, tensor in numbers.items()}


def _bernstein(t: Tensor, degree: int) -> Tensor:
    return torch.stack([math.comb(degree, index) * t**index * (1 - t) ** (degree - index) for index in range(degree + 1)])


def _times(t: float | Tensor) -> Tensor:
    t = torch.as_tensor(t, dtype=torch.float64)
    if t.ndim > 1:
        raise SymgeomError(f"Cannot evaluate a path at t of shape {tuple(t.shape)}: give a number, or a tensor with one axis.")
    if not ((t >= 0) & (t <= 1)).all():
        raise SymgeomError(f"Cannot evaluate a path at t from {t.min():.6g} to {t.max():.6g}: a path runs from t = 0 to t = 1.")
    return t


def _check_points(points: Sequence[Parameters]) -> None:
    if len(points) < 2:
        raise SymgeomError(f"Cannot draw a path through {len(points)} networks: give at least two.")
    for index, point in enumerate(points[1:], start=1):
        check_same_tensors(point, points[0], f"point {index} of the path")
