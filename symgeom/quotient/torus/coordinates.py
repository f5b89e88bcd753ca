"""Which weights are the coordinates of which sphere: the incoming legs of every unit, each entry on one sphere only.

An entry that two groups scale on their way in (the bias of a depthwise filter, which follows the
scale before the filter and the scale after it) is a coordinate of the later one, so that spheres
are independent of each other.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec, put, take


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
    return params[leg.tensor].ndim == 1 and "bias" in leg.tensor.rpartition(".")[2]


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
    >>> shared_entries(Leg("w", 0), 4, Leg("w", 1), 3), shared_entries(Leg("w", 0), 4, Leg("w", 0, start=4), 3)
    (True, False)
    """
    if leg.tensor != other.tensor:
        return False
    here, there = _box(leg, size), _box(other, other_size)
    return all(
        max(here[axis][0], there[axis][0]) < min(here[axis][1], there[axis][1])
        for axis in here.keys() & there.keys()
    )


def _box(leg: Leg, size: int) -> dict[int, tuple[int, int]]:
    run = (leg.start, leg.start + leg.outer * size * leg.block)
    return {leg.axis: run} | {axis: (start, stop) for axis, start, stop in leg.region}


def sphere_legs(
    spec: SymmetrySpec, params: Parameters, *, bias_in_norm: bool = True
) -> dict[str, tuple[Leg, ...]]:
    """Return the legs that hold the coordinates of each group's spheres: its incoming legs, with or without the biases.

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
    taken: dict[str, list[tuple[Leg, int]]] = {}
    found = {}
    for group in reversed(spec.groups):
        legs = []
        for leg in counted(group.incoming(), params, bias_in_norm=bias_in_norm):
            claims = taken.setdefault(leg.tensor, [])
            if not any(shared_entries(leg, group.size, other, size) for other, size in claims):
                legs.append(leg)
                claims.append((leg, group.size))
        if legs:
            found[group.name] = tuple(legs)
    return dict(reversed(found.items()))


def counted(legs: Iterable[Leg], params: Parameters, *, bias_in_norm: bool) -> tuple[Leg, ...]:
    """Leave the biases out unless they count, or are all there is.

    Parameters
    ----------
    legs : iterable of Leg
        Incoming legs of one group.
    params : Parameters
        One network of the architecture.
    bias_in_norm : bool
        Whether biases count.

    Returns
    -------
    tuple of Leg
        The legs that count.

    Examples
    --------
    >>> import torch
    >>> counted([Leg("bias", 0)], {"bias": torch.ones(2)}, bias_in_norm=False) == (Leg("bias", 0),)
    True
    """
    legs = tuple(legs)
    weights = tuple(leg for leg in legs if not is_bias(leg, params))
    return legs if bias_in_norm or not weights else weights


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
    legs = sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    return {name: rows(params, found, spec[name].size) for name, found in legs.items()}


def rows(params: Parameters, legs: Iterable[Leg], size: int) -> Tensor:
    """Gather some legs of a group.

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
    return torch.cat([take(params[leg.tensor], leg, size) for leg in legs], dim=1)


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
    result, legs = dict(params), sphere_legs(spec, params, bias_in_norm=bias_in_norm)
    for name, points in coordinates.items():
        size = spec[name].size
        widths = [take(result[leg.tensor], leg, size).shape[1] for leg in legs[name]]
        for leg, part in zip(legs[name], torch.split(points, widths, dim=1), strict=True):
            result[leg.tensor] = put(result[leg.tensor], leg, part.to(result[leg.tensor].dtype))
    return result
