r"""Coordinate ascent over families: one assignment at a time, on scores that are kept up to date.

Four things decide how good a maximum is found, and how soon:

* **Known strands first.** At the start nothing is matched, and a strand whose neighbours are not
  yet matched is noise. The first pass takes the families in the order of the share of their strands
  that is *known* (inputs, outputs and biases are; so are strands whose neighbours were matched
  before), and matches each on its known strands alone.
* **The stalest family next.** Afterwards the family whose scores have changed most since it was
  matched is matched again, until no scores are stale.
* **Crews together.** Families that lie side by side (:mod:`symgeom.quotient.alignment.crews`) do
  not act on each other, so that matching all of them is one step; what reads them is matched again
  after all have moved, and not after each.
* **Kicks.** A maximum is left by scrambling a share of the units of every family, and kept if the
  ascent from there does not lead higher (iterated local search): on trained networks this finds
  higher maxima than as many starts from the identity.

References
----------
Ainsworth et al., "Git Re-Basin" (2209.04836), algorithm 1: the same ascent from the identity, in
sweeps of random order.
"""

import torch
from torch import Tensor

from symgeom.quotient.alignment.crews import Crew
from symgeom.quotient.alignment.plan import Family
from symgeom.quotient.alignment.search import Search

SWEEPS = 100
"""Visits per family, on average, after which a search gives up: it has not converged."""

KICKED = 0.3
"""Share of the units of every family that a kick scrambles."""


def match_incoming(search: Search) -> None:
    """Match every family once, in order, on its incoming strands: the pass of the toroids paper.

    Parameters
    ----------
    search : Search
        Where to start; it is moved.
    """
    for name, family in search.plan.items():
        incoming = set()
        for number, strand in enumerate(family.strands):
            if strand.leg.power > 0:
                incoming.add(number)
        search.visit(name, incoming)


def match_known_first(search: Search) -> None:
    """Match every family once on what is known, those of which most is known first.

    Parameters
    ----------
    search : Search
        Where to start; it is moved.
    """
    matched: set[str] = set()
    waiting = list(search.crews)
    while waiting:
        crew = _best_known(search, waiting, matched)
        for name in crew:
            search.visit(name, _known_strands(search.plan[name], matched))
        matched |= set(crew)
        waiting.remove(crew)


def _best_known(search: Search, waiting: list[Crew], matched: set[str]) -> Crew:
    """Return the crew of which the largest share is known, among those that wait."""
    shares = {}
    for crew in waiting:
        total = 0.0
        known_total = 0.0
        for name in crew:
            weights = search.weights[name]
            known_strands = _known_strands(search.plan[name], matched)
            total += sum(weights)
            known_total += sum(weights[number] for number in known_strands)
        shares[crew] = known_total / total if total else 0.0
    return max(shares, key=shares.__getitem__)


def _known_strands(family: Family, matched: set[str]) -> set[int]:
    """Return the numbers of the strands whose neighbours are matched."""
    numbers = set()
    for number, strand in enumerate(family.strands):
        if strand.families <= matched:
            numbers.add(number)
    return numbers


def ascend(search: Search) -> bool:
    """Match the stalest crew until none is stale.

    Parameters
    ----------
    search : Search
        Where to start; it is moved.

    Returns
    -------
    bool
        Whether that point was reached.
    """
    limit = search.visits + SWEEPS * len(search.plan)
    crew_of: dict[str, Crew] = {}
    for crew in search.crews:
        crew_of |= dict.fromkeys(crew, crew)
    stale = {crew: _staleness(search, crew) for crew in search.crews}
    while search.visits < limit:
        crew = max(stale, key=stale.__getitem__)
        if stale[crew] == 0:
            return True
        readers: set[Crew] = set()
        for name in crew:
            has_moved = search.visit(name)
            if has_moved:
                readers |= {crew_of[reader] for reader in search.readers[name]}
        stale[crew] = 0.0
        for reader in readers:
            stale[reader] = _staleness(search, reader)
    return False


def _staleness(search: Search, crew: Crew) -> float:
    """Return how much of what the strands of a crew say has changed since its last match."""
    return sum(search.staleness(name) for name in crew)


def sweep_at_random(search: Search, generator: torch.Generator) -> bool:
    """Match all families in sweeps of random order until one changes nothing.

    Parameters
    ----------
    search : Search
        Where to start; it is moved.
    generator : torch.Generator
        The source of the orders.

    Returns
    -------
    bool
        Whether that point was reached.
    """
    names = list(search.plan)
    for _ in range(SWEEPS):
        order = _random_order(len(names), generator).tolist()
        progress = [search.visit(names[index]) for index in order]
        if not any(progress):
            return True
    return False


def kick(search: Search, generator: torch.Generator) -> None:
    """Scramble a share of the units of every family, signs included (linear families stay).

    Parameters
    ----------
    search : Search
        What to move.
    generator : torch.Generator
        The source of randomness.
    """
    for name, family in search.plan.items():
        if family.linear:
            continue
        size = family.group.size
        places = search.places[name]
        kicked = _random_order(size, generator).to(places.device)[: round(KICKED * size)]
        sources = kicked
        if family.group.permute:
            sources = kicked[_random_order(len(kicked), generator).to(places.device)]
        search.places[name] = places.index_copy(0, kicked, places[sources])
        for sign in family.signs:
            flips = search.flips[sign]
            where = generator.device
            coins = 2 * torch.randint(2, flips[kicked].shape, generator=generator, device=where) - 1
            scrambled = flips[sources] * coins.to(flips)
            search.flips[sign] = flips.index_copy(0, kicked, scrambled)


def _random_order(size: int, generator: torch.Generator) -> Tensor:
    """Return a random permutation, where the generator is."""
    return torch.randperm(size, generator=generator, device=generator.device)
