"""Units that do nothing, and units that do little: find them, and set them to zero."""

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.quotient.torus import rows
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, put, take

Units = dict[str, list[int]]
"""For each group, the numbers of some of its units."""


def find_dead(spec: SymmetrySpec, params: Parameters, dropped: Units) -> Units:
    """Return the units whose incoming weights are all zero.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network.
    dropped : dict of str to list of int
        Units not to report, for every group with a scale.

    Returns
    -------
    dict of str to list of int
        For the groups with positive scales or signs that have such units.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> find_dead(spec, {"w": torch.tensor([[1.0], [0.0]])}, {"hidden1": []})
    {'hidden1': [1]}
    """
    dead = {}
    for group in spec.groups:
        if not (_is_diagonal(group) and group.incoming()):
            continue
        incoming = rows(params, group.incoming(), group.size)
        silent = (incoming == 0).all(1)
        units = _new_units(silent, dropped[group.name])
        if units:
            dead[group.name] = units
    return dead


def find_weak(spec: SymmetrySpec, params: Parameters, threshold: float, dropped: Units) -> Units:
    """Return the units whose importance is below a share of the largest in their group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One canonical network.
    threshold : float
        The share.
    dropped : dict of str to list of int
        Units that are zero already, for every group with a scale.

    Returns
    -------
    dict of str to list of int
        For the groups with positive scales or signs that have such units.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> network = {"in": torch.ones(2, 1), "out": torch.tensor([[1.0, 0.01]])}
    >>> find_weak(spec, network, 0.1, {"hidden1": []})
    {'hidden1': [1]}
    """
    weak = {}
    for group in spec.groups:
        if not _is_diagonal(group) or group.exact_for != "loss":
            continue
        if not (group.incoming() and group.outgoing()):
            continue
        received = _lengths(group.incoming(), group, params)
        sent = _lengths(group.outgoing(), group, params)
        importance = received * sent
        below = importance < threshold * importance.max()
        units = _new_units(below, dropped[group.name])
        if units:
            weak[group.name] = units
    return weak


def _is_diagonal(group: UnitGroup) -> bool:
    return group.scale in ("positive", "sign")


def _new_units(holds: Tensor, dropped: list[int]) -> list[int]:
    """Return the units for which something holds and that are not dropped yet."""
    units = holds.nonzero().flatten().tolist()
    return [unit for unit in units if unit not in dropped]


def _lengths(legs: tuple[Leg, ...], group: UnitGroup, params: Parameters) -> Tensor:
    """Return the length of each unit's vector; powers make every leg scale as the unit does."""
    squares = []
    for leg in legs:
        slices = take(params[leg.tensor], leg, group.size)
        length = torch.linalg.vector_norm(slices, dim=1)
        squares.append(length ** (2 / abs(leg.power)))
    return torch.stack(squares).sum(0).sqrt()


def without(
    group: UnitGroup, legs: tuple[Leg, ...], params: Parameters, units: list[int]
) -> dict[str, Tensor]:
    """Return the network with the slices of units on legs set to zero.

    Parameters
    ----------
    group : UnitGroup
        The group.
    legs : tuple of Leg
        Legs of the group.
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
    if not units:
        return result
    for leg in legs:
        slices = take(result[leg.tensor], leg, group.size).clone()
        slices[units] = 0
        result[leg.tensor] = put(result[leg.tensor], leg, slices)
    return result
