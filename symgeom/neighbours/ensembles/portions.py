"""How many members and samples run together, so that what layers pass on stays small.

On a CPU eight megabytes is about what a cache holds: one thread evaluates 100 perceptrons
64-32-32-10 fastest with 256 samples at once, eight convolutional networks of 100 kB per sample with
eight. Every portion reads the weights in which the members differ, so that it is no smaller than
these.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters
from symgeom.landscape.problem import Problem

HELD_BYTES = {"cpu": 2**23}
"""Memory (bytes) that the largest output of a layer may take, by kind of device."""

HELD_ELSEWHERE = 2**28

FEWEST_SAMPLES = 8
"""Samples that run together at least: for fewer, the overhead of a layer counts."""


@dataclass(frozen=True)
class Portions:
    """What runs together.

    Attributes
    ----------
    samples, members : int
        How many at once.
    """

    samples: int
    members: int

    @staticmethod
    def of(problem: Problem, members: Parameters, shared: Collection[str]) -> "Portions":
        """Choose portions for an ensemble.

        Parameters
        ----------
        problem : Problem
            The landscape.
        members : Parameters
            Stacked networks.
        shared : collection of str
            The tensors that they have in common.

        Returns
        -------
        Portions
            At least one of each; at most the samples of the problem's chunk.
        """
        count = len(next(iter(members.values())))
        common, single = _bytes_of_sample(problem, members, shared)
        differing = [tensor.nbytes for name, tensor in members.items() if name not in shared]
        limit = HELD_BYTES.get(problem.inputs.device.type, HELD_ELSEWHERE)
        limit = max(limit, sum(differing))
        samples = limit // max(common, count * single, 1)
        samples = min(max(samples, FEWEST_SAMPLES), problem.chunk)
        at_once = limit // max(samples * single, 1)
        return Portions(samples, min(max(at_once, 1), count))


def shared_tensors(members: Parameters) -> set[str]:
    """Return the names of the tensors that all members have in common.

    Parameters
    ----------
    members : Parameters
        Stacked networks.

    Returns
    -------
    set of str
        Empty if the members have all tensors in common: then they are one network, and run as
        several do.

    Examples
    --------
    >>> same = torch.ones(1, 2).expand(3, 2)
    >>> shared_tensors({"0.weight": same, "2.weight": torch.eye(3)})
    {'0.weight'}
    """
    shared = set()
    for name, tensor in members.items():
        one_copy = tensor.stride(0) == 0
        if one_copy or torch.equal(tensor, tensor[:1].expand_as(tensor)):
            shared.add(name)
    return shared if len(shared) < len(members) else set()


def _bytes_of_sample(
    problem: Problem, members: Parameters, shared: Collection[str]
) -> tuple[int, int]:
    """Return the largest output of a layer for one sample: of what runs once, and of one member.

    A layer runs once if no layer that ran before it has a tensor in which the members differ.

    Returns
    -------
    tuple of int
        Both in bytes.
    """
    names = {module: name for name, module in problem.module.named_modules()}
    largest = {True: 0, False: 0}
    running_once = True

    def record(layer: nn.Module, _: object, output: object) -> None:
        nonlocal running_once
        prefix = f"{names[layer]}." if names[layer] else ""
        tensors = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
        for name, _tensor in tensors:
            running_once &= prefix + name in shared
        if isinstance(output, Tensor):
            largest[running_once] = max(largest[running_once], output.nbytes)

    hooks = [layer.register_forward_hook(record) for layer in names]
    first = {name: tensor[0] for name, tensor in members.items()}
    try:
        with torch.no_grad():
            call_module(problem.module, first, problem.inputs[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return largest[True], largest[False]
