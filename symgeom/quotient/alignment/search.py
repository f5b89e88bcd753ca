r"""The state of a search: where every unit is, and scores of every family that are kept up to date.

With everything but family :math:`f` in place the objective is linear in its permutation, with the
scores :math:`S_f = \sum_\text{strands} A\,(T B)^\top`: ``A`` and ``B`` are the rows of the two
networks, ``T`` what the neighbours do to the places. When a neighbour moves a few units, only their
places change, and :math:`S_f` is corrected by a product as thin as they are few.

Scores that take more memory than the weights that they are of (wide layers of a transformer) are
not kept: they are added up anew at every visit.

A family on both axes of one tensor (``x + Wx``) makes the objective quadratic; its step is taken
only if the objective grows.
"""

from collections.abc import Collection
from copy import copy

import torch
from torch import Tensor

from symgeom.ground.freed_memory import return_freed_memory
from symgeom.quotient.alignment.assignment import ties
from symgeom.quotient.alignment.crews import crews_of
from symgeom.quotient.alignment.moves import Move, move_of, moved, share_changed
from symgeom.quotient.alignment.plan import Family, Plan, Strand
from symgeom.quotient.alignment.prepared import Prepared
from symgeom.quotient.alignment.scores import (
    Position,
    Scores,
    best_position,
    rounding,
    value,
    worth,
)
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import SymmetrySpec

FULL = 0.75
"""Share of changed places above which a product over all places is cheaper than over those."""

LARGE = 2**20
"""Entries of scores below which they are kept in any case."""


class Search:
    """The state of one search.

    Parameters
    ----------
    plan : Plan
        The families of the architecture.
    reference, params : Prepared
        The rows of the two networks.

    Attributes
    ----------
    places : dict of str to Tensor
        For each family, the unit at every place, or the matrix of a linear family.
    flips : dict of str to Tensor
        For each sign group, the sign at every place.
    scores : dict of (str, str or None) to Tensor
        By family and sign group, where they are kept; strands with the family on two axes are left
        out.
    tied : dict of str to tuple of int
        The ties of the families whose scores are not kept, as of their last visit.
    used : dict of (str, int) to list of Move
        By family and number of a strand, the moves with which it entered the scores.
    weights : dict of str to list of float
        For each family, how much its strands can say about this pair.
    crews : list of tuple of str
        The families that are matched together.
    readers : dict of str to list of str
        For each family, those whose strands it acts on.
    visits : int
        Assignment problems solved so far.
    """

    def __init__(self, plan: Plan, reference: Prepared, params: Prepared) -> None:
        self.plan = plan
        self.reference = reference.rows
        self.params = params.rows
        self.visits = 0
        self.places: dict[str, Tensor] = {}
        self.flips: dict[str, Tensor] = {}
        self.scores: dict[tuple[str, str | None], Tensor] = {}
        self.tied: dict[str, tuple[int, ...]] = {}
        self.used: dict[tuple[str, int], list[Move]] = {}
        self.weights: dict[str, list[float]] = {}
        self.crews = crews_of(plan)
        self.readers: dict[str, list[str]] = {name: [] for name in plan}
        for name, family in plan.items():
            self._start(name, family)
            self.weights[name] = _products(reference.information[name], params.information[name])
            for neighbour in family.read:
                self.readers[neighbour].append(name)

    def _start(self, name: str, family: Family) -> None:
        """Put the units of a family where they are in the network, with scores of zero."""
        size = family.group.size
        rows = self.params[name][0]
        if family.linear:
            self.places[name] = torch.eye(size, dtype=rows.dtype, device=rows.device)
        else:
            self.places[name] = torch.arange(size, device=rows.device)
        for sign in family.signs:
            self.flips[sign] = rows.new_ones(size)
        if self._keeps_scores(family):
            self._clear_scores(family)

    def _keeps_scores(self, family: Family) -> bool:
        """Return whether the scores of a family take no more memory than its weights."""
        entries = family.group.size**2 * (1 + len(family.signs))
        weights = sum(rows.numel() for rows in self.params[family.group.name])
        return entries <= max(LARGE, weights)

    def _clear_scores(self, family: Family) -> None:
        """Set the scores of a family to zero."""
        name = family.group.name
        size = family.group.size
        for sign in (None, *family.signs):
            self.scores[name, sign] = self.params[name][0].new_zeros(size, size)

    def _drop_scores(self, family: Family) -> None:
        """Give up the scores of a family, and keep what they say of ties."""
        self.tied |= self._ties_of(family)
        for sign in (None, *family.signs):
            del self.scores[family.group.name, sign]
        return_freed_memory()

    def rest(self) -> None:
        """Give up all scores of a search that does not go on, and keep what they say of ties."""
        self.tied = self.ties()
        self.scores = {}
        return_freed_memory()

    def copy(self) -> "Search":
        """Return a search that goes on from here by itself; it must not rest."""
        twin = copy(self)
        twin.places = dict(self.places)
        twin.flips = dict(self.flips)
        twin.tied = dict(self.tied)
        twin.used = dict(self.used)
        twin.scores = {key: scores.clone() for key, scores in self.scores.items()}
        twin.visits = 0
        return twin

    def element(self, spec: SymmetrySpec) -> GroupElement:
        """Return where the units are as a group element, on the CPU as all elements are."""
        start = identity(spec)
        permutations = dict(start.permutations)
        scales = dict(start.scales)
        for name, family in self.plan.items():
            if family.linear:
                scales[name] = self.places[name].to("cpu", torch.float64)
            else:
                permutations[name] = self.places[name].to("cpu", torch.int64)
        for name, sign in self.flips.items():
            scales[name] = sign.to("cpu", torch.float64)
        return GroupElement(permutations, scales)

    def visit(self, name: str, strands: Collection[int] | None = None) -> bool:
        """Match a family on its strands, all or those of some numbers; return whether it moved."""
        family = self.plan[name]
        self.visits += 1
        if self._keeps_scores(family):
            return self._match(family, strands)
        self._clear_scores(family)
        for number in range(len(family.strands)):
            self.used.pop((name, number), None)
        has_moved = self._match(family, strands)
        self._drop_scores(family)
        return has_moved

    def _match(self, family: Family, strands: Collection[int] | None) -> bool:
        """Match a family on scores that are brought up to date; return whether it moved."""
        name = family.group.name
        for number, strand in enumerate(family.strands):
            if strands is None or number in strands:
                self._refresh(name, number, strand)
        scores = self._full_scores(family)
        before = self._position(family)
        after = best_position(family, scores, before.places)
        gain = value(family, scores, after) - value(family, scores, before)
        tolerance = rounding(scores)
        if not gain > tolerance:
            return False
        self._put(name, after)
        if family.coupled and self._quadratic_gain(family, scores, before) <= tolerance:
            self._put(name, before)
            return False
        return True

    def staleness(self, name: str) -> float:
        """Return how much of what the strands of a family say has changed since its last match."""
        total = 0.0
        for number, strand in enumerate(self.plan[name].strands):
            weight = self.weights[name][number]
            used = self.used.get((name, number))
            if used is None:
                total += weight
            else:
                total += weight * share_changed(self._moves(strand, name, number), used)
        return total

    def ties(self) -> dict[str, tuple[int, ...]]:
        """Return, by family, the places whose unit could be exchanged with another at no loss."""
        ties_by_family = {}
        for name, family in self.plan.items():
            if name in self.tied:
                ties_by_family[name] = self.tied[name]
            else:
                ties_by_family |= self._ties_of(family)
        return ties_by_family

    def _ties_of(self, family: Family) -> dict[str, tuple[int, ...]]:
        """Return the ties of a family by its name; none if matrices mix its units."""
        if family.linear or not family.group.permute:
            return {}
        name = family.group.name
        scores = self._full_scores(family)
        return {name: ties(worth(scores), self.places[name], rounding(scores))}

    def _position(self, family: Family) -> Position:
        flips = {sign: self.flips[sign] for sign in family.signs}
        return Position(self.places[family.group.name], flips)

    def _put(self, name: str, position: Position) -> None:
        """Put the units of a family at a position."""
        self.places[name] = position.places
        self.flips |= position.flips

    def _moves(self, strand: Strand, name: str, number: int) -> list[Move]:
        """Return what the neighbours of a strand do to its places now."""
        lengths = self.params[name][number].shape[1:-1]
        moves = []
        for axis, size in zip(sorted(strand.neighbours), lengths, strict=True):
            moves.append(move_of(strand.neighbours[axis], size, self.places, self.flips))
        return moves

    def _refresh(self, name: str, number: int, strand: Strand) -> None:
        """Bring the scores of a family up to date with one strand."""
        wanted = self._moves(strand, name, number)
        used = self.used.get((name, number))
        self.used[name, number] = wanted
        if name in strand.families:  # quadratic: computed afresh in _full_scores
            return
        ours = self.reference[name][number]
        theirs = self.params[name][number]
        if used is None:
            difference = moved(theirs, wanted)
        else:
            share = share_changed(wanted, used)
            if share == 0:
                return
            if len(wanted) == 1 and wanted[0].matrix is None and share < FULL:
                few = wanted[0].changed(used[0])
                ours = ours.index_select(1, few)
                difference = wanted[0].at(few).apply(theirs, 1) - used[0].at(few).apply(theirs, 1)
            else:
                difference = moved(theirs, wanted) - moved(theirs, used)
        self.scores[name, strand.sign].addmm_(ours.flatten(1), difference.flatten(1).T)

    def _full_scores(self, family: Family) -> Scores:
        """Return the scores of a family, with those of strands that have it on two axes."""
        name = family.group.name
        scores = self._linear_scores(family)
        for number, strand in enumerate(family.strands):
            if name in strand.families and (name, number) in self.used:
                moves = self._moves(strand, name, number)
                theirs = moved(self.params[name][number], moves)
                product = self.reference[name][number].flatten(1) @ theirs.flatten(1).T
                scores[strand.sign] = scores[strand.sign] + product
        return scores

    def _linear_scores(self, family: Family) -> dict[str | None, Tensor]:
        name = family.group.name
        return {sign: self.scores[name, sign] for sign in (None, *family.signs)}

    def _quadratic_gain(self, family: Family, scores: Scores, before: Position) -> float:
        """Return what a step that was taken gains, where the objective is quadratic."""
        # A tensor with the family on two axes is in the full scores twice, by each of its strands,
        # and not in the linear ones: the mean of both values counts it once.
        after = self._position(family)
        linear_scores = self._linear_scores(family)
        full_scores = self._full_scores(family)
        gained = value(family, full_scores, after) + value(family, linear_scores, after)
        lost = value(family, scores, before) + value(family, linear_scores, before)
        return gained / 2 - lost / 2


def _products(first: list[float], second: list[float]) -> list[float]:
    return [a * b for a, b in zip(first, second, strict=True)]
