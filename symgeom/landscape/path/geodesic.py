r"""Great circles of every unit at once.

The weights of the two networks depend on ``t`` and on the sphere that an entry lies on; the formula
is in :mod:`symgeom.landscape.path`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, cast, unstack
from symgeom.landscape.path.weights import check_points, check_times, one_pair
from symgeom.quotient.torus import sphere_coordinates, with_sphere_coordinates
from symgeom.symmetry.spec import SymmetrySpec, check_spec
from symgeom.symmetry.sphere import ANTIPODAL_TOLERANCE, AntipodalError, angle, slerp_weights


@dataclass(frozen=True, eq=False)
class GeodesicPath:
    """Every unit on its great circle, lengths geometrically, all other tensors linearly.

    A unit that is zero in both networks (a dropped unit) stays zero. A unit that is zero in one of
    them has no direction there; it grows linearly along its direction in the other. Geometry is in
    float64, the result in the networks' precision.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture: one sphere for each unit of each group, the head included where the spec
        has it.
    start, end : Parameters
        The networks at ``t = 0`` and ``t = 1``, which are returned exactly. Align the second to the
        first.
    bias_in_norm : bool
        Whether a unit's bias is a coordinate of its sphere (the default); if not, biases are
        interpolated linearly.
    stacked : bool
        Whether ``start`` and ``end`` hold ``k`` pairs along a leading axis.

    Raises
    ------
    SymgeomError
        If the networks or the spec do not fit each other, or (an AntipodalError) if a unit is
        antipodal to itself in the other network.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
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
        check_points((self.start, self.end))
        check_spec(self.spec, self._one)
        for name, (u, v) in self._coordinates.items():
            antipodal = angle(u, v) > math.pi - ANTIPODAL_TOLERANCE  # (unit,) or (pair, unit)
            if antipodal.any():
                units = sorted(set(antipodal.nonzero()[:, -1].tolist()))
                raise AntipodalError(
                    f"Cannot draw a geodesic: units {units} of group '{name}' are antipodal in the two networks (angle pi), so "
                    "that no great circle is singled out. Align the networks first, or move one of them."
                )

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return self.tensors(t, self.start)

    def tensors(self, t: float | Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return some tensors of the network at ``t``, or of stacked networks."""
        t = check_times(t)
        weights = self._weights(t)

        def one(name: str) -> Tensor:
            start, end, spheres = self.start[name], self.end[name], self._spheres[name]
            if not start.is_floating_point():
                return start.expand((*t.shape, *start.shape))
            entries = spheres.reshape(-1).expand(*weights.shape[:-1], -1)
            here, there = (
                weights.to(start.dtype)
                .gather(-1, entries)
                .reshape(*weights.shape[:-1], *spheres.shape)
            )
            return here * start + there * end

        return {name: one(name) for name in names}

    @property
    def points(self) -> tuple[Parameters, Parameters]:
        """Both ends."""
        return self.start, self.end

    def factors(self, name: str, t: Tensor) -> Tensor | None:
        """Return how much of each end is in the rows of a tensor at ``t``, shape ``(2, t, row)``; None if it differs in a row."""
        spheres = self._spheres[name]
        spheres = spheres.reshape(spheres.shape[:1].numel(), -1)  # a scalar is one row
        return self._weights(t)[..., spheres[:, 0]] if (spheres == spheres[:, :1]).all() else None

    def pair(self, index: int) -> "GeodesicPath":
        """Return the path of one of the stacked pairs."""
        start, end = one_pair(self.points, index)
        return replace(self, start=start, end=end, stacked=False)

    def _weights(self, t: Tensor) -> Tensor:
        """Weights of the ends on every sphere, shape ``(2, t, pair, sphere)``."""
        theta, ratio = self._angles_and_ratios
        over = t.to(theta).reshape(*t.shape, *[1] * theta.ndim)
        first, second = slerp_weights(theta, over)
        return torch.stack([first * ratio**over, second * ratio ** (over - 1)])

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
        u, v = (
            torch.cat([torch.linalg.vector_norm(pair[side], dim=-1) for pair in ends], -1)
            for side in (0, 1)
        )
        ratio = torch.where((u == 0) | (v == 0), 1.0, v / u)
        theta = torch.cat([angle(*pair) for pair in ends], -1)
        return torch.nn.functional.pad(theta, (0, 1)), torch.nn.functional.pad(
            ratio, (0, 1), value=1.0
        )

    @cached_property
    def _spheres(self) -> dict[str, Tensor]:
        """Number of the sphere on which each entry of each tensor lies."""
        sizes = {name: ends[0].shape[-2:] for name, ends in self._coordinates.items()}
        count, rows, device = 0, {}, self._angles_and_ratios[0].device
        for name, (size, d) in sizes.items():
            rows[name] = (
                torch.arange(count, count + size, dtype=torch.float64, device=device)
                .unsqueeze(1)
                .expand(size, d)
            )
            count += size
        nowhere = {
            name: torch.full_like(tensor, count, dtype=torch.float64)
            for name, tensor in self._one.items()
        }
        numbers = with_sphere_coordinates(self.spec, nowhere, rows, bias_in_norm=self.bias_in_norm)
        return {name: tensor.long() for name, tensor in numbers.items()}
