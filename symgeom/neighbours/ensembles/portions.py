"""How many members and samples run together, so that what layers pass on stays small.

On a CPU eight megabytes is about what a cache holds: members that differ everywhere run in portions
of that size, as many samples at once as may be. Members that share their first layers all run
together, so that these run once; then every portion reads the weights in which the members differ,
and is no smaller than these are.
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
        limit = HELD_BYTES.get(problem.inputs.device.type, HELD_ELSEWHERE)
        largest = single
        if common:  # then all members run together, so that what they share runs once
            differing = [tensor.nbytes for name, tensor in members.items() if name not in shared]
            limit = max(limit, sum(differing))
            largest = max(common, count * single)
        samples = limit // max(largest, 1)
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

    A layer with weights runs once if neither it nor a layer before it has a tensor in which the
    members differ; a layer without weights, if that before it does.

    Returns
    -------
    tuple of int
        Both in bytes; 0 if there is no such layer.
    """
    names = {module: name for name, module in problem.module.named_modules()}
    largest = {True: 0, False: 0}
    runs_once: bool | None = None

    def record(layer: nn.Module, _: object, output: object) -> None:
        nonlocal runs_once
        prefix = f"{names[layer]}." if names[layer] else ""
        tensors = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
        for name, _tensor in tensors:
            runs_once = runs_once is not False and prefix + name in shared
        if runs_once is not None and isinstance(output, Tensor):
            largest[runs_once] = max(largest[runs_once], output.nbytes)

    hooks = [layer.register_forward_hook(record) for layer in names]
    first = {name: tensor[0] for name, tensor in members.items()}
    try:
        with torch.no_grad():
            call_module(problem.module, first, problem.inputs[:1])
    finally:
        for hook in hooks:
            hook.remove()
    return largest[True], largest[False]
