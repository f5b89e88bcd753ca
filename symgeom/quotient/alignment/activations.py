r"""Match units by what they do on data instead of by their weights.

The features of a unit are the pre-activations that the layers of its incoming legs compute on a
batch of inputs, samples and positions (and the entries of a block) flattened, centred and brought
to length 1 layer by layer. With :math:`C` the correlations between the units of two networks,

.. math:: \max_\pi \sum_k C_{k\,\pi(k)} ,

group by group: no group's match depends on another's. Correlations do not see scales or the shift
of a bias; for odd activations the assignment is made on their magnitudes. Where units have parts
that all of them share (heads and their coordinates), the features of either are means over the
other, which do not depend on its order.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), section 3.1 (activation matching; inner products
there). Li et al., "Convergent learning" (1511.07543), section 3 (matching by correlation). Differs
from the sources: before the activation, so that units that are rarely on still have a shape;
features of all writers of a residual stream count.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.assignment import best_permutation, ties
from symgeom.quotient.alignment.records import Alignment
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import (
    Leg,
    SymmetrySpec,
    UnitGroup,
    are_nested,
    check_spec,
    put,
    take,
)

UNIT_AXIS: dict[type[nn.Module], int] = {
    nn.Linear: -1,
    nn.LayerNorm: -1,
    nn.Conv1d: 1,
    nn.Conv2d: 1,
    nn.BatchNorm1d: 1,
    nn.BatchNorm2d: 1,
    nn.GroupNorm: 1,
}
"""Layers whose output is indexed by the units of their weight's first axis, and on which axis."""

Place = tuple[UnitGroup, Leg]
"""Units, and where they lie."""


@door
def unit_activations(
    spec: SymmetrySpec, module: nn.Module, params: Parameters, inputs: Inputs
) -> dict[str, Tensor]:
    """Evaluate the pre-activations of all units, without their mean and scale.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    params : Parameters
        Its weights and buffers.
    inputs : Tensor, tuple, mapping or NetworkCall
        Data, or several arguments; memory grows with samples times positions.

    Returns
    -------
    dict of str to Tensor, shape (size, feature)
        For every permuting group; each layer's features have mean 0 and length 1 (0 for a unit that
        does not vary).

    Raises
    ------
    SymgeomError
        If spec, network and weights do not belong together, the network cannot take the inputs, or
        a permuting group has no such layer, or one in which other units take the place of samples.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> spec = discover(network, torch.zeros(1, 3))
    >>> unit_activations(spec, network, parameters(network), torch.ones(5, 3))["hidden1"].shape
    torch.Size([4, 5])
    """
    check_spec(spec, params)
    Architecture.of(module).check(params)
    for tensor in NetworkCall.of(inputs).tensors:
        check_samples(tensor, axes=int(tensor is inputs))
    network = in_mode(copied(module), training=False)
    layers = {name: layer for name, layer in network.named_modules() if type(layer) in UNIT_AXIS}
    groups = [group for group in spec.groups if group.permute]
    legs_by_group = {group.name: _legs_by_layer(group, layers) for group in groups}
    wanted = set().union(*legs_by_group.values())
    recorded = {name: layers[name] for name in wanted}
    outputs = _outputs(network, recorded, params, inputs)
    samples = len(NetworkCall.of(inputs).tensors[0])
    activations = {}
    for group in groups:
        is_part = _is_part(group, groups)
        parts = []
        for name, leg in legs_by_group[group.name].items():
            axis = UNIT_AXIS[type(layers[name])]
            others = _nested(group, leg, groups)
            output = _averaged(outputs[name], axis, others)
            if is_part and not others:
                output = _averaged_over_positions(output, axis, group, samples)
            features = _features(output, axis, leg, group.size)
            parts.append(_standardised(features))
        activations[group.name] = torch.cat(parts, 1)
    return activations


@door
def align_activations(
    spec: SymmetrySpec, reference: Mapping[str, Tensor], activations: Mapping[str, Tensor]
) -> Alignment:
    """Match the units of a network to those of a reference by correlations of activations.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    reference, activations : mapping of str to Tensor, shape (size, feature)
        As :func:`unit_activations` returns them, on the same inputs.

    Returns
    -------
    Alignment
        Its objective is the sum of the correlations of matched units (units that do not vary count
        as 0).

    Raises
    ------
    SymgeomError
        If the two are not of the groups of the spec, were not evaluated on the same inputs, or a
        group is linear.

    Examples
    --------
    >>> from symgeom.symmetry.spec import SymmetrySpec
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0),)),))
    >>> ours = {"hidden1": torch.tensor([[0.0, 1.0, 2.0], [0.0, 3.0, 1.0]])}
    >>> theirs = {"hidden1": ours["hidden1"].flip(0)}
    >>> align_activations(spec, ours, theirs).element.permutations["hidden1"]
    tensor([1, 0])
    """
    _check_groups(spec, reference, activations)
    start = identity(spec)
    permutations = dict(start.permutations)
    scales = dict(start.scales)
    ties_by_group = {}
    objective = 0.0
    for name, ours in reference.items():
        theirs = activations[name]
        odd = spec[name].scale == "sign"
        _check_comparable(spec[name], ours, theirs)
        correlation = _standardised(ours) @ _standardised(theirs).T
        worth = correlation.abs() if odd else correlation
        order = best_permutation(worth)
        permutations[name] = order
        if odd:
            matched = correlation.gather(1, order.unsqueeze(1)).squeeze(1)
            scales[name] = torch.where(matched < 0, -1.0, 1.0).double()
        objective += float(worth.gather(1, order.unsqueeze(1)).squeeze(1).sum())
        rounding = torch.finfo(worth.dtype).eps * len(worth)
        ties_by_group[name] = ties(worth, order, rounding)
    return Alignment(
        element=GroupElement(permutations, scales),
        objective=objective,
        objectives=(objective,),
        visits=len(reference),
        converged=True,
        ties=ties_by_group,
    )


def _check_groups(
    spec: SymmetrySpec, reference: Mapping[str, Tensor], activations: Mapping[str, Tensor]
) -> None:
    """Raise unless both have activations of the permuting groups of a spec."""
    names = sorted(group.name for group in spec.groups if group.permute)
    if sorted(reference) != names or sorted(activations) != names:
        raise SymgeomError(
            f"Cannot match activations of {sorted(reference)} with activations of "
            f"{sorted(activations)}: the spec permutes {names}. Give what unit_activations returns "
            "for both networks."
        )


def _check_comparable(group: UnitGroup, ours: Tensor, theirs: Tensor) -> None:
    """Raise unless the units of a group can be matched by their activations."""
    if ours.shape != theirs.shape:
        raise SymgeomError(
            f"Cannot match group '{group.name}' by activations of shapes {tuple(ours.shape)} and "
            f"{tuple(theirs.shape)} (unit, feature): evaluate both networks on the same inputs."
        )
    if group.scale == "linear":
        raise SymgeomError(
            f"Cannot match group '{group.name}' by activations: no activation acts on its units, "
            "so that they may be mixed and their correlations say nothing. Match it by weights "
            "(align)."
        )


def _legs_by_layer(group: UnitGroup, layers: Mapping[str, nn.Module]) -> dict[str, Leg]:
    """Return the layers whose outputs are indexed by a group, each with the leg that says where."""
    legs: dict[str, Leg] = {}
    for leg in group.legs:
        layer = leg.tensor.rpartition(".")[0]
        if leg.axis == 0 and leg.power >= 0 and not leg.buffer and layer in layers:
            legs.setdefault(layer, leg)
    if not legs:
        tensors = sorted({leg.tensor for leg in group.legs})
        raise SymgeomError(
            f"Cannot match group '{group.name}' by activations: none of its tensors {tensors} is "
            "the weight of a linear, convolutional or normalising layer. Match it by weights "
            "(align)."
        )
    return dict(sorted(legs.items()))


def _outputs(
    network: nn.Module, layers: Mapping[str, nn.Module], params: Parameters, inputs: Inputs
) -> dict[str, Tensor]:
    """Evaluate a network, and return the outputs of some of its layers."""
    outputs: dict[str, Tensor] = {}
    hooks = []
    for name, layer in layers.items():
        hooks.append(layer.register_forward_hook(_recorder(outputs, name)))
    try:
        with torch.no_grad():
            call_module(network, params, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


def _recorder(outputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    """Return a hook that puts the output of a layer under a name."""

    def record(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs[name] = output.detach()

    return record


def _nested(group: UnitGroup, leg: Leg, groups: list[UnitGroup]) -> list[Place]:
    """Return the units that number the entries of a leg together with its own."""
    nested: list[Place] = []
    for other in groups:
        for other_leg in other.legs:
            sizes = (group.size, other.size)
            if other is not group and are_nested((leg, other_leg), sizes):
                nested.append((other, other_leg))
    return nested


def _is_part(group: UnitGroup, groups: list[UnitGroup]) -> bool:
    """Whether units are the same parts of all units of another group."""
    for leg in group.legs:
        if any(other.block > leg.block for _, other in _nested(group, leg, groups)):
            return True
    return False


def _averaged(output: Tensor, axis: int, others: list[Place]) -> Tensor:
    """Return the output of a layer in which some units are all alike: the mean of them."""
    for other, leg in others:
        place = replace(leg, axis=axis % output.ndim, region=())
        rows = take(output, place, other.size)
        if other.scale == "positive":
            rows = _standardised(rows)
        elif other.scale == "sign":
            rows = rows.abs()
        output = put(output, place, rows.mean(0).expand_as(rows))
    return output


def _averaged_over_positions(output: Tensor, axis: int, group: UnitGroup, samples: int) -> Tensor:
    """Return the mean output for every sample: other units may lie along any other axis."""
    if len(output) != samples:
        raise SymgeomError(
            f"Cannot match group '{group.name}' by activations: of {samples} samples a layer of "
            f"it makes {len(output)} outputs, one for each unit of another group that shares it. "
            "Match it by weights (align)."
        )
    others = set(range(1, output.ndim)) - {axis % output.ndim}
    return output.mean(sorted(others), keepdim=True) if others else output


def _features(output: Tensor, axis: int, leg: Leg, size: int) -> Tensor:
    """Return what a layer computes, one row per unit."""
    units = replace(leg, axis=axis % output.ndim, region=())
    return take(output, units, size)


def _standardised(features: Tensor) -> Tensor:
    """Return features with mean 0 and length 1, or 0 for a unit that does not vary."""
    centred = features - features.mean(1, keepdim=True)
    norm = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    return torch.where(norm > 0, centred / norm, torch.zeros_like(centred))
