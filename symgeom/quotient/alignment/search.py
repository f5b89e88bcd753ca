r"""Coordinate ascent over families: one assignment at a time, on scores that are kept up to date.

With everything but family :math:`f` in place the objective is linear in its permutation, with the
scores :math:`S_f = \sum_\text{strands} A\,(T B)^\top`: ``A`` and ``B`` are the rows of the two
networks, ``T`` what the neighbours do to the places. When a neighbour moves a few units, only their
places change, and :math:`S_f` is corrected by a product as thin as they are few. Four things decide
how good a maximum is found, and how soon:

* **Known strands first.** At the start nothing is matched, and a strand whose neighbours are not
  yet matched is noise. The first pass takes the families in the order of the share of their strands
  that is *known* (inputs, outputs and biases are; so are strands whose neighbours were matched
  before), and matches each on its known strands alone.
* **The stalest family next.** Afterwards the family whose scores have changed most since it was
  matched is matched again, until no scores are stale.
* **Kicks.** A maximum is left by scrambling a share of the units of every family, and kept if the
  ascent from there does not lead higher (iterated local search): on trained networks this finds
  higher maxima than as many starts from the identity.
* A family on both axes of one tensor (``x + Wx``) makes the objective quadratic; its step is taken
  only if the objective grows.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), algorithm 1: the same ascent from the identity, in
sweeps of random order.
"""

from copy import copy

import torch
from torch import Tensor

from symgeom.quotient.alignment.assignment import best_permutation, best_rotation, ties
from symgeom.quotient.alignment.moves import Move, move_of, moved
from symgeom.quotient.alignment.plan import Family, Plan, Prepared, Strand
from symgeom.symmetry.group import GroupElement, identity
from symgeom.symmetry.spec import SymmetrySpec

SWEEPS = 100
"""Visits per family, on average, after which a search gives up and says that it has not converged."""

KICKED = 0.3
"""Share of the units of every family that a kick scrambles."""

FULL = 0.75
"""Share of changed places above which a product over all places is cheaper than one over those that changed."""


class Search:
    """The state of one search: where every unit is, and the scores of every family."""

    def __init__(self, plan: Plan, reference: Prepared, params: Prepared) -> None:
        self.plan, self.reference, self.params = plan, reference.rows, params.rows
        self.weights = {
            name: [
                a * b
                for a, b in zip(reference.information[name], params.information[name], strict=True)
            ]
            for name in plan
        }
        self.visits = 0
        self.places, self.flips, self.scores = {}, {}, {}
        self.used: dict[tuple[str, int], list[Move]] = {}
        for name, family in plan.items():
            size, dtype = family.group.size, self.params[name][0].dtype
            linear = family.group.scale == "linear"
            self.places[name] = torch.eye(size, dtype=dtype) if linear else torch.arange(size)
            self.flips |= {sign: torch.ones(size, dtype=dtype) for sign in family.signs}
            self.scores |= {
                (name, sign): torch.zeros(size, size, dtype=dtype) for sign in (None, *family.signs)
            }
        self.readers = {
            name: [other for other, family in plan.items() if name in _read(family)]
            for name in plan
        }

    def copy(self) -> "Search":
        """Return a search that goes on from here by itself."""
        twin = copy(self)
        twin.places, twin.flips, twin.used = dict(self.places), dict(self.flips), dict(self.used)
        twin.scores = {key: scores.clone() for key, scores in self.scores.items()}
        twin.visits = 0
        return twin

    def element(self, spec: SymmetrySpec) -> GroupElement:
        """Return where the units are as a group element."""
        start = identity(spec)
        orders, scales = dict(start.permutations), dict(start.scales)
        for name, family in self.plan.items():
            (scales if family.group.scale == "linear" else orders)[name] = self.places[name].to(
                torch.float64 if family.group.scale == "linear" else torch.int64
            )
        return GroupElement(
            orders, scales | {name: sign.double() for name, sign in self.flips.items()}
        )

    def visit(self, name: str, strands: set[int] | None = None) -> bool:
        """Match one family on its strands (all, or those given), and return whether that moved a unit."""
        family = self.plan[name]
        self.visits += 1
        for number, strand in enumerate(family.strands):
            if strands is None or number in strands:
                self._refresh(name, number, strand)
        scores = self._scores(family)
        places, flips = _best(family, scores, self.places[name])
        before = self.places[name], {sign: self.flips[sign] for sign in family.signs}
        gain = _value(family, scores, places, flips) - _value(family, scores, *before)
        tolerance = _rounding(scores)
        if gain > tolerance:
            self.places[name], self.flips = places, self.flips | flips
            if family.coupled and self._quadratic_gain(family, scores, before) <= tolerance:
                self.places[name], self.flips = before[0], self.flips | before[1]
                return False
        return gain > tolerance

    def staleness(self, name: str) -> float:
        """Return how much of what the strands of a family say has changed since it was last matched."""
        total = 0.0
        for number, (strand, weight) in enumerate(
            zip(self.plan[name].strands, self.weights[name], strict=True)
        ):
            used = self.used.get((name, number))
            if used is None:
                total += weight
            else:
                wanted = self._moves(strand, name, number)
                total += weight * max(
                    (len(w.changed(u)) / len(w.index) for w, u in zip(wanted, used, strict=True)),
                    default=0.0,
                )
        return total

    def ties(self) -> dict[str, tuple[int, ...]]:
        """Return, for each family, the places whose unit could be exchanged with another at no loss."""
        found = {}
        for name, family in self.plan.items():
            if family.group.permute and family.group.scale != "linear":
                scores = self._scores(family)
                found[name] = ties(_worth(scores), self.places[name], _rounding(scores))
        return found

    def _moves(self, strand: Strand, name: str, number: int) -> list[Move]:
        """Return what the neighbours of a strand do to its places now."""
        lengths = self.params[name][number].shape[1:-1]
        return [
            move_of(strand.neighbours[axis], size, self.places, self.flips)
            for axis, size in zip(sorted(strand.neighbours), lengths, strict=True)
        ]

    def _refresh(self, name: str, number: int, strand: Strand) -> None:
        """Bring the scores of a family up to date with one strand."""
        wanted, used = self._moves(strand, name, number), self.used.get((name, number))
        self.used[name, number] = wanted
        if name in strand.families():  # quadratic: computed afresh in _scores
            return
        ours, theirs = self.reference[name][number], self.params[name][number]
        if used is None:
            difference = moved(theirs, wanted)
        elif not wanted or not any(len(w.changed(u)) for w, u in zip(wanted, used, strict=True)):
            return
        elif (
            len(wanted) == 1
            and wanted[0].matrix is None
            and len(few := wanted[0].changed(used[0])) < FULL * len(wanted[0].index)
        ):
            ours = ours.index_select(1, few)
            difference = wanted[0].at(few).apply(theirs, 1) - used[0].at(few).apply(theirs, 1)
        else:
            difference = moved(theirs, wanted) - moved(theirs, used)
        self.scores[name, strand.sign].addmm_(ours.flatten(1), difference.flatten(1).T)

    def _scores(self, family: Family) -> dict[str | None, Tensor]:
        """Return the scores of a family by the sign that flips them (None: no sign does)."""
        name = family.group.name
        scores = {sign: self.scores[name, sign] for sign in (None, *family.signs)}
        for number, strand in enumerate(family.strands):
            if name in strand.families() and (name, number) in self.used:
                scores[strand.sign] = scores[strand.sign] + self._self_scores(strand, name, number)
        return scores

    def _self_scores(self, strand: Strand, name: str, number: int) -> Tensor:
        theirs = moved(self.params[name][number], self._moves(strand, name, number))
        return self.reference[name][number].flatten(1) @ theirs.flatten(1).T

    def _quadratic_gain(
        self, family: Family, scores: dict[str | None, Tensor], before: tuple
    ) -> float:
        """Return what a step that was taken gains, the tensors with the family on two axes counted once and as they are."""
        after = self._scores(family)
        now = self.places[family.group.name], {sign: self.flips[sign] for sign in family.signs}
        plain = {sign: self.scores[family.group.name, sign] for sign in scores}

        def value(full: dict[str | None, Tensor], state: tuple) -> float:
            return (_value(family, full, *state) + _value(family, plain, *state)) / 2

        return value(after, now) - value(scores, before)


def _read(family: Family) -> set[str]:
    return set().union(*(strand.families() for strand in family.strands))


def _worth(scores: dict[str | None, Tensor]) -> Tensor:
    return scores[None] + sum(odd.abs() for sign, odd in scores.items() if sign is not None)


def _rounding(scores: dict[str | None, Tensor]) -> float:
    """Return the gain that rounding explains, so that ties cannot make the search cycle."""
    largest = max(float(part.abs().max()) for part in scores.values())
    return torch.finfo(scores[None].dtype).eps * len(scores[None]) * largest


def _best(
    family: Family, scores: dict[str | None, Tensor], now: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    if family.group.scale == "linear":
        return best_rotation(scores[None]), {}
    places = best_permutation(_worth(scores)) if family.group.permute else now
    chosen = {sign: scores[sign].gather(1, places.unsqueeze(1)).squeeze(1) for sign in family.signs}
    return places, {sign: torch.where(odd < 0, -1.0, 1.0).to(odd) for sign, odd in chosen.items()}


def _value(
    family: Family, scores: dict[str | None, Tensor], places: Tensor, flips: dict[str, Tensor]
) -> float:
    """Return the part of the objective that a family decides, linear in its permutation and signs."""
    if family.group.scale == "linear":
        return float((places * scores[None]).sum(dtype=torch.float64))
    column = places.unsqueeze(1)
    value = scores[None].gather(1, column).sum(dtype=torch.float64)
    for sign, flip in flips.items():
        value = value + (flip * scores[sign].gather(1, column).squeeze(1)).sum(dtype=torch.float64)
    return float(value)


def match_incoming(search: Search) -> bool:
    """Match every family once, in order, on its incoming strands: the single pass of the toroids paper."""
    for name, family in search.plan.items():
        search.visit(
            name, {number for number, strand in enumerate(family.strands) if strand.leg.power > 0}
        )
    return True


def match_known_first(search: Search) -> None:
    """Match every family once on what is known, those of which most is known first."""
    known: set[str] = set()

    def strands(name: str) -> set[int]:
        return {
            number
            for number, strand in enumerate(search.plan[name].strands)
            if strand.families() <= known
        }

    def share(name: str) -> float:
        weights, ready = search.weights[name], strands(name)
        return sum(weights[number] for number in ready) / (sum(weights) or 1.0)

    while left := [name for name in search.plan if name not in known]:
        name = max(left, key=share)
        search.visit(name, strands(name))
        known.add(name)


def ascend(search: Search) -> bool:
    """Match the stalest family until none is stale, and return whether that point was reached."""
    limit = search.visits + SWEEPS * len(search.plan)
    stale = {name: search.staleness(name) for name in search.plan}
    while search.visits < limit:
        name = max(stale, key=stale.__getitem__, default=None)
        if name is None or stale[name] == 0:
            return True
        moved, stale[name] = search.visit(name), 0.0
        if moved:
            stale |= {other: search.staleness(other) for other in search.readers[name]}
    return False


def sweep_at_random(search: Search, generator: torch.Generator) -> bool:
    """Match all families in sweeps of random order until one changes nothing, and return whether that point was reached."""
    names = list(search.plan)
    for _ in range(SWEEPS):
        order = torch.randperm(len(names), generator=generator).tolist()
        progress = [search.visit(names[place]) for place in order]
        if not any(progress):
            return True
    return False


def kick(search: Search, generator: torch.Generator) -> None:
    """Scramble a share of the units of every family, signs included (linear families stay)."""
    for name, family in search.plan.items():
        if family.group.scale == "linear":
            continue
        size = family.group.size
        chosen = torch.randperm(size, generator=generator)[: round(KICKED * size)]
        order = (
            chosen[torch.randperm(len(chosen), generator=generator)]
            if family.group.permute
            else chosen
        )
        search.places[name] = search.places[name].index_copy(0, chosen, search.places[name][order])
        for sign in family.signs:
            coins = 2 * torch.randint(2, (len(chosen),), generator=generator) - 1
            flips = search.flips[sign]
            search.flips[sign] = flips.index_copy(0, chosen, flips[order] * coins.to(flips))
