r"""How many dimensions of a minimum the symmetries explain.

The orbit of a network under its continuous symmetries is part of the set of networks of the same
loss; its dimension is the rank of the generators' directions :math:`M\theta`. At a minimum of a
smooth loss all of these lie in the null space of the Hessian:

.. math:: \dim \mathrm{orbit} \le \dim \ker H .

What the null space has beyond that are flat directions that no architecture promises: those that
the data leave open.

References
----------
Zhao et al. (2210.17216), section 3, on the dimension of the minimum; the count by rank is ours.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.generators import orbit_directions
from symgeom.symmetry.spec import SymmetrySpec, check_spec

TOLERANCE = 1e-10
"""Singular values below this share of the largest are rounding."""


@door
def orbit_dimension(spec: SymmetrySpec, params: Parameters) -> int:
    """Return the dimension of the orbit of a network under its scalings and matrices.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; groups that are exact for the loss count.
    params : Parameters
        One network; buffers are not looked at. Meant for up to some ten thousand weights.

    Returns
    -------
    int
        Number of independent directions.

    Raises
    ------
    SymgeomError
        If the spec does not fit, or a weight is not finite.

    Examples
    --------
    Two linear layers of three units each, and one unit without weights: the orbit of a unit that is
    not there is a point.

    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> incoming, outgoing = torch.tensor([[1.0], [2.0], [0.0]]), torch.tensor([[1.0, 3.0, 0.0]])
    >>> orbit_dimension(spec, {"in": incoming, "out": outgoing})
    2
    """
    charged = charged_groups(spec.exact())
    check_spec(charged, params)
    check_finite(params, "the network whose orbit is measured", masks=spec.constants)
    moving: dict[str, Tensor] = {}
    for group in charged.groups:
        moving.update((leg.tensor, params[leg.tensor]) for leg in group.legs)
    theta = cast(moving, torch.float64)
    directions: list[Tensor] = []
    for group in charged.groups:
        directions += map(ravel, orbit_directions(group, theta))
    if not directions:
        return 0
    values = torch.linalg.svdvals(torch.stack(directions))
    return int((values > TOLERANCE * values[0]).sum())
