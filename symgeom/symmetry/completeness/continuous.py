r"""Continuous symmetries: the null directions of the Jacobian against the orbit of the spec.

At weights :math:`\theta` in general position, a direction keeps the function on enough inputs if
and only if the Jacobian of the outputs sends it to zero,

.. math:: \ker J \supseteq T_\theta(\text{orbit}) + \text{translations} .

What :math:`\ker J` has beyond that is a surplus. Dead units and units that never switch add to it
at some weights only, so that several are drawn, each with more inputs than the last, and the
smallest surplus counts. The tensors are named by fixing one after another as long as a surplus is
left.

References
----------
Grigsby, Lindsey, Meyerhoff and Wu, "Functional dimension of feedforward ReLU neural networks"
(2209.04036), the rank of the Jacobian; Grigsby, Lindsey and Rolnick, "Hidden symmetries of ReLU
networks" (2306.06179), surpluses of particular weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, ravel
from symgeom.symmetry.completeness.network import SmallNetwork, entries_of
from symgeom.symmetry.completeness.rank import Gap, null_space, vanishing_outside
from symgeom.symmetry.completeness.record import Surplus
from symgeom.symmetry.generators import orbit_directions
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.translation import Translation, find_translations

OUTPUTS = 4
"""Outputs that are differentiated in the first draw, per entry of a weight."""


@dataclass(frozen=True, eq=False)
class Directions:
    """What keeps the function, and what the spec has of it, at one network.

    Attributes
    ----------
    orbit, translated, dimension : int
        As of :class:`~symgeom.symmetry.completeness.record.MissingSymmetries`.
    margin : float
        Likewise.
    surpluses : tuple of Surplus
        Likewise.
    """

    orbit: int
    translated: int
    dimension: int
    margin: float
    surpluses: tuple[Surplus, ...]


class _Kernel:
    """The null directions of a Jacobian beside directions that are explained."""

    def __init__(self, jacobian: Tensor, explained: Tensor) -> None:
        self.matrix = torch.linalg.qr(jacobian, mode="r").R
        self.size = float(torch.linalg.matrix_norm(self.matrix, 2))
        self.explained = explained

    def surplus(self, free: Tensor) -> tuple[int, Gap]:
        """Count the null directions within free entries that are not explained."""
        directions, gap = self.directions(free)
        explained = vanishing_outside(self.explained, self._with_buffers(free))
        return len(directions) - len(explained), gap

    def directions(self, free: Tensor) -> tuple[Tensor, Gap]:
        """Return all null directions within free entries."""
        return null_space(self.matrix[:, free], self.size)

    def explain(self, free: Tensor) -> None:
        """Count the null directions within free entries as explained from now on."""
        directions, _ = self.directions(free)
        rows = torch.zeros(len(directions), self.explained.shape[1], dtype=directions.dtype)
        rows[:, : len(free)][:, free] = directions
        self.explained = torch.cat([self.explained, rows])

    def _with_buffers(self, free: Tensor) -> Tensor:
        """Buffers, which follow the weights in an orbit, are fixed."""
        buffers = self.explained.shape[1] - len(free)
        return torch.cat([free, free.new_zeros(buffers)])


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Counts at one network, and what names the tensors behind them."""

    kernel: _Kernel
    entries: dict[str, slice]
    orbit: int
    translated: int
    dimension: int
    margin: float

    def named(self) -> Directions:
        """Name the tensors of the surplus."""
        surpluses = _named(self.kernel, self.entries, self.dimension)
        return Directions(self.orbit, self.translated, self.dimension, self.margin, surpluses)


def missing_directions(
    spec: SymmetrySpec,
    network: SmallNetwork,
    translations: tuple[Translation, ...],
    *,
    draws: int,
    generator: torch.Generator,
) -> Directions:
    """Find directions that keep the function and that a spec has not.

    Parameters
    ----------
    spec : SymmetrySpec
        Groups that are exact for the loss.
    network : SmallNetwork
        The network, whose norms measure every batch.
    translations : tuple of Translation
        What may be added to weights.
    draws : int
        At how many networks to look, at most.
    generator : torch.Generator
        The source of weights and inputs.

    Returns
    -------
    Directions
        Of the network with the smallest surplus.
    """
    candidates: list[_Comparison] = []
    for draw in range(draws):
        point = network.drawn(generator)
        entries = sum(point[name].numel() for name in network.trained)
        jacobian = network.jacobian(point, OUTPUTS * (draw + 1) * entries, generator)
        comparison = _at(spec, network, translations, point, jacobian)
        candidates.append(comparison)
        if not comparison.dimension:
            break
    best = min(candidates, key=lambda comparison: abs(comparison.dimension))
    return best.named()


def translations_of(network: SmallNetwork, generator: torch.Generator) -> tuple[Translation, ...]:
    """Find what may be added to weights without any change of the outputs.

    Parameters
    ----------
    network : SmallNetwork
        The network.
    generator : torch.Generator
        The source of weights and inputs.

    Returns
    -------
    tuple of Translation
        Of a sum of all outputs with random factors, at several networks.
    """
    laws = _translations_at_one(network, generator)
    for _ in range(2):  # dead units differ
        others = _translations_at_one(network, generator)
        laws = tuple(law for law in laws if law in others)
    return laws


def _translations_at_one(
    network: SmallNetwork, generator: torch.Generator
) -> tuple[Translation, ...]:
    """Find translations near one network."""
    point = network.drawn(generator)
    inputs = network.samples(64, generator)
    factors: list[Tensor] = []
    for output in network.outputs(point, inputs):
        factors.append(torch.randn(output.shape, generator=generator, dtype=output.dtype))

    def loss(weights: Parameters) -> Tensor:
        outputs = network.outputs({**point, **weights}, inputs)
        terms = [(x * y).sum() for x, y in zip(outputs, factors, strict=True)]
        return torch.stack(terms).sum()

    weights = {name: point[name] for name in network.trained}
    return find_translations(loss, weights, generator=generator)


def _at(
    spec: SymmetrySpec,
    network: SmallNetwork,
    translations: tuple[Translation, ...],
    point: Parameters,
    jacobian: Tensor,
) -> _Comparison:
    """Compare the kernel of a Jacobian with the orbit."""
    moving = {name: point[name] for name in network.trained}
    for group in spec.groups:
        for leg in group.legs:
            if leg.tensor not in network.statistics:
                moving.setdefault(leg.tensor, point[leg.tensor])
    entries = entries_of(network.trained, point)
    everything = torch.ones(jacobian.shape[1], dtype=torch.bool)
    orbit = _orbit(spec, network, moving)
    tangent = _Kernel(jacobian, orbit)
    without_translations, _ = tangent.surplus(everything)
    shifts = _shifts(translations, entries, moving)
    kernel = _Kernel(jacobian, torch.cat([orbit, shifts]))
    dimension, gap = kernel.surplus(everything)
    directions, _ = kernel.directions(everything)
    orbit_dimension = len(directions) - without_translations
    translated = without_translations - dimension
    return _Comparison(kernel, entries, orbit_dimension, translated, dimension, gap.margin)


def _orbit(spec: SymmetrySpec, network: SmallNetwork, moving: Parameters) -> Tensor:
    """Return the directions of the generators; statistics follow the weights by themselves."""
    rows: list[Tensor] = []
    length = len(ravel(moving))
    for group in spec.groups:
        if group.scale in ("positive", "linear"):
            everything = {**moving}
            for leg in group.legs:
                if leg.tensor in network.statistics:
                    everything[leg.tensor] = network.point[leg.tensor]
            for direction in orbit_directions(group, everything):
                rows.append(ravel({name: direction[name] for name in moving}))
    if not rows:
        return torch.zeros(0, length, dtype=torch.float64)
    return torch.stack(rows)


def _shifts(
    translations: tuple[Translation, ...], entries: dict[str, slice], moving: Parameters
) -> Tensor:
    """Return the directions of translations."""
    length = len(ravel(moving))
    rows: list[Tensor] = []
    for law in translations:
        index = torch.arange(length)[entries[law.tensor]].reshape(moving[law.tensor].shape)
        inside = index[law.start : law.stop]
        if law.axis is None:
            lines = inside.reshape(-1, 1)
        else:
            lines = inside.movedim(law.axis, -1).reshape(-1, inside.shape[law.axis])
        rows.append(torch.zeros(len(lines), length, dtype=torch.float64).scatter(1, lines, 1.0))
    if not rows:
        return torch.zeros(0, length, dtype=torch.float64)
    return torch.cat(rows)


def _named(kernel: _Kernel, entries: dict[str, slice], dimension: int) -> tuple[Surplus, ...]:
    """Name the tensors of a surplus: those that cannot be fixed while it lasts."""
    surpluses: list[Surplus] = []
    length = max(part.stop for part in entries.values())
    while dimension > 0:
        free = torch.ones(length, dtype=torch.bool)
        moving = set(entries)
        for name in sorted(entries, key=lambda name: entries[name].start, reverse=True):
            fewer = free.clone()
            fewer[entries[name]] = False
            if fewer.any() and kernel.surplus(fewer)[0] > 0:
                free = fewer
                moving.discard(name)
        part, _ = kernel.surplus(free)
        tensors = tuple(name for name in entries if name in moving)
        surpluses.append(Surplus(tensors, part))
        kernel.explain(free)
        dimension, _ = kernel.surplus(torch.ones_like(free))
    return tuple(surpluses)
