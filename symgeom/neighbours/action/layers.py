"""Which layers lie around the units of a group: the one below, and those above that read them.

What lies between is the activation, whatever it is: the move needs that the layers above read it
linearly, and nothing else of it.
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
        Weight and bias of the layer below.
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
        One layer below and at least one above, all of them linear or convolutional.

    Raises
    ------
    SymgeomError
        If there is no such group, or other layers lie around it.
    """
    names = [group.name for group in spec.groups]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"It has {names}."
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
    """Return the groups whose units lie between one linear layer and others.

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
    """Bound how much the layer below stretches what it reads, in its units.

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
        At least its largest singular value.
    """
    leg = around.incoming[0]
    length = leg.outer * around.group.size * leg.block
    rows = params[leg.tensor].narrow(0, leg.start, length)
    return _strength(rows, module.get_submodule(_layer_of(leg)))


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
        return f"{roles['other']} belong to no linear or convolutional layer"
    if any(leg.region for leg in group.legs):
        return "its units are connected in runs that must stay apart (a grouped convolution)"
    if len(roles["below"]) != 1:
        return (
            f"{len(roles['below'])} linear or convolutional layers write them "
            f"({roles['below'][:3]}), so that no function of one layer's outputs lies between them "
            "and the layers above"
        )
    if not roles["above"]:
        return "no linear or convolutional layer reads them"
    return ""


def _roles(group: UnitGroup, module: nn.Module) -> Mapping[str, list[str]]:
    """Return the layers below and above, and the tensors of other layers that are read or write."""
    roles: dict[str, dict[str, None]] = {"below": {}, "above": {}, "other": {}}
    for leg in group.legs:
        layer = _layer_of(leg)
        if _is_below(leg, module):
            roles["below"][layer] = None
        elif _is_above(leg, module):
            roles["above"][layer] = None
        elif not _is_norm(leg, module):
            roles["other"][leg.tensor] = None
    return {role: list(names) for role, names in roles.items()}


def _layer_of(leg: Leg) -> str:
    return leg.tensor.rpartition(".")[0]


def _is_linear(leg: Leg, module: nn.Module) -> bool:
    return type(module.get_submodule(_layer_of(leg))) in READS


def _is_below(leg: Leg, module: nn.Module) -> bool:
    return leg.axis == 0 and _is_linear(leg, module)


def _is_above(leg: Leg, module: nn.Module) -> bool:
    return leg.axis == 1 and _is_linear(leg, module)


def _is_norm(leg: Leg, module: nn.Module) -> bool:
    """Whether a leg lies on weights or statistics of a normalisation, part of the activation."""
    layer = module.get_submodule(_layer_of(leg))
    return leg.buffer or isinstance(layer, _NORMS)


_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._BatchNorm)
