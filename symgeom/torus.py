r"""The product of unit spheres on which canonical networks live.

After :func:`symgeom.gauge.canonicalise` the incoming weights of every hidden unit are a point on a unit sphere, and so is the
whole last layer: a network is a point on :math:`\prod_k S^{d_k-1}`, a "hyper-toroid" (a product of spheres, not of circles).
With :math:`\theta_k` the angle between the two networks on sphere :math:`k`,

.. math:: d_\mathrm{Riemann} = \Big(\sum_k \theta_k^2\Big)^{1/2}, \quad d_\mathrm{rms} = \Big(\frac1K\sum_k \theta_k^2\Big)^{1/2}.

Distances are between representatives: align one network to the other first, or the permutations are counted as distance.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), abstract and section on the geometry of the standardised space. The
normalisation of the distance is not given there: both are reported, ``rms`` (radians) is our default.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.checks import SymgeomError, check_same_tensors
from symgeom.spec import Leg, SymmetrySpec, UnitGroup, put, take
from symgeom.sphere import angle, random_direction, slerp
from symgeom.types import Parameters


def sphere_legs(group: UnitGroup, params: Parameters, *, bias_in_norm: bool = True) -> tuple[Leg, ...]:
    """Return the legs that hold the coordinates of a group's spheres: its incoming legs, with or without the biases.

    Parameters
    ----------
    group : UnitGroup
        Units with one sphere each.
    params : Parameters
        One network of the architecture (a bias is a tensor with one axis).
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates.

    Returns
    -------
    tuple of Leg
        The legs, in the group's order.

    Examples
    --------
    >>> import torch
    >>> group = UnitGroup("hidden1", 2, (Leg("weight", 0), Leg("bias", 0)))
    >>> network = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    >>> [leg.tensor for leg in sphere_legs(group, network, bias_in_norm=False)]
    ['weight']
    """
    return tuple(leg for leg in group.incoming() if bias_in_norm or params[leg.tensor].ndim > 1)


def sphere_coordinates(spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True) -> dict[str, Tensor]:
    """Gather the incoming weights of every unit.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network, canonical or not.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates.

    Returns
    -------
    dict of str to Tensor, shape (size, d)
        For each group, one row per unit; on the torus the rows have length 1.

    Examples
    --------
    >>> import torch
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("weight", 0), Leg("bias", 0))),))
    >>> sphere_coordinates(spec, {"weight": torch.ones(2, 3), "bias": torch.zeros(2)})["hidden1"]
    tensor([[1., 1., 1., 0.],
            [1., 1., 1., 0.]])
    """
    return {
        group.name: torch.cat([take(params[leg.tensor], leg, group.size) for leg in legs], dim=1)
        for group in spec.groups
        if (legs := sphere_legs(group, params, bias_in_norm=bias_in_norm))
    }


def with_sphere_coordinates(
    spec: SymmetrySpec, params: Parameters, coordinates: Mapping[str, Tensor], *, bias_in_norm: bool = True
) -> dict[str, Tensor]:
    """Write sphere coordinates back into a network; the inverse of :func:`sphere_coordinates`.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        Supplies the tensors that lie in no sphere; not modified.
    coordinates : mapping of str to Tensor, shape (size, d)
        For each group, one row per unit.
    bias_in_norm : bool
        As used to gather the coordinates.

    Returns
    -------
    dict of str to Tensor
        The network.

    Examples
    --------
    >>> import torch
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
    >>> with_sphere_coordinates(spec, {"weight": torch.zeros(1, 2)}, {"hidden1": torch.ones(1, 2)})
    {'weight': tensor([[1., 1.]])}
    """
    result = dict(params)
    for name, rows in coordinates.items():
        group = spec[name]
        legs = sphere_legs(group, params, bias_in_norm=bias_in_norm)
        widths = [take(result[leg.tensor], leg, group.size).shape[1] for leg in legs]
        for leg, part in zip(legs, torch.split(rows, widths, dim=1), strict=True):
            result[leg.tensor] = put(result[leg.tensor], leg, part.to(result[leg.tensor].dtype))
    return result


@dataclass(frozen=True)
class Torus:
    """The product of spheres of one architecture.

    Attributes
    ----------
    spec : SymmetrySpec
        The architecture; every group contributes one sphere per unit.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates (a convention that changes distances; the default is yes).
    """

    spec: SymmetrySpec
    bias_in_norm: bool = True

    def angles(self, first: Parameters, second: Parameters) -> dict[str, Tensor]:
        """Angles between two networks, sphere by sphere.

        Parameters
        ----------
        first, second : Parameters
            Two networks; lengths do not matter. Use ``torch.vmap`` for stacked networks.

        Returns
        -------
        dict of str to Tensor, shape (size,)
            Radians, in float64; NaN for units that are zero in either network (dropped units have no direction).

        Examples
        --------
        >>> import torch
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> Torus(spec).angles({"weight": torch.tensor([[1.0, 0.0]])}, {"weight": torch.tensor([[0.0, 5.0]])})
        {'hidden1': tensor([1.5708], dtype=torch.float64)}
        """
        check_same_tensors(second, first, "the second network")
        u, v = self._coordinates(first), self._coordinates(second)
        return {name: torch.where(_present(u[name], v[name]), angle(u[name], v[name]), torch.nan) for name in u}

    def distance(self, first: Parameters, second: Parameters, *, kind: str = "rms") -> Tensor:
        """Distance between two networks.

        Parameters
        ----------
        first, second : Parameters
            Two networks, aligned if permutations shall not count.
        kind : {"rms", "riemannian"}
            Root mean square of the angles (radians), or the Riemannian length of the geodesic.

        Returns
        -------
        Tensor, scalar
            In float64.

        Raises
        ------
        SymgeomError
            If ``kind`` is unknown.

        Examples
        --------
        >>> import torch
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> network = {"weight": torch.tensor([[1.0, 0.0]])}
        >>> float(Torus(spec).distance(network, network))
        0.0
        """
        squares = torch.cat(list(self.angles(first, second).values())) ** 2
        if kind == "rms":
            return squares.nanmean().sqrt()
        if kind == "riemannian":
            return squares.nansum().sqrt()
        raise SymgeomError(f"Unknown kind of distance {kind!r}: choose 'rms' (radians) or 'riemannian'.")

    def geodesic(self, first: Parameters, second: Parameters, t: float) -> dict[str, Tensor]:
        """Point at parameter ``t`` of the geodesic; tensors on no sphere are interpolated linearly.

        Parameters
        ----------
        first, second : Parameters
            Two canonical networks (unit spheres).
        t : float
            0 gives the first network, 1 the second.

        Returns
        -------
        dict of str to Tensor
            A canonical network, in float64.

        Raises
        ------
        SymgeomError
            If the networks are antipodal on some sphere.

        Examples
        --------
        >>> import torch
        >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
        >>> ends = {"weight": torch.tensor([[1.0, 0.0]])}, {"weight": torch.tensor([[0.0, 1.0]])}
        >>> Torus(spec).geodesic(*ends, 0.5)["weight"]
        tensor([[0.7071, 0.7071]], dtype=torch.float64)
        """
        u, v = self._coordinates(first), self._coordinates(second)
        points = {}
        for name in u:
            try:
                points[name] = slerp(u[name], v[name], t)
            except SymgeomError as error:
                raise SymgeomError(f"Group '{name}': {error}") from None
        linear = {name: torch.lerp(first[name].double(), second[name].double(), t) for name in first}
        return with_sphere_coordinates(self.spec, linear, points, bias_in_norm=self.bias_in_norm)

    def random_point(self, like: Parameters, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw a network uniformly on the torus: the control that shows what alignment finds by selection alone.

        Parameters
        ----------
        like : Parameters
            A network of the architecture; its tensors on no sphere are kept.
        generator : torch.Generator
            The source of randomness.

        Returns
        -------
        dict of str to Tensor
            A canonical network, in float64.

        Examples
        --------
        >>> import torch
        >>> torus = Torus(SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),)))
        >>> point = torus.random_point({"weight": torch.ones(1, 9)}, generator=torch.Generator().manual_seed(0))
        >>> round(float(point["weight"].norm()), 12)
        1.0
        """
        rows = {name: random_direction(tuple(x.shape), generator=generator) for name, x in self._coordinates(like).items()}
        template = {name: tensor.double() for name, tensor in like.items()}
        return with_sphere_coordinates(self.spec, template, rows, bias_in_norm=self.bias_in_norm)

    def _coordinates(self, params: Parameters) -> dict[str, Tensor]:
        coordinates = sphere_coordinates(self.spec, params, bias_in_norm=self.bias_in_norm)
        return {name: rows.double() for name, rows in coordinates.items()}


def _present(u: Tensor, v: Tensor) -> Tensor:
    return (u != 0).any(-1) & (v != 0).any(-1)
