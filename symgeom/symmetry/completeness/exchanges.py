r"""Exchanges of units, tried numerically.

Every axis of every tensor whose length is a multiple of a number of units is cut into as many equal
blocks. Let :math:`\sigma` exchange two of the blocks along a set of axes. If it keeps the function,
then at weights with :math:`\sigma\theta = \theta` it makes no difference which of the two blocks
moves,

.. math:: f(\theta + \delta) = f(\theta + \sigma\delta),

and this can be tested for one axis at a time. Axes that fail are left out, weights are made alike
along the others only, and so on until none fails; the exchange along those that are left must then
keep the function at weights in general position. Axes whose blocks a group of the spec permutes
already count as covered; an exchange is reported if an axis that is not takes part.
"""

from itertools import combinations

import torch
from torch import Tensor

from symgeom.ground.types import Parameters
from symgeom.symmetry.completeness.network import SmallNetwork
from symgeom.symmetry.completeness.record import Exchange
from symgeom.symmetry.evaluation import TOLERANCE
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
from symgeom.symmetry.visibility import relative_change

MANY = 8
"""Of more units, only neighbours are exchanged."""

Axis = tuple[str, int]
"""A tensor and one of its axes."""


class _Labels:
    """Which entries of an axis the spec can exchange: those of equal labels."""

    def __init__(self, spec: SymmetrySpec, point: Parameters) -> None:
        self.rows: dict[Axis, list[frozenset[object]]] = {}
        for name, tensor in point.items():
            if tensor.is_floating_point():
                for axis, length in enumerate(tensor.shape):
                    fresh: list[frozenset[object]] = [frozenset([i]) for i in range(length)]
                    self.rows[name, axis] = fresh
        for group in spec.groups:
            if group.permute:
                for leg in group.legs:
                    self._label(group, leg)

    def _label(self, group: UnitGroup, leg: Leg) -> None:
        """Give the entries of a leg the labels of its group."""
        row = self.rows[leg.tensor, leg.axis]
        for entry in range(leg.outer * group.size * leg.block):
            outer = entry // (group.size * leg.block)
            label = (group.name, leg.region, outer, entry % leg.block)
            earlier = {old for old in row[leg.start + entry] if not isinstance(old, int)}
            row[leg.start + entry] = frozenset({*earlier, label})

    def blocks(self, axis: Axis, units: int) -> list[slice]:
        """Cut an axis into blocks."""
        block = len(self.rows[axis]) // units
        return [slice(unit * block, (unit + 1) * block) for unit in range(units)]

    def covers(self, axis: Axis, first: slice, second: slice) -> bool:
        """Whether the spec can exchange two blocks of an axis."""
        row = self.rows[axis]
        return row[first] == row[second]

    def join(self, axis: Axis, first: slice, second: slice) -> None:
        """Two blocks can be exchanged from now on."""
        row = self.rows[axis]
        for left, right in zip(row[first], row[second], strict=True):
            row[:] = [left if label == right else label for label in row]

    def counts(self) -> list[int]:
        """Return into how many blocks axes can be cut, largest first."""
        counts: set[int] = set()
        for row in self.rows.values():
            length = len(row)
            counts |= {count for count in range(2, length + 1) if length % count == 0}
        return sorted(counts, reverse=True)

    def axes(self, units: int) -> list[Axis]:
        """Return the axes that can be cut into so many blocks."""
        return [axis for axis, row in self.rows.items() if len(row) and len(row) % units == 0]


def missing_exchanges(
    spec: SymmetrySpec, network: SmallNetwork, *, generator: torch.Generator
) -> tuple[Exchange, ...]:
    """Find exchanges of units that keep the function and that a spec has not.

    Parameters
    ----------
    spec : SymmetrySpec
        Groups that are exact for the loss.
    network : SmallNetwork
        The network, whose norms use the statistics that they keep.
    generator : torch.Generator
        The source of weights and inputs.

    Returns
    -------
    tuple of Exchange
        One for each set of axes. Exchanges that follow from those before are not listed.
    """
    search = _Search(network, _Labels(spec, network.point), generator)
    pairs: dict[tuple[int, tuple[Axis, ...]], list[tuple[int, int]]] = {}
    for units in search.labels.counts():
        for first, second in _pairs(units):
            axes = search.exchange(units, first, second)
            if axes:
                pairs.setdefault((units, axes), []).append((first, second))
    exchanges: list[Exchange] = []
    for (units, axes), blocks in pairs.items():
        exchanges.append(Exchange(units, tuple(blocks), axes))
    return tuple(exchanges)


def _pairs(units: int) -> list[tuple[int, int]]:
    """Return the exchanges to try, neighbours first."""
    pairs = list(combinations(range(units), 2))
    pairs.sort(key=lambda pair: pair[1] - pair[0])
    return pairs if units <= MANY else pairs[: units - 1]


class _Search:
    """The search at one network in general position."""

    def __init__(self, network: SmallNetwork, labels: _Labels, generator: torch.Generator) -> None:
        self.network = network
        self.labels = labels
        self.point = network.drawn(generator)
        self.inputs = network.samples(32, generator)
        self.noise = network.drawn(generator)
        self.before = network.outputs(self.point, self.inputs)

    def exchange(self, units: int, first: int, second: int) -> tuple[Axis, ...]:
        """Return the axes along which two blocks can be exchanged, if the spec cannot."""
        swaps: dict[Axis, tuple[slice, slice]] = {}
        for axis in self.labels.axes(units):
            blocks = self.labels.blocks(axis, units)
            swaps[axis] = (blocks[first], blocks[second])
        while True:
            uncovered = [axis for axis in swaps if not self.labels.covers(axis, *swaps[axis])]
            if not uncovered:
                return ()
            alike = _alike(self.point, swaps)
            # An exchange that the spec has not needs one of these: look at them first.
            failing = [axis for axis in uncovered if not self._passes(alike, axis, swaps)]
            if len(failing) < len(uncovered):
                others = [axis for axis in swaps if axis not in uncovered]
                failing += [axis for axis in others if not self._passes(alike, axis, swaps)]
            for axis in failing:
                del swaps[axis]
            if not failing:
                break
        if not self._keeps(swaps):
            return ()
        for axis in uncovered:
            self.labels.join(axis, *swaps[axis])
        return tuple(axis for axis in uncovered if not self._keeps({axis: swaps[axis]}))

    def _passes(
        self, alike: Parameters, axis: Axis, swaps: dict[Axis, tuple[slice, slice]]
    ) -> bool:
        """Whether it makes no difference which of two blocks of an axis moves."""
        name, position = axis
        others = {key: swap for key, swap in swaps.items() if key[0] == name and key != axis}
        noise = _alike({name: self.noise[name]}, others)[name]
        first, second = swaps[axis]
        block = noise.movedim(position, 0)[first]
        results: list[list[Tensor]] = []
        for part in (first, second):
            moved = alike[name].clone()
            moved.movedim(position, 0)[part] *= torch.exp(0.3 * block)
            results.append(self.network.outputs({**alike, name: moved}, self.inputs))
        return _same(*results)

    def _keeps(self, swaps: dict[Axis, tuple[slice, slice]]) -> bool:
        """Whether an exchange keeps the function."""
        moved = dict(self.point)
        for (name, position), (first, second) in swaps.items():
            tensor = moved[name].clone()
            view = tensor.movedim(position, 0)
            block = view[first].clone()
            view[first] = view[second]
            view[second] = block
            moved[name] = tensor
        return _same(self.before, self.network.outputs(moved, self.inputs))


def _same(before: list[Tensor], after: list[Tensor]) -> bool:
    return relative_change(before, after) <= TOLERANCE[torch.float64]


def _alike(point: Parameters, swaps: dict[Axis, tuple[slice, slice]]) -> dict[str, Tensor]:
    """Make two blocks of every axis equal: each becomes their mean."""
    result = dict(point)
    for (name, position), (first, second) in swaps.items():
        tensor = result[name].clone()
        view = tensor.movedim(position, 0)
        mean = (view[first] + view[second]) / 2
        view[first] = mean
        view[second] = mean
        result[name] = tensor
    return result
