r"""Continuous symmetries: the null directions of the Jacobian against the orbit of the spec.

At weights :math:`\theta` in general position, a direction keeps the function if and only if the
Jacobian of the outputs on all inputs sends it to zero,

.. math:: \ker J \supseteq T_\theta(\text{orbit}) + \text{translations} .

What :math:`\ker J` has beyond that is a surplus. Numbers say so from above only: few inputs, and
units that are dead or never switch, make the kernel of a ReLU network larger than its symmetries.
Inputs are therefore drawn in batches until the kernel has stopped shrinking for several of them,
and weights are drawn anew as long as there is a surplus. One that is a symmetry moves the same
entries at all weights, and one of an accident other ones: only what moves in every draw stays free,
and the smallest count holds. Some entries (as many as the orbit has directions) are fixed, so that
a surplus has one representative.

References
----------
Grigsby, Lindsey, Meyerhoff and Wu, "Functional dimension of feedforward ReLU neural networks"
(2209.04036), the rank of the Jacobian; Grigsby, Lindsey and Rolnick, "Hidden symmetries of ReLU
networks" (2306.06179), surpluses of particular weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.types import Parameters, ravel
from symgeom.symmetry.completeness.network import SmallNetwork, entries_of
from symgeom.symmetry.completeness.null_space import (
    SMALL,
    null_space,
    row_space,
    vanishing_outside,
)
from symgeom.symmetry.completeness.record import Surplus
from symgeom.symmetry.generators import orbit_directions
from symgeom.symmetry.spec import SymmetrySpec

EXCESS = 1.3
"""Rows of the first Jacobian, per entry."""

MORE = 0.3
"""Further rows of each later one, per entry."""

QUIET = 2
"""How often in a row further inputs must leave the kernel as it is."""

AGREED = 4
"""Draws that must agree on the smallest count of a surplus."""


@dataclass(frozen=True, eq=False)
class Directions:
    """What keeps the function, and what the spec has of it.

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


def missing_directions(
    spec: SymmetrySpec,
    network: SmallNetwork,
    shifts: Tensor,
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
        The network.
    shifts : Tensor, shape (direction, entry)
        Translations of weights, which no spec lists.
    draws : int
        At how many networks to look, at most.
    generator : torch.Generator
        The source of weights and inputs.

    Returns
    -------
    Directions
        Of the network with the smallest surplus.
    """
    entries = entries_of(network.weights, network.point)
    free = torch.ones(shifts.shape[1], dtype=torch.bool)
    comparisons: list[_Comparison] = []
    counts: list[int] = []
    while len(counts) < draws and counts.count(min(counts, default=1)) < AGREED:
        comparison = _comparison(spec, network, shifts, generator)
        if not comparisons:
            free[_pivots(comparison.explained)] = False
        comparisons.append(comparison)
        surplus = vanishing_outside(comparison.kernel, free)
        free &= torch.linalg.vector_norm(surplus, dim=0) > SMALL
        counts.append(len(surplus))
        if not len(surplus):
            break
    dimension = min(comparison.surplus(free) for comparison in comparisons)
    named = _named(_clean(comparisons, dimension), entries, dimension)
    clearest = min(comparisons, key=lambda comparison: len(comparison.kernel))
    translated = len(clearest.explained) - clearest.orbit
    return Directions(clearest.orbit, translated, dimension, clearest.margin, named)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """What keeps the function at one network: all of it, and what is explained."""

    kernel: Tensor
    explained: Tensor
    orbit: int
    margin: float

    def surplus(self, free: Tensor) -> int:
        """Count the null directions within free entries that are not explained."""
        explained = vanishing_outside(self.explained, free)
        return len(self.within(free)) - len(explained)

    def within(self, free: Tensor) -> Tensor:
        """Return the null directions within free entries."""
        return vanishing_outside(self.kernel, free)

    def explaining(self, free: Tensor) -> "_Comparison":
        """Let all null directions within free entries be explained."""
        explained = torch.cat([self.explained, self.within(free)])
        return replace(self, explained=row_space(explained))


def _comparison(
    spec: SymmetrySpec, network: SmallNetwork, shifts: Tensor, generator: torch.Generator
) -> _Comparison:
    """Compare the kernel of the Jacobian with the orbit, at random weights."""
    point = network.drawn(generator)
    orbit = _orbit(spec, network, point)
    explained = row_space(torch.cat([orbit, shifts]))
    kernel, margin = _kernel(network, point, len(explained), generator)
    return _Comparison(kernel, explained, len(row_space(orbit)), margin)


def _kernel(
    network: SmallNetwork, point: Parameters, explained: int, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Return the null directions of the Jacobian, and the gap between its singular values."""
    count = sum(point[name].numel() for name in network.weights)
    rows = network.jacobian(point, int(EXCESS * count), generator)
    kernel, margin = null_space(rows)
    quiet = 0
    while len(kernel) > explained and quiet < QUIET:
        rows = torch.linalg.qr(rows, mode="r").R
        fresh = network.jacobian(point, int(MORE * count), generator)
        rows = torch.cat([rows, fresh])
        smaller, margin = null_space(rows)
        quiet = quiet + 1 if len(smaller) == len(kernel) else 0
        kernel = smaller
    return kernel, margin


def _orbit(spec: SymmetrySpec, network: SmallNetwork, point: Parameters) -> Tensor:
    """Return the directions of the orbit that leave all buffers but statistics as they are."""
    moving = {name: point[name] for name in (*network.weights, *network.buffers)}
    count = sum(point[name].numel() for name in network.weights)
    rows = [torch.zeros(0, len(ravel(moving)), dtype=torch.float64)]
    for group in spec.groups:
        if group.scale in ("positive", "linear"):
            statistics = {leg.tensor: point[leg.tensor] for leg in group.legs}
            for direction in orbit_directions(group, {**statistics, **moving}):
                row = ravel({name: direction[name] for name in moving})
                rows.append(row[None])
    inside = torch.arange(len(ravel(moving))) < count
    return vanishing_outside(row_space(torch.cat(rows)), inside)[:, :count]


def _pivots(rows: Tensor) -> Tensor:
    """Return as many entries as there are rows, which no combination of the rows leaves alone."""
    if not len(rows):
        return torch.empty(0, dtype=torch.int64)
    order, _, _ = torch.linalg.lu(rows.mT)
    return order[:, : len(rows)].argmax(0)


def _clean(comparisons: Sequence[_Comparison], dimension: int) -> Sequence[_Comparison]:
    """Return the draws that have no surplus by accident, or all."""
    everything = torch.ones(comparisons[0].kernel.shape[1], dtype=torch.bool)
    clean: list[_Comparison] = []
    for comparison in comparisons:
        if comparison.surplus(everything) == dimension:
            clean.append(comparison)
    return clean or comparisons


def _named(
    comparisons: Sequence[_Comparison], entries: dict[str, slice], dimension: int
) -> tuple[Surplus, ...]:
    """Name the tensors of a surplus: those that cannot be fixed while it lasts in every draw."""
    surpluses: list[Surplus] = []
    while dimension > 0:
        # Which tensors are left depends on the order: the fewest say most.
        forwards = _needed(comparisons, entries, list(entries))
        backwards = _needed(comparisons, entries, list(reversed(entries)))
        tensors = min(backwards, forwards, key=len)
        free = _entries_free(tensors, entries)
        count = min(_common(comparisons, free), dimension)
        if not count:
            break
        surpluses.append(Surplus(tensors, count))
        dimension -= count
        comparisons = [comparison.explaining(free) for comparison in comparisons]
    return tuple(surpluses)


def _needed(
    comparisons: Sequence[_Comparison], entries: dict[str, slice], order: Sequence[str]
) -> tuple[str, ...]:
    """Fix one tensor after another, as long as a surplus is left; return the others."""
    moving = list(entries)
    for name in order:
        fewer = [other for other in moving if other != name]
        if _common(comparisons, _entries_free(fewer, entries)) > 0:
            moving = fewer
    return tuple(moving)


def _entries_free(tensors: Sequence[str], entries: dict[str, slice]) -> Tensor:
    """Return which entries belong to some tensors."""
    free = torch.zeros(max(part.stop for part in entries.values()), dtype=torch.bool)
    for name in tensors:
        free[entries[name]] = True
    return free


def _common(comparisons: Sequence[_Comparison], free: Tensor) -> int:
    """Count directions within free entries that move the same entries in every draw."""
    for comparison in comparisons:
        directions = comparison.within(free)
        free = torch.linalg.vector_norm(directions, dim=0) > SMALL
    return min(comparison.surplus(free) for comparison in comparisons)
