"""The action of group elements on networks: every tensor is copied once, then permuted and scaled in place."""

from contextlib import suppress

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters
from symgeom.symmetry.group.element import GroupElement, part_of
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, put, take, view


def act(spec: SymmetrySpec, element: GroupElement, params: Parameters) -> dict[str, Tensor]:
    """Apply a group element to a network.

    Groups that permute act first, so that the scales of all groups of some units are those at their
    new places.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply; groups it does not name are left alone.
    params : Parameters
        One network; not modified.

    Returns
    -------
    dict of str to Tensor
        The moved network, in the precision of ``params``.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, a tensor that would move is not real or not finite, or
        a permutation or scale is not one of its group.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> swap = GroupElement({"hidden1": torch.tensor([1, 0])}, {"hidden1": torch.tensor([2.0, 1.0])})
    >>> act(spec, swap, {"in": torch.tensor([[1.0], [3.0]]), "out": torch.tensor([[1.0, 3.0]])})
    {'in': tensor([[6.],
            [1.]]), 'out': tensor([[1.5000, 1.0000]])}
    """
    check_spec(spec, params)
    result, copied = dict(params), set()
    for group in sorted(spec.groups, key=lambda group: not group.permute):
        if group.name not in element.permutations and group.name not in element.scales:
            continue
        permutation, scale = part_of(group, element)
        _check_element(group, permutation, scale)
        moves = not torch.equal(permutation, torch.arange(group.size, device=permutation.device))
        for leg in group.legs:
            tensor, copy = result[leg.tensor], leg.tensor not in copied
            if copy:
                _check_tensor(leg.tensor, tensor)
                copied.add(leg.tensor)
            if moves:
                tensor = _permuted(tensor, leg, permutation, copy=copy)
            elif copy:
                tensor = tensor.clone()
            if group.scale == "linear":
                tensor = _mixed(tensor, leg, scale.to(tensor.device, tensor.dtype))
            elif leg.power and group.scale != "none":
                _scale(tensor, leg, scale.to(tensor.device, tensor.dtype))
            result[leg.tensor] = tensor
    return result


def _permuted(tensor: Tensor, leg: Leg, permutation: Tensor, *, copy: bool) -> Tensor:
    """Return the tensor with permuted units: a new one, or itself, written on.

    The units are read as (before, size, after), because axes of length one make index_select five
    times slower. Along the last axis gather is faster, but its gradient keeps what it reads, so
    that this must not be written on.

    Returns
    -------
    Tensor
        Of the same shape.
    """
    units, order = view(tensor, leg, len(permutation)), permutation.to(tensor.device)
    before, after = units.shape[: leg.axis + 1].numel(), units.shape[leg.axis + 2 :].numel()
    if units.numel() == tensor.numel():
        if after == 1:
            return (
                units.reshape(before, len(order))
                .gather(1, order.expand(before, -1))
                .reshape(tensor.shape)
            )
        return _select(units, before, after, order).reshape(tensor.shape)
    tensor = tensor.clone() if copy else tensor
    view(tensor, leg, len(permutation)).copy_(
        _select(units, before, after, order).reshape(units.shape)
    )
    return tensor


def _select(units: Tensor, before: int, after: int, order: Tensor) -> Tensor:
    if before == 1:
        return units.reshape(len(order), after).index_select(0, order)
    return units.reshape(before, len(order), after).index_select(1, order)


def _mixed(tensor: Tensor, leg: Leg, matrix: Tensor) -> Tensor:
    """Return the tensor with a matrix applied across the units of a leg."""
    rows = take(tensor, leg, len(matrix)).contiguous()
    return put(tensor, leg, (matrix if leg.power > 0 else torch.linalg.inv(matrix).T) @ rows)


def _scale(tensor: Tensor, leg: Leg, scale: Tensor) -> None:
    """Scale the units of a leg, in place."""
    units = view(tensor, leg, len(scale))
    factor = (scale**leg.power).reshape(-1, *[1] * (units.ndim - leg.axis - 2))
    if leg.shift:
        units.add_(leg.shift).mul_(factor).sub_(leg.shift)
    else:
        units.mul_(factor)


def _check_tensor(name: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise SymgeomError(
            f"Cannot act on tensor '{name}' of {tensor.dtype}: group elements move and scale real weights. Cast the tensor, or "
            "remove its legs from the spec."
        )
    with suppress(RuntimeError):  # of torch.vmap, under which no value can be looked at
        check_finite({name: tensor}, "the network to act on")


def _check_element(group: UnitGroup, permutation: Tensor, scale: Tensor) -> None:
    shape, units = (
        (group.size,) * (2 if group.scale == "linear" else 1),
        torch.arange(group.size, device=permutation.device),
    )
    if scale.shape != shape or not torch.equal(
        permutation.sort().values if group.permute else permutation, units
    ):
        raise SymgeomError(
            f"Cannot act on group '{group.name}' with permutation {permutation.tolist()} and scales of shape "
            f"{tuple(scale.shape)}: give each of the numbers 0 to {group.size - 1} once{', in order,' * (not group.permute)} "
            f"and scales of shape {shape}."
        )
    allowed = {
        "positive": lambda: ((scale > 0) & scale.isfinite()).all(),
        "sign": lambda: (scale.abs() == 1).all(),
        "none": lambda: (scale == 1).all(),
        "linear": lambda: scale.isfinite().all(),
    }
    if not allowed[group.scale]():
        raise SymgeomError(
            f"Cannot act on group '{group.name}': its scale is '{group.scale}', which the given scales "
            f"(from {scale.min().item():.3g} to {scale.max().item():.3g}) are not. Use scales that its activation allows."
        )
