r"""Match units by what they do on data instead of by their weights.

The features of a unit are the pre-activations that the layers of its incoming legs compute on a
batch of inputs, samples and positions (and the entries of a block) flattened, centred and brought
to length 1 layer by layer. With :math:`C` the correlations between the units of two networks,

.. math:: \max_\pi \sum_k C_{k\,\pi(k)} ,

group by group: no group's match depends on another's. Correlations do not see scales or the shift
of a bias; for odd activations the assignment is made on their magnitudes.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), section 3.1 (activation matching; inner products
there). Li et al., "Convergent learning" (1511.07543), section 3 (matching by correlation). Differs
from the sources: before the activation, so that units that are rarely on still have a shape;
features of all writers of a residual stream count.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.assignment import best_permutation, ties
from symgeom.quotient.alignment.record import Alignment
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, take

UNIT_AXIS = (
    {nn.Linear: -1}
    | dict.fromkeys([nn.Conv1d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm], 1)
    | {nn.LayerNorm: -1}
)
"""Layers whose output is indexed by the units of their weight's first axis, and where."""


def unit_activations(
    spec: SymmetrySpec, module: nn.Module, params: Parameters, inputs: Tensor
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
    inputs : Tensor, shape (sample, ...)
        Data; memory grows with samples times positions.

    Returns
    -------
    dict of str to Tensor, shape (size, feature)
        For every permuting group; each layer's features have mean 0 and length 1 (0 for a unit that
        does not vary).

    Raises
    ------
    SymgeomError
        If a permuting group has no such layer.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> from symgeom.ground.types import parameters
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> spec = discover(network, torch.zeros(1, 3))
    >>> unit_activations(spec, network, parameters(network), torch.ones(5, 3))["hidden1"].shape
    torch.Size([4, 5])
    """
    copy, found = deepcopy(module).eval(), {}
    owners = {name: layer for name, layer in copy.named_modules() if type(layer) in UNIT_AXIS}
    wanted = {group.name: _layers(group, owners) for group in spec.groups if group.permute}
    outputs: dict[str, Tensor] = {}
    hooks = [
        owners[owner].register_forward_hook(
            lambda _, __, output, owner=owner: outputs.__setitem__(owner, output.detach())
        )
        for owner in {owner for layers in wanted.values() for owner, _ in layers}
    ]
    try:
        with torch.no_grad():
            functional_call(copy, dict(params), (inputs,))
    finally:
        for hook in hooks:
            hook.remove()
    for group in spec.groups:
        if group.permute:
            parts = [
                _features(outputs[owner], UNIT_AXIS[type(owners[owner])], leg, group)
                for owner, leg in wanted[group.name]
            ]
            found[group.name] = torch.cat([_standardised(part) for part in parts], 1)
    return found


def align_activations(
    spec: SymmetrySpec, reference: Mapping[str, Tensor], activations: Mapping[str, Tensor]
) -> Alignment:
    """Match the units of a network to those of a reference by the correlations of their activations.

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
        If the two were not evaluated on the same inputs, or a group is linear.

    Examples
    --------
    >>> from symgeom.symmetry.spec import SymmetrySpec
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0),)),))
    >>> ours = {"hidden1": torch.tensor([[0.0, 1.0, 2.0], [0.0, 3.0, 1.0]])}
    >>> align_activations(spec, ours, {"hidden1": ours["hidden1"].flip(0)}).element.permutations["hidden1"]
    tensor([1, 0])
    """
    start, objective, unsure = identity(spec), 0.0, {}
    orders, scales = dict(start.permutations), dict(start.scales)
    for name, ours in reference.items():
        theirs = activations[name]
        if ours.shape != theirs.shape:
            raise SymgeomError(
                f"Cannot match group '{name}' by activations of shapes {tuple(ours.shape)} and {tuple(theirs.shape)} (unit, "
                "feature): evaluate both networks on the same inputs."
            )
        if spec[name].scale == "linear":
            raise SymgeomError(
                f"Cannot match group '{name}' by activations: no activation acts on its units, so that they may be mixed and "
                "their correlations say nothing. Match it by weights (align)."
            )
        correlation = _standardised(ours) @ _standardised(theirs).T
        odd = spec[name].scale == "sign"
        worth = correlation.abs() if odd else correlation
        orders[name] = best_permutation(worth)
        matched = correlation.gather(1, orders[name].unsqueeze(1)).squeeze(1)
        if odd:
            scales[name] = torch.where(matched < 0, -1.0, 1.0).double()
        objective += float((matched.abs() if odd else matched).sum())
        unsure[name] = ties(worth, orders[name], torch.finfo(worth.dtype).eps * len(worth))
    return Alignment(
        GroupElement(orders, scales),
        objective,
        (objective,),
        len(reference),
        converged=True,
        ties=unsure,
    )


def _layers(group: UnitGroup, owners: Mapping[str, nn.Module]) -> list[tuple[str, Leg]]:
    """Return the layers whose outputs are indexed by a group, with the leg that says where."""
    legs = [leg for leg in group.legs if leg.axis == 0 and not leg.buffer and leg.power >= 0]
    found = {
        leg.tensor.rpartition(".")[0]: leg
        for leg in reversed(legs)
        if leg.tensor.rpartition(".")[0] in owners
    }
    if not found:
        raise SymgeomError(
            f"Cannot match group '{group.name}' by activations: none of its tensors {sorted({leg.tensor for leg in group.legs})} "
            "is the weight of a linear, convolutional or normalising layer. Match it by weights (align)."
        )
    return [(owner, found[owner]) for owner in sorted(found)]


def _features(output: Tensor, axis: int, leg: Leg, group: UnitGroup) -> Tensor:
    return take(
        output,
        Leg(leg.tensor, axis % output.ndim, start=leg.start, block=leg.block, outer=leg.outer),
        group.size,
    )


def _standardised(features: Tensor) -> Tensor:
    centred = features - features.mean(1, keepdim=True)
    norm = torch.linalg.vector_norm(centred, dim=1, keepdim=True)
    return torch.where(norm > 0, centred / norm, torch.zeros_like(centred))
