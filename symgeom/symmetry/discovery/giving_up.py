"""What discovery gives up: the axes of weights that are in no permuting group, and why."""

from collections.abc import Collection, Mapping

from torch import Tensor

from symgeom.symmetry.discovery.families import Axis, first_reason, joined
from symgeom.symmetry.discovery.labels import Labels
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.spec import FixedAxis, UnitGroup

PARTS = "its entries are parts of larger units, and could move in all of them at once only"
"""The reason of coordinates within heads."""

UNUSED = "no use: no output depends on it"
"""The reason of weights that the network never reads."""


def fixed_axes(
    labels: Labels, network: Network, groups: Collection[UnitGroup]
) -> tuple[FixedAxis, ...]:
    """Return the axes of weights that no group permutes.

    Parameters
    ----------
    labels : Labels
        Solved.
    network : Network
        Statements and parameters.
    groups : collection of UnitGroup
        What was reported.

    Returns
    -------
    tuple of FixedAxis
        In the order of use; axes of one entry are left out, as there is nothing to permute.
    """
    permuted: set[tuple[str, int]] = set()
    for group in groups:
        if group.permute:
            permuted |= {(leg.tensor, leg.axis) for leg in group.legs}
    fixed: list[FixedAxis] = []
    for tensor, axes in network.tensors.items():
        if tensor in network.buffers:
            continue
        for index, axis in enumerate(axes):
            if axis.size > 1 and (tensor, index) not in permuted:
                fixed.append(FixedAxis(tensor, index, _reason(labels, network, axis)))
    return tuple(fixed)


def unused_axes(params: Mapping[str, Tensor], network: Network) -> tuple[FixedAxis, ...]:
    """Return the axes of weights that the network never reads.

    Parameters
    ----------
    params : mapping of str to Tensor
        All weights of the module.
    network : Network
        Statements and parameters.

    Returns
    -------
    tuple of FixedAxis
        Tensor by tensor; axes of one entry are left out.
    """
    fixed: list[FixedAxis] = []
    for tensor, weight in params.items():
        if tensor not in network.tensors:
            for index, size in enumerate(weight.shape):
                if size > 1:
                    fixed.append(FixedAxis(tensor, index, UNUSED))
    return tuple(fixed)


def _reason(labels: Labels, network: Network, axis: Axis) -> str:
    """Return what gives the entries of an axis an identity."""
    for piece in (axis, *network.regions.get(axis, ())):
        families = joined(labels.segments(((piece,),)))
        reason = first_reason(families)
        if reason:
            return reason
    return PARTS
