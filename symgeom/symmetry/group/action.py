"""The action of group elements on networks.

Every tensor is copied once, then permuted and scaled in place, a large one piece by piece: new
memory costs more than what is done in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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

PIECE = 2**17
"""Entries of a tensor that are permuted at once, within the cache."""


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
    return act_within(spec, element, params, {})


def act_within(
    spec: SymmetrySpec, element: GroupElement, params: Parameters, memory: Parameters
) -> dict[str, Tensor]:
    """Apply a group element to a network, in the memory of another one.

    New memory costs several times what moving a network costs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply.
    params : Parameters
        One network; not modified.
    memory : Parameters
        What this function returned for a network of the same shapes, and is no longer needed;
        empty for new memory.

    Returns
    -------
    dict of str to Tensor
        As :func:`act`.

    Examples
    --------
    >>> from symgeom.symmetry.group.element import identity
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> moved = act_within(spec, identity(spec), {"w": torch.ones(2)}, {})
    >>> again = act_within(spec, identity(spec), {"w": torch.zeros(2)}, moved)
    >>> moved["w"] is again["w"]
    True
    """
    check_spec(spec, params)
    network = dict(params)
    for name, on_tensor in _moves_of(spec, element).items():
        _check_tensor(name, params[name])
        network[name] = _moved(params[name], on_tensor, memory.get(name))
    return network


def act_away(
    spec: SymmetrySpec, element: GroupElement, params: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Apply a group element to a network that is given up: both never are in memory as a whole.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply.
    params : dict of str to Tensor
        One network; it is empty afterwards.

    Returns
    -------
    dict of str to Tensor
        As :func:`act`.

    Examples
    --------
    >>> from symgeom.symmetry.group.element import identity
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> params = {"w": torch.ones(2)}
    >>> act_away(spec, identity(spec), params), params
    ({'w': tensor([1., 1.])}, {})
    """
    network = {}
    for name, tensor in moved_tensors(spec, element, params):
        params.pop(name)
        network[name] = tensor
    return network


def moved_tensors(
    spec: SymmetrySpec, element: GroupElement, params: Parameters
) -> Iterator[tuple[str, Tensor]]:
    """Apply a group element to one tensor of a network after another.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        What to apply.
    params : Parameters
        One network; not modified.

    Yields
    ------
    name : str
        Of a tensor.
    tensor : Tensor
        The moved one, or itself if nothing moves it.

    Examples
    --------
    >>> from symgeom.symmetry.group.element import identity
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> list(moved_tensors(spec, identity(spec), {"w": torch.ones(2)}))
    [('w', tensor([1., 1.]))]
    """
    check_spec(spec, params)
    moves = _moves_of(spec, element)
    for name in list(params):
        if name in moves:
            _check_tensor(name, params[name])
            yield name, _moved(params[name], moves[name], None)
        else:
            yield name, params[name]


@dataclass(frozen=True, eq=False)
class _Move:
    """What a group does to one of its legs; without a permutation its units stay in order."""

    kind: Scale
    leg: Leg
    permutation: Tensor | None
    scale: Tensor


def _moves_of(spec: SymmetrySpec, element: GroupElement) -> dict[str, list[_Move]]:
    """Return, by tensor, what the groups of an element do to it: those that permute first."""
    moves: dict[str, list[_Move]] = {}
    for group in sorted(spec.groups, key=lambda group: not group.permute):
        if group.name in element.permutations or group.name in element.scales:
            permutation, scale = part_of(group, element)
            _check_element(group, permutation, scale)
            in_order = torch.arange(group.size, device=permutation.device)
            permutes = not torch.equal(permutation, in_order)
            for leg in group.legs:
                move = _Move(group.scale, leg, permutation if permutes else None, scale)
                moves.setdefault(leg.tensor, []).append(move)
    return moves


def _moved(tensor: Tensor, moves: list[_Move], memory: Tensor | None) -> Tensor:
    """Return a tensor permuted, then scaled: along different axes the order does not matter."""
    permuting = [move for move in moves if move.permutation is not None]
    permuting.sort(key=lambda move: move.leg.axis)  # whole rows are copied fastest
    copied = False
    for move in permuting:
        assert move.permutation is not None
        order = move.permutation.to(tensor.device)
        if copied:
            tensor = _permuted_again(tensor, move.leg, order)
        else:
            tensor = _permuted(tensor, move.leg, order, memory)
            copied = True
    if not copied:
        tensor = tensor.clone() if memory is None else memory.copy_(tensor)
    for move in moves:
        scale = move.scale.to(tensor.device, tensor.dtype)
        if move.kind == "linear":
            tensor = mix_units(tensor, move.leg, scale)
        elif move.leg.power and move.kind != "none":
            scale_units(tensor, move.leg, scale)
    return tensor


def _permuted(tensor: Tensor, leg: Leg, order: Tensor, memory: Tensor | None) -> Tensor:
    """Return a new tensor with permuted units.

    The units are read as (before, size, after), because axes of length one make index_select five
    times slower. Along the last axis gather is faster, but its gradient keeps what it reads, so
    that this must not be written on.

    Returns
    -------
    Tensor
        Of the same shape.
    """
    size = len(order)
    units = view(tensor, leg, size)
    before, after = _around(units, leg)
    if units.numel() != tensor.numel():
        result = tensor.clone() if memory is None else memory.copy_(tensor)
        moved = _select(units, before, after, order)
        view(result, leg, size).copy_(moved.reshape(units.shape))
        return result
    if memory is not None:
        rows = memory.view(before, size, after)
        torch.index_select(units.reshape(before, size, after), 1, order, out=rows)
        return memory
    if after == 1:
        moved = units.reshape(before, size).gather(1, order.expand(before, -1))
    else:
        moved = _select(units, before, after, order)
    return moved.reshape(tensor.shape)


def _permuted_again(tensor: Tensor, leg: Leg, order: Tensor) -> Tensor:
    """Return a tensor that nobody else has with permuted units: itself if it is large."""
    size = len(order)
    units = view(tensor, leg, size)
    before, after = _around(units, leg)
    whole = units.numel() == tensor.numel()
    if not whole:
        moved = _select(units, before, after, order)
        units.copy_(moved.reshape(units.shape))
        return tensor
    pieces = tensor.numel() // PIECE
    if pieces < 2 or before < 2 or tensor.requires_grad or not tensor.is_contiguous():
        return _permuted(tensor, leg, order, None)
    for piece in tensor.view(before, size, after).chunk(pieces):
        if after == 1:
            moved = piece.gather(1, order[:, None].expand(piece.shape))
        else:
            moved = piece.index_select(1, order)
        piece.copy_(moved)
    return tensor


def _around(units: Tensor, leg: Leg) -> tuple[int, int]:
    """Return how many entries lie before and after the units of a leg."""
    before = units.shape[: leg.axis + 1].numel()
    after = units.shape[leg.axis + 2 :].numel()
    return before, after


def _select(units: Tensor, before: int, after: int, order: Tensor) -> Tensor:
    if before == 1:
        return units.reshape(len(order), after).index_select(0, order)
    return units.reshape(before, len(order), after).index_select(1, order)


def mix_units(tensor: Tensor, leg: Leg, matrix: Tensor) -> Tensor:
    """Apply a matrix across the units of a leg.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network; not modified.
    leg : Leg
        Where the units lie.
    matrix : Tensor, shape (size, size)
        Invertible.

    Returns
    -------
    Tensor
        The moved one.

    Examples
    --------
    >>> mix_units(torch.ones(2), Leg("w", 0, power=-1), 2 * torch.eye(2))
    tensor([0.5000, 0.5000])
    """
    rows = take(tensor, leg, len(matrix)).contiguous()
    if leg.power < 0:
        matrix = torch.linalg.inv(matrix).T
    return put(tensor, leg, matrix @ rows)


def scale_units(tensor: Tensor, leg: Leg, scale: Tensor) -> None:
    """Scale the units of a leg, in place.

    Parameters
    ----------
    tensor : Tensor
        The leg's tensor, of one network; it is modified.
    leg : Leg
        Where the units lie.
    scale : Tensor, shape (size,)
        Their scales.

    Examples
    --------
    >>> weights = torch.ones(2)
    >>> scale_units(weights, Leg("w", 0, power=-1), torch.tensor([2.0, 4.0]))
    >>> weights
    tensor([0.5000, 0.2500])
    """
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
