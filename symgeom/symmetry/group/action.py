"""The action of group elements on networks.

Every tensor is copied once, then permuted and scaled in place.
"""

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door_with
from symgeom.ground.types import Parameters
from symgeom.symmetry.group.element import GroupElement, check_groups, part_of
from symgeom.symmetry.spec import (
    Leg,
    Scale,
    SymmetrySpec,
    UnitGroup,
    check_spec,
    multiply,
    put,
    take,
    view,
)


@door_with(check_groups)
def act(spec: SymmetrySpec, element: GroupElement, params: Parameters) -> dict[str, Tensor]:
    """Apply a group element to a network.

    Groups that permute act first, so that the scales of all groups of some units are those at their
    new places.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply; groups it does not name are left alone, and it names no others.
    params : Parameters
        One network; not modified.

    Returns
    -------
    dict of str to Tensor
        The moved network, in the precision of ``params``.

    Raises
    ------
    SymgeomError
        If the spec does not fit the network, the element names a group that the spec has not, a
        tensor that would move is not real or not finite, or a permutation or scale is not one of
        its group.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> order, scales = torch.tensor([1, 0]), torch.tensor([2.0, 1.0])
    >>> swap = GroupElement({"hidden1": order}, {"hidden1": scales})
    >>> act(spec, swap, {"in": torch.tensor([[1.0], [3.0]]), "out": torch.tensor([[1.0, 3.0]])})
    {'in': tensor([[6.],
            [1.]]), 'out': tensor([[1.5000, 1.0000]])}
    """
    check_spec(spec, params)
    network = _Copy(params)
    for group in sorted(spec.groups, key=lambda group: not group.permute):
        if group.name in element.permutations or group.name in element.scales:
            permutation, scale = part_of(group, element)
            _check_element(group, permutation, scale)
            network.move(group, permutation, scale)
    return network.tensors


class _Copy:
    """A network whose tensors are copied when they are first moved."""

    def __init__(self, params: Parameters) -> None:
        self.tensors = dict(params)
        self.copied: set[str] = set()

    def move(self, group: UnitGroup, permutation: Tensor, scale: Tensor) -> None:
        """Permute and scale the units of one group."""
        in_order = torch.arange(group.size, device=permutation.device)
        permutes = not torch.equal(permutation, in_order)
        for leg in group.legs:
            tensor = self.tensors[leg.tensor]
            copy = leg.tensor not in self.copied
            if copy:
                _check_tensor(leg.tensor, tensor)
                self.copied.add(leg.tensor)
            if permutes:
                tensor = _permuted(tensor, leg, permutation, copy=copy)
            elif copy:
                tensor = tensor.clone()
            if group.scale == "linear":
                tensor = _mixed(tensor, leg, scale.to(tensor.device, tensor.dtype))
            elif leg.power and group.scale != "none":
                _scale(tensor, leg, scale.to(tensor.device, tensor.dtype))
            self.tensors[leg.tensor] = tensor


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
    size = len(permutation)
    units = view(tensor, leg, size)
    order = permutation.to(tensor.device)
    before = units.shape[: leg.axis + 1].numel()
    after = units.shape[leg.axis + 2 :].numel()
    if units.numel() != tensor.numel():
        result = tensor.clone() if copy else tensor
        moved = _select(units, before, after, order)
        view(result, leg, size).copy_(moved.reshape(units.shape))
        return result
    if after == 1:
        moved = units.reshape(before, size).gather(1, order.expand(before, -1))
    else:
        moved = _select(units, before, after, order)
    return moved.reshape(tensor.shape)


def _select(units: Tensor, before: int, after: int, order: Tensor) -> Tensor:
    if before == 1:
        return units.reshape(len(order), after).index_select(0, order)
    return units.reshape(before, len(order), after).index_select(1, order)


def _mixed(tensor: Tensor, leg: Leg, matrix: Tensor) -> Tensor:
    """Return the tensor with a matrix applied across the units of a leg."""
    rows = take(tensor, leg, len(matrix)).contiguous()
    if leg.power < 0:
        matrix = torch.linalg.inv(matrix).T
    return put(tensor, leg, matrix @ rows)


def _scale(tensor: Tensor, leg: Leg, scale: Tensor) -> None:
    """Scale the units of a leg, in place."""
    if leg.shift:
        units = view(tensor, leg, len(scale))
        units.add_(leg.shift)
        multiply(tensor, leg, scale**leg.power)
        units.sub_(leg.shift)
    else:
        multiply(tensor, leg, scale**leg.power)


def _check_tensor(name: str, tensor: Tensor) -> None:
    check_finite({name: tensor}, "the network to act on")


def _check_element(group: UnitGroup, permutation: Tensor, scale: Tensor) -> None:
    shape: tuple[int, ...] = (group.size,)
    if group.scale == "linear":
        shape = (group.size, group.size)
    units = torch.arange(group.size, device=permutation.device)
    numbers = permutation.sort().values if group.permute else permutation
    if scale.shape != shape or not torch.equal(numbers, units):
        order = "" if group.permute else ", in order,"
        raise SymgeomError(
            f"Cannot act on group '{group.name}' with permutation {permutation.tolist()} and "
            f"scales of shape {tuple(scale.shape)}: give each of the numbers 0 to "
            f"{group.size - 1} once{order} and scales of shape {shape}."
        )
    if not _is_allowed(group.scale, scale):
        raise SymgeomError(
            f"Cannot act on group '{group.name}': its scale is '{group.scale}', which the given "
            f"scales (from {scale.min().item():.3g} to {scale.max().item():.3g}) are not. "
            "Use scales that its activation allows."
        )


def _is_allowed(kind: Scale, scale: Tensor) -> bool:
    """Whether the numbers are scales of a kind."""
    if kind == "positive":
        allowed = (scale > 0) & scale.isfinite()
    elif kind == "sign":
        allowed = scale.abs() == 1
    elif kind == "linear":
        allowed = scale.isfinite()
    else:
        allowed = scale == 1
    return bool(allowed.all())
