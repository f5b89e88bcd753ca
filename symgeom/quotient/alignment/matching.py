r"""Remove the permutations between networks: match the units of one to the units of another.

On canonical weights every tensor is a set of sphere coordinates, so that the inner product of two
networks is the sum of the cosines of their units. Alignment maximises it over the permutations (and
signs, and rotations of linear groups) of the second,

.. math:: \max_{g}\ \langle \theta_\mathrm{ref},\, g\,\theta\rangle ,

over all trainable tensors, biases and norm weights included. ``greedy`` is the single pass of the
toroids paper: one linear assignment per group from input to output, on the incoming weights, with
the groups already matched applied. ``iterated`` starts from what is known first and goes on until
nothing changes (:mod:`symgeom.quotient.alignment.search`). It finds one local maximum of many;
further starts show how far they scatter, and find higher ones. The second is git-re-basin's
algorithm (from the identity, groups in random order), so that from two starts the objective is
never below it; those that follow kick the best maximum so far.

The search runs in the precision of the networks. Scales are not touched: align canonical
networks (:func:`symgeom.quotient.gauge.canonicalise`), or scales distort the match.

References
----------
Pittorino et al. (2202.03038), alignment step; Ainsworth et al., "Git Re-Basin" (2209.04836),
section 3.2 and algorithm 1.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters
from symgeom.quotient.alignment.check import check_alignable
from symgeom.quotient.alignment.plan import (
    Plan,
    Prepared,
    make_plan,
    prepare,
    prepared_size,
    without_scales,
)
from symgeom.quotient.alignment.record import Alignment, Matching
from symgeom.quotient.alignment.search import (
    Search,
    ascend,
    kick,
    match_incoming,
    match_known_first,
    sweep_at_random,
)
from symgeom.symmetry.group import act
from symgeom.symmetry.spec import SymmetrySpec


def align(
    spec: SymmetrySpec,
    reference: Parameters,
    params: Parameters,
    *,
    method: str = "iterated",
    starts: int = 1,
    generator: torch.Generator | None = None,
) -> Alignment:
    """Match the units of a network to those of a reference.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    reference, params : Parameters
        Two networks of one precision, canonical if scales shall not distort the match; not
        modified.
    method : {"iterated", "greedy"}
        To convergence, or the single pass of the toroids paper.
    starts : int
        Number of searches, of which the best is kept.
    generator : torch.Generator, optional
        The source of randomness of all starts but the first.

    Returns
    -------
    Alignment
        The element and how good it is.

    Raises
    ------
    SymgeomError
        If the networks differ in architecture or precision or hold values that are not finite, the
        method is unknown, or further starts have no generator.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> a = {"in": torch.eye(2), "out": torch.tensor([[1.0, 2.0]])}
    >>> b = {"in": torch.eye(2).flip(0), "out": torch.tensor([[2.0, 1.0]])}
    >>> align(spec, a, b).element.permutations["hidden1"]
    tensor([1, 0])
    """
    networks, pair = {"reference": reference, "network": params}, ("reference", "network")
    generators = {} if generator is None else {pair: generator}
    ((_, found),) = align_pairs(
        spec, networks, [pair], matching=Matching(method, starts), generators=generators
    )
    return found


def align_pairs(
    spec: SymmetrySpec,
    networks: Mapping[Hashable, Parameters],
    pairs: Iterable[tuple[Hashable, Hashable]],
    *,
    matching: Matching | None = None,
    generators: Mapping[tuple[Hashable, Hashable], torch.Generator] | None = None,
) -> Iterator[tuple[tuple[Hashable, Hashable], Alignment]]:
    """Align the second network of every pair to the first; what the latest networks need is made once for their pairs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of name to Parameters
        Networks of one precision; not modified. They need not fit into memory if the mapping reads
        them when asked for (:class:`symgeom.ground.on_demand.OnDemand`).
    pairs : iterable of (name, name)
        Which networks to align: the first is the reference.
    matching : Matching, optional
        How to search; iterated from one start unless given.
    generators : mapping of pair to torch.Generator, optional
        The source of randomness of every pair, so that no pair depends on which others are asked
        for.

    Returns
    -------
    iterator of (pair, Alignment)
        As :func:`align` returns them for each pair alone, in the order of the pairs, each when it
        is asked for.

    Raises
    ------
    SymgeomError
        As :func:`align`.

    Examples
    --------
    >>> import torch
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("in", 0), Leg("out", 1, power=-1))),))
    >>> a = {"in": torch.eye(2), "out": torch.tensor([[1.0, 2.0]])}
    >>> b = {"in": torch.eye(2).flip(0), "out": torch.tensor([[2.0, 1.0]])}
    >>> found = align_pairs(spec, {"a": a, "b": b}, [("a", "b"), ("b", "a")])
    >>> [alignment.objective for pair, alignment in found]
    [7.0, 7.0]
    """
    pairs, matching = list(pairs), matching or Matching()
    needed = dict.fromkeys(name for pair in pairs for name in pair)
    check_alignable(spec, ((name, networks[name]) for name in needed))
    plan = make_plan(spec)
    prepared = OnDemand(needed, lambda name: prepare(plan, networks[name]), size=prepared_size)
    generators = generators or {}
    for pair in pairs:
        if matching.starts > 1 and pair not in generators:
            raise SymgeomError(
                f"Cannot align {pair} from {matching.starts} starts: give a generator, the source of their randomness."
            )

    def alone(pair: tuple[Hashable, Hashable]) -> Alignment:
        return _aligned(
            spec,
            plan,
            [(networks[name], prepared[name]) for name in pair],
            matching,
            generators.get(pair),
        )

    return ((pair, alone(pair)) for pair in pairs)


def _aligned(
    spec: SymmetrySpec,
    plan: Plan,
    pair: list[tuple[Parameters, Prepared]],
    matching: Matching,
    generator: torch.Generator | None,
) -> Alignment:
    """Search from every start and keep the best."""
    (reference, ours), (params, theirs) = pair
    discrete = without_scales(spec)
    touched = sorted({leg.tensor for group in spec.groups for leg in group.legs if not leg.buffer})
    best, kept, objectives, visits = None, None, [], 0
    for start in range(matching.starts):
        search = best.copy() if start > 1 else Search(plan, ours, theirs)
        converged = _run(search, start, matching, generator)
        element = search.element(spec)
        moved = act(discrete, element, params)
        objectives.append(
            sum(
                float(torch.dot(reference[name].flatten(), moved[name].flatten()))
                for name in touched
            )
        )
        visits += search.visits
        if objectives[-1] >= max(objectives):
            best, kept = search, (element, converged)
    return Alignment(kept[0], max(objectives), tuple(objectives), visits, kept[1], best.ties())


def _run(search: Search, start: int, matching: Matching, generator: torch.Generator | None) -> bool:
    """Search from one start, and return whether that converged."""
    if matching.method == "greedy":
        return match_incoming(search)
    if start == 0:
        match_known_first(search)
    elif start == 1:
        return sweep_at_random(search, generator)
    else:
        kick(search, generator)
    return ascend(search)
