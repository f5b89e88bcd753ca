"""The constants of a network: which of its buffers move with units, and which have an identity."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.fx import Node

from symgeom.symmetry.discovery.calls import read_call
from symgeom.symmetry.discovery.network import Network
from symgeom.symmetry.discovery.relations import Axes, Pin, Statement, fixed


def say_of_buffers(network: Network, names: Mapping[Node, str], module: nn.Module) -> None:
    """Say what may be done to the buffers that are no statistics, and to what is no real number.

    Whole numbers and truths are constants, also as weights; no leg lies on them.

    Parameters
    ----------
    network : Network
        Where to say it.
    names : mapping of Node to str
        The names of parameters and buffers.
    module : nn.Module
        The network that was captured.
    """
    statistics = _statistics(names)
    kept_with_weights = set(module.state_dict(keep_vars=True))
    for name, buffer in module.named_buffers():
        network.buffers.add(name)
        axes = network.tensors.get(name, ())
        moves = name in kept_with_weights and buffer.is_floating_point()
        if name not in statistics:
            network.say(_of_constant(axes, buffer, moves=moves), f"buffer '{name}'")
        if not buffer.is_floating_point():
            network.tensors.pop(name, None)
    for name, weight in module.named_parameters():
        if not weight.is_floating_point():
            axes = network.tensors.pop(name, ())
            network.say(_of_constant(axes, weight, moves=False), f"weight '{name}'")


def _statistics(names: Mapping[Node, str]) -> set[str]:
    """Return the tensors that are statistics of normalisations, and nothing else."""
    statistics = set()
    for node, name in names.items():
        if all(map(_normalises, node.users)):
            statistics.add(name)
    return statistics


def _normalises(node: Node) -> bool:
    operation = read_call(node).operation
    return operation is not None and operation.statistics is not None


def _of_constant(axes: Axes, value: Tensor, *, moves: bool) -> Iterator[Statement]:
    """Say what may be done to a constant: it has no scale, and its entries have an identity.

    Entries that are alike have none. What is kept with the weights may move with their units, as
    statistics do: the mask of a pruned weight, the vectors of a frozen batch norm.

    Parameters
    ----------
    axes : Axes
        Of the constant.
    value : Tensor
        Its entries; where it has none (device meta) they are taken to differ.
    moves : bool
        Whether it is kept with the weights.

    Yields
    ------
    Statement
        Nothing about zeros.
    """
    if not value.is_meta and not value.any():
        return
    for index, axis in enumerate(axes):
        if moves or _are_alike(value, index):
            yield fixed(axis)
        else:
            yield Pin((axis,))


def _are_alike(value: Tensor, axis: int) -> bool:
    """Whether all slices of a constant along an axis are equal."""
    if value.is_meta:
        return False
    first = value.narrow(axis, 0, 1)
    return torch.equal(value, first.expand_as(value))
