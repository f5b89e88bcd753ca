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
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.symmetry.bilinear import charged_groups
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup, check_spec, put, take

TOLERANCE = 1e-10
"""Singular values below this share of the largest are rounding."""


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
    >>> orbit_dimension(spec, {"in": torch.tensor([[1.0], [2.0], [0.0]]), "out": torch.tensor([[1.0, 3.0, 0.0]])})
    2
    """
    charged = charged_groups(spec.exact())
    check_spec(charged, params)
    check_finite(params, "the network whose orbit is measured")
    names = dict.fromkeys(leg.tensor for group in charged.groups for leg in group.legs)
    theta = cast({name: params[name] for name in names}, torch.float64)
    directions = [direction for group in charged.groups for direction in _directions(group, theta)]
    if not directions:
        return 0
    values = torch.linalg.svdvals(torch.stack(directions))
    return int((values > TOLERANCE * values[0]).sum())


def _directions(group: UnitGroup, theta: dict[str, Tensor]) -> list[Tensor]:
    """Return the directions in which the generators of a group move the network: one per unit, or per entry of a matrix."""
    size = group.size
    if group.scale == "linear":
        places = [(row, column) for row in range(size) for column in range(size)]
    else:
        places = [(unit, unit) for unit in range(size)]
    return [ravel(_moved(group, theta, *place)) for place in places]


def _moved(group: UnitGroup, theta: dict[str, Tensor], row: int, column: int) -> dict[str, Tensor]:
    """Return the derivative along the matrix with one entry: incoming rows M theta, outgoing ones minus its transpose."""
    still = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    for leg in group.legs:
        rows = take(theta[leg.tensor], leg, group.size)
        slope = torch.zeros_like(rows)
        target, source = (row, column) if leg.power > 0 else (column, row)
        slope[target] = leg.power * rows[source]
        still[leg.tensor] = still[leg.tensor] + put(torch.zeros_like(theta[leg.tensor]), leg, slope)
    return still
