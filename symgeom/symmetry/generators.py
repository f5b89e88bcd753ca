r"""The directions in which the continuous symmetries of a spec move a network: :math:`M\theta`.

A unit with a scale has one generator; units that any invertible matrix may mix have one for every
pair of units, whose matrix :math:`M` has a single entry.
"""

from itertools import product

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import UnitGroup, put, take


def orbit_directions(group: UnitGroup, theta: Parameters) -> list[dict[str, Tensor]]:
    """Return the directions in which the generators of a group move a network.

    Parameters
    ----------
    group : UnitGroup
        A group with a positive or a linear scale.
    theta : Parameters
        The tensors of its legs, and perhaps others, which stay.

    Returns
    -------
    list of dict of str to Tensor
        One per generator, each with all tensors of the network.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg
    >>> group = UnitGroup("hidden1", 1, (Leg("in", 0), Leg("out", 1, power=-1)))
    >>> orbit_directions(group, {"in": torch.tensor([[2.0]]), "out": torch.tensor([[3.0]])})
    [{'in': tensor([[2.]]), 'out': tensor([[-3.]])}]
    """
    units = range(group.size)
    if group.scale == "linear":
        entries = list(product(units, units))
    else:
        entries = [(unit, unit) for unit in units]
    return [_derivative(group, theta, row, column) for row, column in entries]


def _derivative(group: UnitGroup, theta: Parameters, row: int, column: int) -> dict[str, Tensor]:
    """Return how the network moves along the matrix M that has one entry."""
    direction = {name: torch.zeros_like(tensor) for name, tensor in theta.items()}
    for leg in group.legs:
        tensor = theta[leg.tensor]
        rows = take(tensor, leg, group.size) + leg.shift
        moved = torch.zeros_like(rows)
        # Incoming rows move along M theta, outgoing ones along minus its transpose.
        if leg.power > 0:
            moved[row] = leg.power * rows[column]
        else:
            moved[column] = leg.power * rows[row]
        step = put(torch.zeros_like(tensor), leg, moved)
        direction[leg.tensor] = direction[leg.tensor] + step
    return direction
