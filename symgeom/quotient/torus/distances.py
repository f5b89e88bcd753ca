"""Angles, distances, geodesics and random points on the product of spheres of one architecture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError, check_choice, check_range
from symgeom.ground.doors import check_attributes, door
from symgeom.ground.types import Parameters, cast, is_movable
from symgeom.quotient.torus.coordinates import (
    sphere_coordinates,
    sphere_legs,
    with_sphere_coordinates,
)
from symgeom.quotient.torus.membership import check_on_torus
from symgeom.symmetry.spec import SymmetrySpec, check_spec, put, take
from symgeom.symmetry.sphere import angle, normalise, random_direction, slerp

PIECE = 2**18
"""Entries of which angles are computed at once."""


def distance_of_angles(angles: Mapping[str, Tensor], *, kind: str = "rms") -> Tensor:
    """Return the distance that angles between two networks make.

    Parameters
    ----------
    angles : mapping of str to Tensor, shape (size,)
        From :meth:`Torus.angles`, of all groups or of some.
    kind : {"rms", "riemannian"}
        Root mean square of the angles (radians; NaN if there are none), or the Riemannian length of
        the geodesic.

    Returns
    -------
    Tensor, scalar
        In float64.

    Examples
    --------
    >>> distance_of_angles({"hidden1": torch.tensor([3.0, 4.0])}, kind="riemannian")
    tensor(5., dtype=torch.float64)
    """
    check_choice(kind, ("rms", "riemannian"), "kind of distance")
    device = next((tensor.device for tensor in angles.values()), "cpu")
    none = torch.zeros(0, dtype=torch.float64, device=device)
    squares = torch.cat([*angles.values(), none]) ** 2
    if kind == "rms":
        return squares.nanmean().sqrt()
    return squares.nansum().sqrt()


@dataclass(frozen=True)
class Torus:
    """The product of spheres of one architecture.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture; every group contributes one sphere per unit.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates (a convention that changes distances; the
        default is yes).
    """

    spec: SymmetrySpec
    bias_in_norm: bool = True

    def __post_init__(self) -> None:
        check_attributes(self)

    @door
    def angles(self, first: Parameters, second: Parameters) -> dict[str, Tensor]:
        """Return the angles between two networks, sphere by sphere.

        Parameters
        ----------
        first, second : Parameters
            Two canonical networks: of raw ones, the angles of a layer depend on scales of the layer
            before it. Use ``torch.vmap`` for stacked networks.

        Returns
        -------
        dict of str to Tensor, shape (size,)
            Radians, in float64; NaN for units that are zero in either network (dropped units have
            no direction).

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> first = {"weight": torch.tensor([[1.0, 0.0]])}
        >>> second = {"weight": torch.tensor([[0.0, 5.0]])}
        >>> Torus(spec).angles(first, second)
        {'hidden1': tensor([1.5708], dtype=torch.float64)}
        """
        check_spec(self.spec, first)
        check_same_tensors(second, first, "the second network")
        legs_by_group = sphere_legs(self.spec, first, bias_in_norm=self.bias_in_norm)
        angles = {}
        for name, legs in legs_by_group.items():
            size = self.spec[name].size
            of_first = [take(first[leg.tensor], leg, size) for leg in legs]
            of_second = [take(second[leg.tensor], leg, size) for leg in legs]
            angles[name] = _angles(of_first, of_second)
        return angles

    @door
    def distance(self, first: Parameters, second: Parameters, *, kind: str = "rms") -> Tensor:
        """Return the distance between two networks.

        Parameters
        ----------
        first, second : Parameters
            Two canonical networks, aligned if permutations shall not count.
        kind : {"rms", "riemannian"}
            Root mean square of the angles (radians; NaN if there are no spheres), or the Riemannian
            length of the geodesic.

        Returns
        -------
        Tensor, scalar
            In float64.

        Raises
        ------
        SymgeomError
            If ``kind`` is unknown, or the networks differ in architecture or are not canonical.

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> network = {"weight": torch.tensor([[1.0, 0.0]])}
        >>> float(Torus(spec).distance(network, network))
        0.0
        """
        self._check_on_torus(first, second)
        return self.distance_of_directions(first, second, kind=kind)

    def distance_of_directions(
        self, first: Parameters, second: Parameters, *, kind: str = "rms"
    ) -> Tensor:
        """Return the distance between the directions of two networks, canonical or not.

        Along a path through weight space, whose points leave the torus, it is the length of the
        path's shadow there.

        Parameters
        ----------
        first, second : Parameters
            Two networks.
        kind : {"rms", "riemannian"}
            As for :meth:`distance`.

        Returns
        -------
        Tensor, scalar
            In float64.

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> first = {"weight": torch.tensor([[2.0, 0.0]])}
        >>> second = {"weight": torch.tensor([[0.0, 5.0]])}
        >>> Torus(spec).distance_of_directions(first, second)
        tensor(1.5708, dtype=torch.float64)
        """
        return distance_of_angles(self.angles(first, second), kind=kind)

    @door
    def group_distances(self, first: Parameters, second: Parameters) -> dict[str, Tensor]:
        """Return the distance between two networks, group by group.

        Parameters
        ----------
        first, second : Parameters
            Two canonical networks, aligned if permutations shall not count.

        Returns
        -------
        dict of str to Tensor, scalar
            Root mean square of the angles of each group (radians), over the units that have a
            direction in both networks; NaN if none has.

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> first = {"weight": torch.tensor([[1.0, 0.0]])}
        >>> second = {"weight": torch.tensor([[0.0, 1.0]])}
        >>> Torus(spec).group_distances(first, second)
        {'hidden1': tensor(1.5708, dtype=torch.float64)}
        """
        self._check_on_torus(first, second)
        distances = {}
        for name, angles in self.angles(first, second).items():
            distances[name] = distance_of_angles({name: angles})
        return distances

    @door
    def geodesic(self, first: Parameters, second: Parameters, t: float) -> dict[str, Tensor]:
        """Return a point of the geodesic; tensors on no sphere are interpolated linearly.

        Parameters
        ----------
        first, second : Parameters
            Two canonical networks. Lengths that are not 1 (of the head) are interpolated
            geometrically; a unit that is zero in one network has no direction there and grows
            linearly along its direction in the other; integer buffers are those of the first.
        t : float
            0 gives the first network, 1 the second.

        Returns
        -------
        dict of str to Tensor
            A network on the torus, in float64.

        Raises
        ------
        SymgeomError
            If the networks differ in architecture, are not canonical, or are antipodal on some
            sphere.

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> first = {"weight": torch.tensor([[1.0, 0.0]])}
        >>> second = {"weight": torch.tensor([[0.0, 1.0]])}
        >>> Torus(spec).geodesic(first, second, 0.5)["weight"]
        tensor([[0.7071, 0.7071]], dtype=torch.float64)
        """
        check_range(t, "the place on the geodesic", least=0, most=1)
        self._check_on_torus(first, second)
        first_points = self._coordinates(first)
        second_points = self._coordinates(second)
        points = {}
        for name, u in first_points.items():
            points[name] = _between(name, u, second_points[name], t)
        linear = _interpolated(first, second, t)
        return self._network(linear, points)

    @door
    def random_point(self, like: Parameters, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw a network uniformly on the torus.

        It is the control that shows what alignment finds by selection alone.

        Parameters
        ----------
        like : Parameters
            A network of the architecture, which supplies the tensors that lie on no sphere. A unit
            that is zero there (dropped or idle) is zero in the control, too, as is what reads it:
            where fewer units are to be matched, the control has as many.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        dict of str to Tensor
            A canonical network, in the precision of ``like``.

        Examples
        --------
        >>> import torch
        >>> from symgeom.symmetry.spec import Leg, UnitGroup
        >>> torus = Torus(SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),)))
        >>> generator = torch.Generator().manual_seed(0)
        >>> like = {"weight": torch.ones(1, 9).double()}
        >>> point = torus.random_point(like, generator=generator)
        >>> round(float(point["weight"].norm()), 12)
        1.0
        """
        check_spec(self.spec, like)
        points = {}
        idle = {}
        coordinates = self._coordinates(like)
        for name in list(coordinates):
            of_group = coordinates.pop(name)
            points[name] = random_direction(tuple(of_group.shape), generator=generator)
            idle[name] = (of_group == 0).all(-1)
        if any(bool(units.any()) for units in idle.values()):
            present = self._coordinates(self._without(cast(like, torch.float64), idle))
            for name, share in present.items():
                points[name] = normalise(points[name] * share)
        return self._network(like, points)

    def _without(self, like: Parameters, idle: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a network of ones, but for the incoming and outgoing weights of idle units."""
        ones = {name: torch.ones_like(tensor) for name, tensor in like.items()}
        for name, units in idle.items():
            group = self.spec[name]
            for leg in (*group.incoming(), *group.outgoing()):
                slices = take(ones[leg.tensor], leg, group.size).clone()
                slices[units] = 0
                ones[leg.tensor] = put(ones[leg.tensor], leg, slices)
        return ones

    def _check_on_torus(self, first: Parameters, second: Parameters) -> None:
        """Raise unless both networks are canonical, and of one architecture."""
        check_spec(self.spec, first)
        check_same_tensors(second, first, "the second network")
        for network, what in ((first, "the first network"), (second, "the second network")):
            check_on_torus(self.spec, network, what, bias_in_norm=self.bias_in_norm)

    def _coordinates(self, params: Parameters) -> dict[str, Tensor]:
        """Return the coordinates of a network, in float64."""
        double = cast(params, torch.float64)
        return sphere_coordinates(self.spec, double, bias_in_norm=self.bias_in_norm)

    def _network(self, like: Parameters, points: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the network at points of the spheres, with all other tensors of another one."""
        return with_sphere_coordinates(self.spec, like, points, bias_in_norm=self.bias_in_norm)


def _angles(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Return the angles between the units of a group, in float64, some units after others.

    Parameters
    ----------
    first, second : sequence of Tensor, shape (size, d)
        Of two networks, the entries of each leg of the group; they are put side by side for a few
        units at a time.

    Returns
    -------
    Tensor, shape (size,)
        NaN for units that are zero in either network.
    """
    size = len(first[0])
    length = sum(part.shape[1] for part in first)
    units = max(1, PIECE // length)
    angles = []
    for start in range(0, size, units):
        u = torch.cat([part[start : start + units] for part in first], dim=1)
        v = torch.cat([part[start : start + units] for part in second], dim=1)
        of_units = angle(u.double(), v.double())
        angles.append(torch.where(_have_directions(u, v), of_units, torch.nan))
    return torch.cat(angles)


def _have_directions(u: Tensor, v: Tensor) -> Tensor:
    """Whether the unit is zero in neither network, shape (size,)."""
    return (u != 0).any(-1) & (v != 0).any(-1)


def _interpolated(first: Parameters, second: Parameters, t: float) -> dict[str, Tensor]:
    """Interpolate all weights linearly, in float64; constants are those of the first."""
    result = dict(first)
    for name, tensor in first.items():
        if is_movable(tensor):
            result[name] = torch.lerp(tensor.double(), second[name].double(), t)
    return result


def _between(name: str, u: Tensor, v: Tensor, t: float) -> Tensor:
    """Return the points of the great circles of one group; a complaint names it."""
    try:
        return slerp(u, v, t)
    except SymgeomError as mistake:
        raise SymgeomError(f"Group '{name}': {mistake}") from None
