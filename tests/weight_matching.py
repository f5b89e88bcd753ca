"""Weight matching as git-re-basin describes it, plain and obvious.

It is the oracle of alignment's quality and the baseline of its speed.

Ainsworth et al. (2209.04836), algorithm 1, in our own words: from the identity, visit the groups in
random order; gather every tensor of a group with the permutations of all other groups applied; add
up the inner products of its units; solve the assignment; stop after a sweep that gained nothing.
"""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.spec import Leg, SymmetrySpec


@dataclass(frozen=True, eq=False)
class Matched:
    """The permutations that were found, and how many assignments that took."""

    permutations: dict[str, Tensor]
    assignments: int


def weight_matching(
    spec: SymmetrySpec,
    first: Parameters,
    second: Parameters,
    *,
    generator: torch.Generator,
    sweeps: int = 100,
) -> Matched:
    """Find permutations of the second network that bring it near the first."""
    groups = {group.name: group for group in spec.groups if group.permute}
    legs = {name: [leg for leg in group.legs if not leg.buffer] for name, group in groups.items()}
    sizes = {name: group.size for name, group in groups.items()}
    permutations, names, assignments = (
        {name: torch.arange(size) for name, size in sizes.items()},
        list(groups),
        0,
    )
    for _ in range(sweeps):
        progress = False
        for place in torch.randperm(len(names), generator=generator).tolist():
            name = names[place]
            size = sizes[name]
            scores = torch.zeros(size, size, dtype=first[legs[name][0].tensor].dtype)
            for leg in legs[name]:
                moved = gathered(second[leg.tensor], leg, legs, permutations)
                ours, theirs = (units(tensor, leg, size) for tensor in (first[leg.tensor], moved))
                scores += ours @ theirs.T
            found = torch.from_numpy(linear_sum_assignment(scores.numpy(), maximize=True)[1])
            before, after = (
                torch.vdot(scores.flatten(), torch.eye(size).to(scores)[p].flatten())
                for p in (permutations[name], found)
            )
            progress, assignments = progress or bool(after > before + 1e-12), assignments + 1
            permutations[name] = found
        if not progress:
            break
    return Matched(permutations, assignments)


def gathered(
    tensor: Tensor, skip: Leg | None, legs: dict[str, list[Leg]], permutations: dict[str, Tensor]
) -> Tensor:
    """Return a tensor with the permutations of all groups applied, but for one axis."""
    name = skip.tensor
    for group, its in legs.items():
        for leg in its:
            if leg.tensor == name and leg.axis != skip.axis:
                order, entries = permutations[group], torch.arange(tensor.shape[leg.axis])
                moved = leg.start + (order[:, None] * leg.block + torch.arange(leg.block)).flatten()
                entries[leg.start : leg.start + len(moved)] = moved
                tensor = tensor.clone()
                within = region(tensor, leg)
                within.copy_(within.index_select(leg.axis, entries))
    return tensor


def region(tensor: Tensor, leg: Leg) -> Tensor:
    """Return the part of a tensor that a leg is restricted to (a group of a convolution)."""
    for axis, start, stop in leg.region:
        tensor = tensor.narrow(axis, start, stop - start)
    return tensor


def units(tensor: Tensor, leg: Leg, size: int) -> Tensor:
    """Return the entries of a tensor by unit."""
    along = region(tensor, leg).movedim(leg.axis, 0)
    return along[leg.start : leg.start + size * leg.block].reshape(size, -1)
