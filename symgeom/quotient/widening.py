"""Write a network as a wider one of the same shape, so that networks of unequal widths compare.

The units that the narrow network lacks are *idle*: all their weights, incoming and outgoing, are
zero, so that nothing enters or leaves them. What comes out is a network like any other of the wide
architecture. Aligned to another one of it (:func:`~symgeom.quotient.alignment.align`), every unit
of the narrow network gets a partner of its own, and the idle units those that are left over: they
are worth nothing to any partner, so that the best square assignment is the best rectangular one.

Which axes of which tensors the units lie on is what the specs of both architectures say, which must
differ in the numbers of their units alone. Idle units do no harm in what works unit by unit: linear
and convolutional layers, biases, batch norms (their statistics are zero there), activations,
recurrent layers, heads of attention, concatenations. They do in what looks at all units at once: a
layer or group norm, a mean over units, the scale of attention by the width of a head. A spec does
not show this, so that the outputs of both networks are compared.

References
----------
Crouse, "On implementing 2D rectangular assignment algorithms" (2016). Ainsworth et al., "Git
Re-Basin" (2209.04836), match equal widths alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast
from symgeom.symmetry.evaluation import TOLERANCE, Evaluation
from symgeom.symmetry.group import GroupElement
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec
from symgeom.symmetry.visibility import relative_change


@dataclass(frozen=True, eq=False)
class Widened:
    """A network as one of a wider architecture.

    Attributes
    ----------
    parameters : dict of str to Tensor
        The network, in its precision: unit ``k`` of every group is its unit ``k``.
    idle : dict of str to tuple of int
        For each group that has become wider, the units that do nothing.
    change : float
        The largest relative change of an output, in float64.
    """

    parameters: dict[str, Tensor]
    idle: dict[str, tuple[int, ...]]
    change: float

    def left_over(self, element: GroupElement) -> dict[str, tuple[int, ...]]:
        """Return which units of a reference have no partner in the narrow network.

        Parameters
        ----------
        element : GroupElement
            What aligns the widened network to the reference.

        Returns
        -------
        dict of str to tuple of int
            For each group that has become wider, units of the reference.

        Examples
        --------
        >>> swap = GroupElement({"hidden1": torch.tensor([1, 0])}, {"hidden1": torch.ones(2)})
        >>> Widened({}, {"hidden1": (1,)}, 0.0).left_over(swap)
        {'hidden1': (0,)}
        """
        units = {}
        for name, idle in self.idle.items():
            partners = element.permutations[name].cpu()
            alone = torch.isin(partners, torch.tensor(idle))
            units[name] = tuple(alone.nonzero().flatten().tolist())
        return units


@door
def widen(
    spec: SymmetrySpec,
    module: nn.Module,
    params: Parameters,
    *,
    wide_spec: SymmetrySpec,
    wide_module: nn.Module,
    inputs: Inputs,
) -> Widened:
    """Write a network as one of a wider architecture, with idle units.

    Parameters
    ----------
    spec, wide_spec : SymmetrySpec
        The two architectures, which differ in the numbers of their units alone.
    module, wide_module : nn.Module
        Their networks, of which the weights do not matter; not modified.
    params : Parameters
        The narrow network; not modified.
    inputs : Tensor, tuple, mapping or NetworkCall
        On what the outputs of both are compared.

    Returns
    -------
    Widened
        The same function in the wide architecture.

    Raises
    ------
    SymgeomError
        If the architectures differ in more than widths, a layer of the wide one is narrower, the
        weights do not fit or are not finite, or the outputs differ.

    Examples
    --------
    >>> from symgeom.ground.types import parameters
    >>> from symgeom.symmetry.discovery import discover
    >>> narrow, wide = (nn.Sequential(nn.Linear(1, h), nn.ReLU(), nn.Linear(h, 1)) for h in (2, 3))
    >>> inputs = torch.ones(1, 1)
    >>> specs = [discover(network, inputs) for network in (narrow, wide)]
    >>> widened = widen(
    ...     specs[0],
    ...     narrow,
    ...     parameters(narrow),
    ...     wide_spec=specs[1],
    ...     wide_module=wide,
    ...     inputs=inputs,
    ... )
    >>> widened.idle, tuple(widened.parameters["0.weight"].shape)
    ({'hidden1': (2,)}, (3, 1))
    """
    Architecture.of(module).check(params)
    check_spec(spec, params)
    check_finite(params, "the network to widen", masks=spec.constants)
    shapes = Architecture.of(wide_module).shapes
    _check_same_tensors(params, shapes)
    pairs = _pairs(spec, wide_spec)
    wide = {}
    for name, tensor in params.items():
        wide[name] = _widened(name, tensor, shapes[name], pairs, spec)
    check_spec(wide_spec, wide)
    change = _change(module, params, wide_module, wide, inputs)
    idle = {}
    for group, wide_group in pairs:
        if group.permute and wide_group.size > group.size:
            idle[group.name] = tuple(range(group.size, wide_group.size))
    return Widened(wide, idle, change)


Pairs = list[tuple[UnitGroup, UnitGroup]]
"""The groups of the narrow architecture, each with the same one of the wide architecture."""


def _check_same_tensors(params: Parameters, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise unless the wide architecture has the tensors of the narrow network."""
    for name, tensor in params.items():
        if name not in shapes or len(shapes[name]) != tensor.ndim:
            raise SymgeomError(
                f"Cannot write the network as a wider one: tensor '{name}' of shape "
                f"{tuple(tensor.shape)} is {shapes.get(name, 'not there')} in the wide network. "
                "Both must have the same layers."
            )


def _pairs(spec: SymmetrySpec, wide_spec: SymmetrySpec) -> Pairs:
    """Return the groups of both architectures in pairs, or raise if they differ in more."""
    wide_groups = {group.name: group for group in wide_spec.groups}
    names = [group.name for group in spec.groups]
    if names != list(wide_groups):
        raise SymgeomError(
            f"Cannot write the network as a wider one: it has the groups of units {names}, and the "
            f"wide network has {list(wide_groups)}. Both must have the same layers."
        )
    pairs = []
    for group in spec.groups:
        wide_group = wide_groups[group.name]
        if [_kind(leg) for leg in group.legs] != [_kind(leg) for leg in wide_group.legs]:
            raise SymgeomError(
                f"Cannot write the network as a wider one: the units of group '{group.name}' lie "
                "on other tensors there, or otherwise. Both must have the same layers."
            )
        if wide_group.size < group.size:
            raise SymgeomError(
                f"Cannot write the network as a wider one: group '{group.name}' has {group.size} "
                f"units, and {wide_group.size} there. Exchange the two networks, or give a third "
                "one, as wide as the wider of both in every layer."
            )
        pairs.append((group, wide_group))
    return pairs


def _kind(leg: Leg) -> tuple[object, ...]:
    """Return what a leg has in common with the same one of a wider network."""
    return leg.tensor, leg.axis, leg.power, leg.buffer


def _widened(
    name: str, tensor: Tensor, shape: tuple[int, ...], pairs: Pairs, spec: SymmetrySpec
) -> Tensor:
    """Return a tensor of the wide network: that of the narrow one, and zeros."""
    if tensor.shape == shape:
        return tensor.detach().clone()
    wide = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
    places = []
    for axis in range(tensor.ndim):
        targets = _targets(name, axis, (tensor.shape[axis], shape[axis]), pairs)
        if targets is None:
            raise SymgeomError(
                f"Cannot write the network as a wider one: axis {axis} of tensor '{name}' has "
                f"{tensor.shape[axis]} entries, and {shape[axis]} there, which are no units"
                f"{_reason(spec, name, axis)}. Only layers of hidden units may be wider."
            )
        later_axes = tensor.ndim - axis - 1
        places.append(targets.reshape(-1, *[1] * later_axes))
    wide[tuple(places)] = tensor.detach()
    return wide


def _targets(name: str, axis: int, lengths: tuple[int, int], pairs: Pairs) -> Tensor | None:
    """Return where the entries of an axis are in the wide network; None if that is not known."""
    length, wide_length = lengths
    targets = torch.full((length,), -1)
    is_free = torch.ones(wide_length, dtype=torch.bool)
    for group, wide_group in pairs:
        for leg, wide_leg in zip(group.legs, wide_group.legs, strict=True):
            here = (leg.tensor, leg.axis) == (name, axis)
            if not here or (leg.outer, leg.block) != (wide_leg.outer, wide_leg.block):
                continue
            wide_entries = _entries(wide_leg, wide_group.size)
            targets[_entries(leg, group.size)] = wide_entries[:, : group.size]
            is_free[wide_entries] = False
    rest = targets < 0
    free = is_free.nonzero().flatten()
    if len(free) != int(rest.sum()):
        return None
    targets[rest] = free
    return targets


def _entries(leg: Leg, size: int) -> Tensor:
    """Return the entries of a leg's axis, shape (outer, unit, block)."""
    shape = (leg.outer, size, leg.block)
    count = leg.outer * size * leg.block
    return leg.start + torch.arange(count).reshape(shape)


def _reason(spec: SymmetrySpec, name: str, axis: int) -> str:
    """Say why the entries of an axis are no units, where discovery knows."""
    for fixed in spec.fixed:
        if (fixed.tensor, fixed.axis) == (name, axis):
            return f" ({fixed.reason})"
    return ""


def _change(
    module: nn.Module, params: Parameters, wide_module: nn.Module, wide: Parameters, inputs: Inputs
) -> float:
    """Compare the outputs of both networks, in float64, and raise if they differ."""
    narrow = cast(params, torch.float64)
    before = Evaluation(module, narrow, inputs).first(narrow)
    widened = cast(wide, torch.float64)
    after = Evaluation(wide_module, widened, inputs).outputs(widened)
    shapes = [tuple(tensor.shape) for tensor in before]
    same = shapes == [tuple(tensor.shape) for tensor in after]
    change = relative_change(before, after) if same else float("inf")
    if not change <= TOLERANCE[torch.float64]:
        raise SymgeomError(
            "Cannot write the network as a wider one: with idle units its outputs change by "
            f"{change:.2g} of their size, because something in it looks at all units of a layer at "
            "once (a layer or group norm, a mean over units, the scale of attention). Widen only "
            "layers that work unit by unit: linear, convolution, batch norm."
        )
    return change
