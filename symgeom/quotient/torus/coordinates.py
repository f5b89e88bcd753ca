"""Which weights are the coordinates of which sphere: the incoming legs of every unit.

Every entry lies on one sphere only. An entry that two groups scale on their way in (the bias of a
depthwise filter, which follows the scale before the filter and the scale after it) is a coordinate
of the later one, so that spheres are independent of each other.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, put, take

Box = dict[int, tuple[int, int]]
"""First entry and end of a range, for each axis that the range restricts."""


def is_bias(leg: Leg, params: Parameters) -> bool:
    """Whether a leg is a bias: a tensor with one axis that is called so (a norm's weight is none).

    Parameters
    ----------
    leg : Leg
        A leg of any group.
    params : Parameters
        One network of the architecture.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> import torch
    >>> network = {"norm.weight": torch.ones(2), "norm.bias": torch.ones(2)}
    >>> [is_bias(Leg(name, 0), network) for name in network]
    [False, True]
    """
    last_word = leg.tensor.rpartition(".")[2]
    return params[leg.tensor].ndim == 1 and "bias" in last_word


def shared_entries(leg: Leg, size: int, other: Leg, other_size: int) -> bool:
    """Whether two legs have entries of a tensor in common.

    Parameters
    ----------
    leg, other : Leg
        Legs of one spec.
    size, other_size : int
        Numbers of units of their groups.

    Returns
    -------
    bool
        Whether their segments and regions meet.

    Examples
    --------
    >>> shared_entries(Leg("w", 0), 4, Leg("w", 1), 3)
    True
    >>> shared_entries(Leg("w", 0), 4, Leg("w", 0, start=4), 3)
    False
    """
    if leg.tensor != other.tensor:
        return False
    box = _box(leg, size)
    other_box = _box(other, other_size)
    for axis in box.keys() & other_box.keys():
        start = max(box[axis][0], other_box[axis][0])
        stop = min(box[axis][1], other_box[axis][1])
        if start >= stop:
            return False
    return True


def _box(leg: Leg, size: int) -> Box:
    """Return which part of its tensor a leg takes, along the axes that it restricts."""
    stop = leg.start + leg.outer * size * leg.block
    box = {leg.axis: (leg.start, stop)}
    for axis, first, last in leg.region:
        box[axis] = (first, last)
    return box


def sphere_legs(
    spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True
) -> dict[str, tuple[Leg, ...]]:
    """Return the legs that hold the coordinates of each group's spheres.

    These are its incoming legs, with or without the biases.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network of the architecture.
    bias_in_norm : bool
        Whether a unit's bias is one of its coordinates (it is, if there is nothing else).

    Returns
    -------
    dict of str to tuple of Leg
        For each group that has some, its legs in their order. No entry of a tensor belongs to two
        legs: the last group that claims it has it.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("weight", 0), Leg("bias", 0))),))
    >>> network = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    >>> [leg.tensor for leg in sphere_legs(spec, network, bias_in_norm=False)["hidden1"]]
    ['weight']
    """
    claims: dict[str, list[tuple[Leg, int]]] = {}
    legs_by_group = {}
    for group in reversed(spec.groups):
        incoming = group.incoming()
        if not bias_in_norm:
            incoming = without_biases(incoming, params)
        legs = _unclaimed(group, incoming, claims)
        if legs:
            legs_by_group[group.name] = tuple(legs)
    return dict(reversed(legs_by_group.items()))


def _unclaimed(
    group: UnitGroup, legs: Iterable[Leg], claims: dict[str, list[tuple[Leg, int]]]
) -> list[Leg]:
    """Claim the entries of those legs of a group that nobody has claimed, and return these legs."""
    unclaimed = []
    for leg in legs:
        rivals = claims.setdefault(leg.tensor, [])
        if not any(shared_entries(leg, group.size, rival, size) for rival, size in rivals):
            unclaimed.append(leg)
            rivals.append((leg, group.size))
    return unclaimed


def without_biases(legs: Iterable[Leg], params: Parameters) -> tuple[Leg, ...]:
    """Leave out the biases of a group, unless it has nothing else.

    Parameters
    ----------
    legs : iterable of Leg
        Incoming legs of one group.
    params : Parameters
        One network of the architecture.

    Returns
    -------
    tuple of Leg
        The legs that are no bias, or all of them.

    Examples
    --------
    >>> import torch
    >>> legs = [Leg("weight", 0), Leg("bias", 0)]
    >>> network = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    >>> [leg.tensor for leg in without_biases(legs, network)]
    ['weight']
    >>> [leg.tensor for leg in without_biases(legs[1:], network)]
    ['bias']
    """
    legs = tuple(legs)
    weights = tuple(leg for leg in legs if not is_bias(leg, params))
    return weights or legs


def sphere_coordinates(
    spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True
) -> dict[str, Tensor]:
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
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("weight", 0), Leg("bias", 0))),))
    >>> sphere_coordinates(spec, {"weight": torch.ones(2, 3), "bias": torch.zeros(2)})["hidden1"]
    tensor([[1., 1., 1., 0.],
            [1., 1., 1., 0.]])
    """
    legs_by_group = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    coordinates = {}
    for name, legs in legs_by_group.items():
        coordinates[name] = rows(params, legs, spec[name].size)
    return coordinates


def rows(params: Parameters, legs: Iterable[Leg], size: int) -> Tensor:
    """Gather the entries of legs of a group, one row per unit.

    Parameters
    ----------
    params : Parameters
        One network.
    legs : iterable of Leg
        At least one.
    size : int
        Number of units.

    Returns
    -------
    Tensor, shape (size, d)
        One row per unit, the legs one after the other.

    Examples
    --------
    >>> import torch
    >>> rows({"w": torch.eye(2), "b": torch.zeros(2)}, [Leg("w", 0), Leg("b", 0)], 2)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    parts = [take(params[leg.tensor], leg, size) for leg in legs]
    return torch.cat(parts, dim=1)


def with_sphere_coordinates(
    spec: SymmetrySpec,
    params: Parameters,
    coordinates: Mapping[str, Tensor],
    *,
    bias_in_norm: bool = True,
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
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("weight", 0),)),))
    >>> with_sphere_coordinates(spec, {"weight": torch.zeros(1, 2)}, {"hidden1": torch.ones(1, 2)})
    {'weight': tensor([[1., 1.]])}
    """
    legs_by_group = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    result = dict(params)
    for name, points in coordinates.items():
        size = spec[name].size
        legs = legs_by_group[name]
        widths = [take(result[leg.tensor], leg, size).shape[1] for leg in legs]
        parts = torch.split(points, widths, dim=1)
        for leg, part in zip(legs, parts, strict=True):
            tensor = result[leg.tensor]
            result[leg.tensor] = put(tensor, leg, part.to(tensor.dtype))
    return result
