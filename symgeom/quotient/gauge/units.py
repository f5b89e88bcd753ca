"""Units that do nothing, and units that do little: find them, and set them to zero."""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.torus.coordinates import rows
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, put, take

Units = dict[str, list[int]]
"""For each group, the numbers of some of its units."""


def find_dead(spec: SymmetrySpec, params: Parameters, known: Units) -> Units:
    """Return the units whose incoming weights are all zero (of groups with positive scales or signs).

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    known : dict of str to list of int
        Units not to report, for every group with a scale.

    Returns
    -------
    dict of str to list of int
        For the groups that have some.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> find_dead(spec, {"w": torch.tensor([[1.0], [0.0]])}, {"hidden1": []})
    {'hidden1': [1]}
    """
    found = {}
    for group in spec.groups:
        if group.scale in ("positive", "sign") and group.incoming():
            zero = (
                (rows(params, group.incoming(), group.size) == 0)
                .all(1)
                .nonzero()
                .flatten()
                .tolist()
            )
            if units := [unit for unit in zero if unit not in known[group.name]]:
                found[group.name] = units
    return found


def find_weak(spec: SymmetrySpec, params: Parameters, threshold: float, known: Units) -> Units:
    """Return the units whose importance is below a share of the largest in their group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One canonical network.
    threshold : float
        The share.
    known : dict of str to list of int
        Units that are zero already, for every group with a scale.

    Returns
    -------
    dict of str to list of int
        For the groups that have some.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> find_weak(spec, {"in": torch.ones(2, 1), "out": torch.tensor([[1.0, 0.01]])}, 0.1, {"hidden1": []})
    {'hidden1': [1]}
    """
    found = {}
    for group in spec.groups:
        if (
            group.scale in ("positive", "sign")
            and group.exact_for == "loss"
            and group.incoming()
            and group.outgoing()
        ):
            importance = _length(group.incoming(), group, params) * _length(
                group.outgoing(), group, params
            )
            below = (importance < threshold * importance.max()).nonzero().flatten().tolist()
            if units := [unit for unit in below if unit not in known[group.name]]:
                found[group.name] = units
    return found


def _length(legs: tuple[Leg, ...], group: UnitGroup, params: Parameters) -> Tensor:
    """Return the length of each unit's vector, every leg to the power that makes it scale as the unit does."""
    lengths = [
        (torch.linalg.vector_norm(take(params[leg.tensor], leg, group.size), dim=1), leg.power)
        for leg in legs
    ]
    return torch.stack([length ** (2 / abs(power)) for length, power in lengths]).sum(0).sqrt()


def without(
    group: UnitGroup, legs: tuple[Leg, ...], params: Parameters, units: list[int]
) -> dict[str, Tensor]:
    """Return the network with some units' slices of some legs set to zero.

    Parameters
    ----------
    group : UnitGroup
        The group.
    legs : tuple of Leg
        Legs of it.
    params : Parameters
        One network; not modified.
    units : list of int
        Units of the group.

    Returns
    -------
    dict of str to Tensor
        The network.

    Examples
    --------
    >>> group = UnitGroup("hidden1", 2, (Leg("w", 0),))
    >>> without(group, group.legs, {"w": torch.ones(2)}, [1])
    {'w': tensor([1., 0.])}
    """
    result = dict(params)
    for leg in legs if units else ():
        slices = take(result[leg.tensor], leg, group.size).clone()
        slices[units] = 0
        result[leg.tensor] = put(result[leg.tensor], leg, slices)
    return result
