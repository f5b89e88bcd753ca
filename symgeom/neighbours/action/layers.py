"""Which layers lie around the units of a group: those below that write them, and those above.

What lies between is the activation, whatever it is: the move needs that the layers above read it
linearly, and nothing else of it. A normalisation or a depthwise convolution belongs to it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

READS: dict[type[nn.Module], int] = {nn.Linear: -1, nn.Conv1d: 1, nn.Conv2d: 1, nn.Conv3d: 1}
"""Linear layers, and the axis of what they read that the second axis of their weight indexes."""

ALONE = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase, nn.PReLU)
"""Layers with a weight for each unit."""


@dataclass(frozen=True)
class Reader:
    """A layer above, which reads a segment of its inputs from the units.

    Attributes
    ----------
    layer : str
        Its name.
    leg : Leg
        Where the units lie along the second axis of its weight.
    size : int
        How many units there are.
    """

    layer: str
    leg: Leg
    size: int

    def segment(self, tensor: Tensor, axis: int) -> Tensor:
        """View the entries that belong to the units.

        Parameters
        ----------
        tensor : Tensor
            What the layer reads, or its weight.
        axis : int
            Which axis is indexed by what the layer reads.

        Returns
        -------
        Tensor, shape (entry, ...)
            The axis comes first.
        """
        length = self.leg.outer * self.size * self.leg.block
        return tensor.narrow(axis, self.leg.start, length).movedim(axis, 0)


@dataclass(frozen=True)
class Surroundings:
    """The layers around the units of a group.

    Attributes
    ----------
    group : UnitGroup
        The units.
    incoming : tuple of Leg
        Weights and biases of the layers below.
    readers : tuple of Reader
        The layers above.
    """

    group: UnitGroup
    incoming: tuple[Leg, ...]
    readers: tuple[Reader, ...]


def surroundings(spec: SymmetrySpec, module: nn.Module, name: str) -> Surroundings:
    """Return the layers around the units of a group.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network.
    name : str
        The group.

    Returns
    -------
    Surroundings
        At least one layer below and one above, all of them linear or convolutional.

    Raises
    ------
    SymgeomError
        If there is no such group, or other layers lie around it.
    """
    names = [group.name for group in spec.groups]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"it has {names}."
        raise SymgeomError(f"Cannot mix units of '{name}': the spec has no such group; {advice}")
    group = spec[name]
    fault = _fault(group, spec.hosts[name], module)
    if fault:
        raise SymgeomError(
            f"Cannot mix the units of group '{name}': {fault}. Groups whose units can be mixed: "
            f"{list(mixable_groups(spec, module))}."
        )
    incoming = tuple(leg for leg in group.legs if _is_below(leg, module))
    readers = []
    for leg in group.legs:
        if _is_above(leg, module):
            readers.append(Reader(_layer_of(leg), leg, group.size))
    return Surroundings(group, incoming, tuple(readers))


def mixable_groups(spec: SymmetrySpec, module: nn.Module) -> tuple[str, ...]:
    """Return the groups whose units lie between linear or convolutional layers.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network.

    Returns
    -------
    tuple of str
        In the order of the spec.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))
    >>> mixable_groups(discover(network, torch.zeros(1, 3)), network)
    ('hidden1',)
    """
    names = []
    for group in spec.groups:
        if not _fault(group, spec.hosts[group.name], module):
            names.append(group.name)
    return tuple(names)


def strength_below(around: Surroundings, module: nn.Module, params: Parameters) -> float:
    """Bound how much the layers below, together, stretch what they read, in the units.

    Parameters
    ----------
    around : Surroundings
        The layers.
    module : nn.Module
        The network.
    params : Parameters
        Its weights.

    Returns
    -------
    float
        At least their largest singular value.
    """
    squares = 0.0
    for leg in around.incoming:
        weight = params[leg.tensor]
        if weight.ndim > 1:  # else a bias, which stretches nothing
            length = leg.outer * around.group.size * leg.block
            rows = weight.narrow(0, leg.start, length)
            squares += _strength(rows, module.get_submodule(_layer_of(leg))) ** 2
    return math.sqrt(squares)


def strength_above(around: Surroundings, module: nn.Module, params: Parameters) -> float:
    """Bound how much the layers above, together, stretch what they read of the units.

    Parameters
    ----------
    around : Surroundings
        The layers.
    module : nn.Module
        The network.
    params : Parameters
        Its weights.

    Returns
    -------
    float
        At least their largest singular value.
    """
    squares = 0.0
    for reader in around.readers:
        columns = reader.segment(params[reader.leg.tensor], 1)
        squares += _strength(columns, module.get_submodule(reader.layer)) ** 2
    return math.sqrt(squares)


def _strength(weight: Tensor, layer: nn.Module) -> float:
    """Bound the largest singular value of a layer with this weight."""
    norm = float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    if not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return norm
    if layer.padding_mode != "zeros":
        return math.inf
    patches = math.prod(layer.kernel_size)  # at most so many hold one entry of a picture
    return math.sqrt(patches) * norm


def _fault(group: UnitGroup, host: str, module: nn.Module) -> str:
    """Say what prevents a mixing of units, or nothing."""
    if host != group.name:
        return f"it is a further scaling of the units of group '{host}'"
    roles = _roles(group, module)
    if roles["other"]:
        return f"their weights {roles['other'][:3]} are of no linear or convolutional layer"
    if any(leg.region for leg in group.legs):
        return "a grouped convolution connects them in runs that must stay apart"
    if not roles["below"]:
        return "no linear or convolutional layer writes them"
    if not roles["above"]:
        return "no linear or convolutional layer reads them"
    return ""


def _roles(group: UnitGroup, module: nn.Module) -> Mapping[str, list[str]]:
    """Return the tensors of the layers below and above, and those of other layers."""
    roles: dict[str, list[str]] = {"below": [], "above": [], "other": []}
    for leg in group.legs:
        if _is_below(leg, module):
            roles["below"].append(leg.tensor)
        elif _is_above(leg, module):
            roles["above"].append(leg.tensor)
        elif not _is_between(leg, module):
            roles["other"].append(leg.tensor)
    return roles


def _layer_of(leg: Leg) -> str:
    return leg.tensor.rpartition(".")[0]


def _is_below(leg: Leg, module: nn.Module) -> bool:
    return leg.axis == 0 and _mixes(leg, module)


def _is_above(leg: Leg, module: nn.Module) -> bool:
    return leg.axis == 1 and _mixes(leg, module)


def _mixes(leg: Leg, module: nn.Module) -> bool:
    """Whether a leg lies on a layer that reads or writes all units together."""
    layer = module.get_submodule(_layer_of(leg))
    return type(layer) in READS and not _is_depthwise(layer)


def _is_between(leg: Leg, module: nn.Module) -> bool:
    """Whether a leg lies on a layer that treats each unit alone, part of the activation."""
    layer = module.get_submodule(_layer_of(leg))
    return leg.buffer or isinstance(layer, ALONE) or _is_depthwise(layer)


def _is_depthwise(layer: nn.Module) -> bool:
    if not isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return False
    return 1 < layer.groups == layer.in_channels
