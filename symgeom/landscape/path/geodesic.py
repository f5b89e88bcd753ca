r"""Great circles of every unit at once.

The weights of the two networks depend on ``t`` and on the sphere that an entry lies on; the formula
is in :mod:`symgeom.landscape.path`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from symgeom.ground.doors import check_attributes
from symgeom.ground.types import Parameters, cast, is_movable, unstack
from symgeom.landscape.path.abstract import Path, check_times
from symgeom.landscape.path.points import check_points, one_pair
from symgeom.quotient.torus import check_on_torus, sphere_coordinates, with_sphere_coordinates
from symgeom.symmetry.spec import SymmetrySpec, check_spec
from symgeom.symmetry.sphere import ANTIPODAL_TOLERANCE, AntipodalError, angle, slerp_weights


@dataclass(frozen=True, eq=False)
class GeodesicPath(Path):
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
        The networks at ``t = 0`` and ``t = 1``, which are returned exactly: canonical ones (the
        head may have any length), the second aligned to the first.
    bias_in_norm : bool
        Whether a unit's bias is a coordinate of its sphere (the default); if not, biases are
        interpolated linearly.
    stacked : bool
        Whether ``start`` and ``end`` hold ``k`` pairs along a leading axis.

    Raises
    ------
    SymgeomError
        If the networks or the spec do not fit each other, a network is not canonical, or (an
        AntipodalError) if a unit is antipodal to itself in the other network.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
    >>> start, end = {"weight": torch.tensor([[1.0, 0.0]])}, {"weight": torch.tensor([[0.0, 1.0]])}
    >>> GeodesicPath(spec, start, end)(0.5)["weight"]
    tensor([[0.7071, 0.7071]])
    """

    spec: SymmetrySpec
    start: Parameters
    end: Parameters
    bias_in_norm: bool = True
    stacked: bool = False

    def __post_init__(self) -> None:
        check_attributes(self)
        check_points(self.points)
        check_spec(self.spec, self._one_network)
        for network, what in ((self.start, "the start"), (self.end, "the end")):
            check_on_torus(
                self.spec,
                network,
                f"{what} of the path",
                bias_in_norm=self.bias_in_norm,
                stacked=self.stacked,
            )
        for group, (u, v) in self._coordinates.items():
            antipodal = angle(u, v) > math.pi - ANTIPODAL_TOLERANCE  # (unit,) or (pair, unit)
            if antipodal.any():
                units = sorted(set(antipodal.nonzero()[:, -1].tolist()))
                raise AntipodalError(
                    f"Cannot draw a geodesic: units {units} of group '{group}' are antipodal in "
                    "the two networks (angle pi), so that no great circle is singled out. "
                    "Align the networks first, or move one of them."
                )

    @property
    def points(self) -> Sequence[Parameters]:
        """Both ends."""
        return self.start, self.end

    def __call__(self, t: float | Tensor) -> dict[str, Tensor]:
        """Return the network at ``t``, or stacked networks."""
        return self.tensors(t, self.start)

    def tensors(self, t: float | Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return some tensors of the network at ``t``, or of stacked networks."""
        times = check_times(t)
        weights = self._weights(times)
        return {name: self._tensor(name, times, weights) for name in names}

    def factors(self, name: str, t: Tensor) -> Tensor | None:
        """Return how much of each end is in the rows of a tensor, None if it differs in a row."""
        spheres = self._spheres[name]
        rows = spheres.shape[:1].numel()  # a scalar is one row
        spheres = spheres.reshape(rows, -1)
        if (spheres != spheres[:, :1]).any():
            return None
        return self._weights(t)[..., spheres[:, 0]]

    def pair(self, index: int) -> "GeodesicPath":
        """Return the path of one of the stacked pairs."""
        start, end = one_pair(self.points, index)
        return replace(self, start=start, end=end, stacked=False)

    def _tensor(self, name: str, times: Tensor, weights: Tensor) -> Tensor:
        """Return one tensor at ``times``; weights have shape ``(2, t, pair, sphere)``."""
        start = self.start[name]
        if not is_movable(start):
            return start.expand((*times.shape, *start.shape))
        spheres = self._spheres[name]
        leading = weights.shape[:-1]
        entries = spheres.reshape(-1).expand(*leading, -1)
        of_entries = weights.to(start.dtype).gather(-1, entries)
        of_start, of_end = of_entries.reshape(*leading, *spheres.shape)
        return of_start * start + of_end * self.end[name]

    def _weights(self, t: Tensor) -> Tensor:
        """Return the weights of the ends on every sphere, shape ``(2, t, pair, sphere)``."""
        angles, ratios = self._angles_and_ratios
        times = t.to(angles).reshape(*t.shape, *[1] * angles.ndim)
        first, second = slerp_weights(angles, times)
        return torch.stack([first * ratios**times, second * ratios ** (times - 1)])

    @property
    def _one_network(self) -> Parameters:
        if not self.stacked:
            return self.start
        return unstack(self.start)[0]

    @cached_property
    def _coordinates(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The units of both ends as vectors, in float64, by group."""

        def vectors(network: Parameters) -> dict[str, Tensor]:
            return sphere_coordinates(self.spec, network, bias_in_norm=self.bias_in_norm)

        vectors_of = torch.vmap(vectors) if self.stacked else vectors
        first = vectors_of(cast(self.start, torch.float64))
        second = vectors_of(cast(self.end, torch.float64))
        return {group: (first[group], second[group]) for group in first}

    @cached_property
    def _angles_and_ratios(self) -> tuple[Tensor, Tensor]:
        """Angle and ratio of lengths on every sphere.

        An angle of 0 and a ratio of 1 come last, for the tensors that lie on no sphere.
        """
        angles = []
        first_lengths = []
        second_lengths = []
        for u, v in self._coordinates.values():
            angles.append(angle(u, v))
            first_lengths.append(torch.linalg.vector_norm(u, dim=-1))
            second_lengths.append(torch.linalg.vector_norm(v, dim=-1))
        first = torch.cat(first_lengths, -1)
        second = torch.cat(second_lengths, -1)
        ratios = torch.where((first == 0) | (second == 0), 1.0, second / first)
        return pad(torch.cat(angles, -1), (0, 1)), pad(ratios, (0, 1), value=1.0)

    @cached_property
    def _spheres(self) -> dict[str, Tensor]:
        """Number of the sphere on which each entry of each tensor lies."""
        device = self._angles_and_ratios[0].device
        count = 0
        numbers = {}
        for group, (u, _) in self._coordinates.items():
            size, dimension = u.shape[-2:]
            units = torch.arange(count, count + size, dtype=torch.float64, device=device)
            numbers[group] = units.unsqueeze(1).expand(size, dimension)
            count += size
        on_no_sphere = {}
        for name, tensor in self._one_network.items():
            on_no_sphere[name] = torch.full_like(tensor, count, dtype=torch.float64)
        by_tensor = with_sphere_coordinates(
            self.spec, on_no_sphere, numbers, bias_in_norm=self.bias_in_norm
        )
        return {name: tensor.long() for name, tensor in by_tensor.items()}
