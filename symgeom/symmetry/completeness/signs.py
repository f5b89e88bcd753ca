"""Signs, tried numerically: which tensors of a unit may change their sign together."""

from collections.abc import Collection
from itertools import combinations

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.completeness.network import SmallNetwork
from symgeom.symmetry.completeness.record import SignFlip
from symgeom.symmetry.evaluation import TOLERANCE
from symgeom.symmetry.spec import Leg, SymmetrySpec, view
from symgeom.symmetry.visibility import relative_change

MANY = 8
"""Units with more legs than this are left out: all subsets of the legs are tried."""

NETWORKS = 3
"""Networks at which a sign must hold."""


def missing_flips(
    spec: SymmetrySpec, network: SmallNetwork, *, generator: torch.Generator
) -> tuple[SignFlip, ...]:
    """Find signs of units that keep the function and that a spec has not.

    Parameters
    ----------
    spec : SymmetrySpec
        Groups that are exact for the loss.
    network : SmallNetwork
        The network.
    generator : torch.Generator
        The source of weights and inputs.

    Returns
    -------
    tuple of SignFlip
        The smallest first; products of listed ones, and of signs of the spec, are not listed.
    """
    tests = [_Test(network, generator) for _ in range(NETWORKS)]
    tensors = (*network.weights, *network.buffers)
    flips: list[SignFlip] = []
    for host in dict.fromkeys(spec.hosts.values()):
        size = spec[host].size
        legs: list[Leg] = []
        for leg in _legs(spec, host, tensors):
            if any(test.shows(leg, size) for test in tests):
                legs.append(leg)
        if len(legs) > MANY:
            continue
        spanned = _span(_signs_of_spec(spec, host, legs))
        for subset in _subsets(len(legs)):
            members = [legs[index] for index in sorted(subset)]
            if subset not in spanned and all(test.keeps(members, size) for test in tests):
                flips.append(SignFlip(host, tuple(leg.tensor for leg in members)))
                spanned |= {subset ^ other for other in spanned}
    return tuple(flips)


class _Test:
    """What can be seen at one network."""

    def __init__(self, network: SmallNetwork, generator: torch.Generator) -> None:
        self.network = network
        self.point = network.drawn(generator)
        self.other = network.drawn(generator)
        self.inputs = network.samples(generator)
        self.before = network.outputs(self.point, self.inputs)

    def shows(self, leg: Leg, size: int) -> bool:
        """Whether it matters what the entries of the first unit are."""
        tensor = self.point[leg.tensor].clone()
        unit = view(tensor, leg, size).select(leg.axis + 1, 0)
        unit.copy_(view(self.other[leg.tensor], leg, size).select(leg.axis + 1, 0))
        return not self._same({leg.tensor: tensor})

    def keeps(self, legs: list[Leg], size: int) -> bool:
        """Whether the first unit may change its sign on these legs."""
        moved: dict[str, Tensor] = {}
        for leg in legs:
            tensor = moved.get(leg.tensor, self.point[leg.tensor]).clone()
            view(tensor, leg, size).select(leg.axis + 1, 0).neg_()
            moved[leg.tensor] = tensor
        return self._same(moved)

    def _same(self, moved: Parameters) -> bool:
        after = self.network.outputs({**self.point, **moved}, self.inputs)
        return relative_change(self.before, after) <= TOLERANCE[torch.float64]


def _legs(spec: SymmetrySpec, host: str, tensors: Collection[str]) -> list[Leg]:
    """Return the entries that the units of a group own, on its legs and of further scalings."""
    legs: dict[tuple[object, ...], Leg] = {}
    for group in spec.groups:
        if spec.hosts[group.name] == host and group.size == spec[host].size:
            for leg in group.legs:
                if leg.tensor in tensors:
                    legs.setdefault(leg.place(), leg)
    return list(legs.values())


def _subsets(count: int) -> list[frozenset[int]]:
    """Return all subsets but the empty one, small ones first."""
    subsets: list[frozenset[int]] = []
    for size in range(1, count + 1):
        subsets += map(frozenset, combinations(range(count), size))
    return subsets


def _signs_of_spec(spec: SymmetrySpec, host: str, legs: list[Leg]) -> list[frozenset[int]]:
    """Return the subsets of legs that the groups of the spec flip."""
    positions = {leg.place(): index for index, leg in enumerate(legs)}
    subsets: list[frozenset[int]] = []
    for group in spec.groups:
        if spec.hosts[group.name] == host and group.scale in ("sign", "linear"):
            odd: list[int] = []
            for leg in group.legs:
                if leg.power % 2 and leg.place() in positions:
                    odd.append(positions[leg.place()])
            subsets.append(frozenset(odd))
    return subsets


def _span(subsets: list[frozenset[int]]) -> set[frozenset[int]]:
    """Return all products of flips."""
    spanned = {frozenset[int]()}
    for subset in subsets:
        spanned |= {subset ^ other for other in spanned}
    return spanned
