r"""Exchanges of entries of the weights, by the way in which graphs are searched for symmetries.

Where all weights of one colour are alike, a permutation :math:`\sigma` of entries that keeps the
function and the colours keeps the gradients of any sum of outputs, too,

.. math:: \frac{\partial F}{\partial\theta_{\sigma(i)}} = \frac{\partial F}{\partial\theta_i}
          \quad\text{at}\quad \sigma\theta = \theta .

Entries of one colour whose gradients differ therefore get different colours, again and again,
beginning with one colour for all. What keeps one colour may be exchanged; what the spec cannot
exchange among it is tried: of two copies of the network, one entry of the first and the other of
the second get a colour of their own, and the colours are refined in both, until every entry of the
first has its partner in the second. The partners are a permutation, which is reported if it keeps
the outputs at random weights: there is no false alarm.

Looked for are permutations that join what no group of the spec joins, and those that are left when
all units of the spec have their places. Not seen are exchanges that need a sign or a scale beside
them, and those that ties hide (of the largest ones, the first).

References
----------
McKay and Piperno, "Practical graph isomorphism, II" (1301.1493), for graphs; gradients in the place
of neighbours are ours.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.calling import NetworkCall
from symgeom.ground.types import Parameters, unravel
from symgeom.symmetry.completeness.colours import ROUNDING, balanced, rest_fixed, split
from symgeom.symmetry.completeness.network import SmallNetwork, entries_of
from symgeom.symmetry.completeness.record import Exchange
from symgeom.symmetry.completeness.units import Units, joined
from symgeom.symmetry.evaluation import TOLERANCE
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.visibility import relative_change

PROBES = 3
"""Weights of each colour, with inputs and sums of outputs, at which gradients are compared."""

VIEWS = 5
"""Networks per probe at which an entry may show."""

FAILURES = 20
"""Pairs of entries that are tried in vain, at most."""


def missing_exchanges(
    spec: SymmetrySpec, network: SmallNetwork, *, generator: torch.Generator
) -> tuple[Exchange, ...]:
    """Find permutations of entries that keep the function and that a spec has not.

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
    tuple of Exchange
        One for each set of axes. Products of the listed ones are not listed.
    """
    search = _Search(network, generator)
    units = Units(spec, search.tensors, search.visible)
    permutations = search.beyond(search.fresh_colours(), units.edges())
    fixed = search.fresh_colours()
    for entry in units.base():
        fixed[entry] = int(fixed.max()) + 1
    if not permutations:
        permutations = search.beyond(fixed, [])
    counts: dict[tuple[str, ...], int] = {}
    for permutation in permutations:
        parts = search.parts(permutation)
        counts[parts] = counts.get(parts, 0) + 1
    return tuple(Exchange(parts, count) for parts, count in counts.items())


@dataclass(frozen=True, eq=False)
class _Probe:
    """Where gradients are compared: weights of colours, inputs, and a sum of outputs."""

    values: Tensor
    inputs: NetworkCall
    factors: Tensor


class _Search:
    """The search for permutations of the entries of one network."""

    def __init__(self, network: SmallNetwork, generator: torch.Generator) -> None:
        self.network = network
        self.names = (*network.weights, *network.buffers)
        self.tensors = {name: network.point[name] for name in self.names}
        self.entries = entries_of(self.names, self.tensors)
        self.count = sum(tensor.numel() for tensor in self.tensors.values())
        self.size = _usual_size(self.tensors.values())
        self.probes = [self._probe(generator) for _ in range(PROBES)]
        self.points = [network.drawn(generator) for _ in range(PROBES)]
        self.visible = self._visible(generator)
        self.failures = 0

    def fresh_colours(self) -> Tensor:
        """Return one colour for all entries, and another for each that changes nothing."""
        colours = torch.arange(1, self.count + 1)
        colours[self.visible] = 0
        return colours

    def beyond(self, colours: Tensor, edges: list[Tensor]) -> list[Tensor]:
        """Return permutations that keep colours and join entries that no edge joins."""
        (colours,) = self._refined(colours[None])
        edges = list(edges)
        orbits = joined(edges, self.count)
        permutations: list[Tensor] = []
        for colour in colours[self.visible].unique():
            first, *others = (colours == colour).nonzero()[:, 0].tolist()
            leaders = [first]
            for entry in others:
                if orbits[entry] in [orbits[leader] for leader in leaders]:
                    continue
                permutation = self._carrying_one_of(leaders, entry, colours)
                if permutation is None:
                    leaders.append(entry)
                else:
                    permutations.append(permutation)
                    edges.append(torch.stack([torch.arange(self.count), permutation]))
                    orbits = joined(edges, self.count)
        return permutations

    def parts(self, permutation: Tensor) -> tuple[str, ...]:
        """Name what moves: tensors, and the axis where entries move along one alone."""
        parts: list[str] = []
        for name, entries in self.entries.items():
            start = entries.start
            images = (permutation[entries] - start).reshape(self.tensors[name].shape)
            axes = _moved_axes(images)
            if axes:
                along = f"[{axes[0]}]" if len(axes) == 1 else ""
                parts.append(name + along)
        return tuple(parts)

    def _carrying_one_of(
        self, leaders: Collection[int], entry: int, colours: Tensor
    ) -> Tensor | None:
        """Return a permutation that carries one of several entries to another."""
        for leader in leaders:
            if self.failures < FAILURES:
                permutation = self._carrying(colours, leader, entry)
                if permutation is not None:
                    return permutation
                self.failures += 1
        return None

    def _carrying(self, colours: Tensor, first: int, second: int) -> Tensor | None:
        """Return a permutation that keeps the function and carries one entry to another."""
        pair = torch.stack([colours, colours])
        fresh = int(colours.max()) + 1
        pair[0, first] = fresh
        pair[1, second] = fresh
        pair = self._refined(pair)
        if not balanced(pair):
            return None
        permutation = self._completed(rest_fixed(pair))
        if permutation is None:
            permutation = self._completed(pair)
        return permutation

    def _completed(self, pair: Tensor) -> Tensor | None:
        """Give partners to all entries, one after another."""
        while True:
            pair = self._refined(pair)
            if not balanced(pair):
                return None
            colours, counts = pair[0].unique(return_counts=True)
            ambiguous = colours[counts > 1]
            if not len(ambiguous):
                break
            entry = int((pair[0] == ambiguous[0]).nonzero()[0])
            partners = (pair[1] == ambiguous[0]).nonzero()[:, 0].tolist()
            partner = entry if entry in partners else partners[0]
            fresh = int(pair.max()) + 1
            pair[0, entry] = fresh
            pair[1, partner] = fresh
        permutation = torch.empty(self.count, dtype=torch.int64)
        permutation[pair[0].argsort()] = pair[1].argsort()
        return permutation if self._keeps(permutation) else None

    def _refined(self, colours: Tensor) -> Tensor:
        """Split colours by gradients until none is split: shape (copy, entry)."""
        while True:
            before = len(colours.unique())
            for probe in self.probes:
                rows = [self._slopes(probe, row) for row in colours]
                colours = split(colours, torch.stack(rows))
            if len(colours.unique()) == before or not balanced(colours):
                return colours

    def _slopes(self, probe: _Probe, colours: Tensor) -> Tensor:
        """Return gradients where all weights of one colour are alike."""
        point = self._point(self.size * probe.values[colours])
        slopes = self.network.slopes(point, probe.inputs, probe.factors)
        return slopes.nan_to_num(0.0, 0.0, 0.0)

    def _point(self, entries: Tensor) -> Parameters:
        return {**self.network.point, **unravel(entries, self.tensors)}

    def _keeps(self, permutation: Tensor) -> bool:
        """Whether a permutation keeps the outputs at random weights."""
        for point, probe in zip(self.points, self.probes, strict=True):
            before = self.network.outputs(point, probe.inputs)
            flat = torch.cat([point[name].reshape(-1) for name in self.names])
            moved = {**point, **self._point(flat[permutation])}
            after = self.network.outputs(moved, probe.inputs)
            if not relative_change(before, after) <= TOLERANCE[torch.float64]:
                return False
        return True

    def _probe(self, generator: torch.Generator) -> _Probe:
        noise = torch.randn(4 * self.count + 8, generator=generator, dtype=torch.float64)
        values = torch.where(noise > -1, 1.0, -1.0) * (0.5 * noise).exp()
        inputs = self.network.samples(generator)
        outputs = self.network.outputs(self.network.point, inputs)
        length = sum(output.numel() for output in outputs)
        factors = torch.randn(length, generator=generator, dtype=torch.float64)
        return _Probe(values, inputs, factors)

    def _visible(self, generator: torch.Generator) -> Tensor:
        """Return which entries change an output somewhere."""
        visible = torch.zeros(self.count, dtype=torch.bool)
        for probe in self.probes * VIEWS:  # units are dead at many weights
            point = self.network.drawn(generator)
            slopes = self.network.slopes(point, probe.inputs, probe.factors).abs()
            visible |= slopes > ROUNDING * slopes.max()
        return visible


def _usual_size(tensors: Collection[Tensor]) -> float:
    """Return a size of all entries at which signals neither die nor grow in the middling layer."""
    fans = [tensor[0].numel() for tensor in tensors if tensor.ndim > 1 and tensor.numel()]
    return (sum(fans) / len(fans)) ** -0.5 if fans else 1.0


def _moved_axes(images: Tensor) -> list[int]:
    """Return the axes of a tensor along which its entries move; all if they leave it."""
    if torch.equal(images.reshape(-1), torch.arange(images.numel())):
        return []
    if int(images.min()) < 0 or int(images.max()) >= images.numel():
        return list(range(images.ndim + 1))
    moved: list[int] = []
    places = torch.unravel_index(images, images.shape)
    for axis, images_along in enumerate(places):
        shape = [-1 if other == axis else 1 for other in range(images.ndim)]
        unmoved = torch.arange(images.shape[axis]).reshape(shape)
        if not torch.equal(images_along, unmoved.expand_as(images)):
            moved.append(axis)
    return moved
