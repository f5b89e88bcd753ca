"""Align two networks, or many pairs of networks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters, detached
from symgeom.quotient.alignment.alignable import check_alignable
from symgeom.quotient.alignment.ascent import (
    ascend,
    kick,
    match_incoming,
    match_known_first,
    sweep_at_random,
)
from symgeom.quotient.alignment.plan import Plan, make_plan, tensor_by_tensor
from symgeom.quotient.alignment.prepared import Prepared, prepare
from symgeom.quotient.alignment.records import Alignment, Matching, Name
from symgeom.quotient.alignment.search import Search
from symgeom.symmetry.group import GroupElement, act, restricted
from symgeom.symmetry.spec import SymmetrySpec


@door
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
        Number of searches, of which the best counts.
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
    networks = {"reference": reference, "network": params}
    pair = ("reference", "network")
    generators = {} if generator is None else {pair: generator}
    matching = Matching(method, starts)
    aligned = align_pairs(spec, networks, [pair], matching=matching, generators=generators)
    _, alignment = next(aligned)
    return alignment


@door
def align_pairs(
    spec: SymmetrySpec,
    networks: Mapping[Name, Parameters],
    pairs: Iterable[tuple[Name, Name]],
    *,
    matching: Matching | None = None,
    generators: Mapping[tuple[Name, Name], torch.Generator] | None = None,
) -> Iterator[tuple[tuple[Name, Name], Alignment]]:
    """Align the second network of every pair to the first.

    What the search needs of a network is made once for all pairs in a row that use it.

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
    >>> aligned = align_pairs(spec, {"a": a, "b": b}, [("a", "b"), ("b", "a")])
    >>> [alignment.objective for pair, alignment in aligned]
    [7.0, 7.0]
    """
    pairs = list(pairs)
    matching = matching or Matching()
    generators = generators or {}
    names = dict.fromkeys(chain.from_iterable(pairs))
    unknown = [name for name in names if name not in networks]
    if unknown:
        raise SymgeomError(
            f"Cannot align the pairs: networks {unknown} are not among those given, "
            f"{list(networks)}. Name pairs of these."
        )
    check_alignable(spec, ((name, networks[name]) for name in names))
    for pair in pairs:
        if matching.starts > 1 and pair not in generators:
            raise SymgeomError(
                f"Cannot align {pair} from {matching.starts} starts: give a generator, the source "
                "of their randomness."
            )
    plan = make_plan(spec)
    discrete = tensor_by_tensor(spec)

    def prepare_network(name: Name) -> Prepared:
        return prepare(plan, detached(networks[name]))

    prepared = OnDemand(names, prepare_network, size=Prepared.nbytes)

    def alignment_of(pair: tuple[Name, Name]) -> Alignment:
        first, second = pair
        reference = _Member(detached(networks[first]), prepared[first])
        moving = _Member(detached(networks[second]), prepared[second])
        task = _Task(spec, discrete, plan, reference, moving)
        return _best_alignment(task, matching, generators.get(pair))

    return ((pair, alignment_of(pair)) for pair in pairs)


Strategy = Callable[[Search], bool]
"""What moves a search, and whether it converged."""


@dataclass(frozen=True, eq=False)
class _Member:
    """One network of a pair, and the rows of its strands."""

    params: Parameters
    prepared: Prepared


@dataclass(frozen=True, eq=False)
class _Maximum:
    """Where a search ended, and how good that is."""

    search: Search
    element: GroupElement
    objective: float
    converged: bool


@dataclass(frozen=True, eq=False)
class _Task:
    """Two networks that are to be aligned."""

    spec: SymmetrySpec
    discrete: dict[str, SymmetrySpec]
    plan: Plan
    reference: _Member
    moving: _Member

    def start(self) -> Search:
        """Return a search that has not moved."""
        return Search(self.plan, self.reference.prepared, self.moving.prepared)

    def maximum(self, search: Search, strategy: Strategy) -> _Maximum:
        """Move a search to where a strategy leads it."""
        converged = strategy(search)
        element = search.element(self.spec)
        return _Maximum(search, element, self._objective(element), converged)

    def _objective(self, element: GroupElement) -> float:
        """Return the inner product of the reference with the moved network, tensor by tensor."""
        products = []
        for name, spec in self.discrete.items():
            theirs = {name: self.moving.params[name]}
            moved = act(spec, restricted(spec, element), theirs)
            ours = self.reference.params[name].flatten()
            products.append(float(torch.dot(ours, moved[name].flatten())))
        return sum(products)


def _best_alignment(
    task: _Task, matching: Matching, generator: torch.Generator | None
) -> Alignment:
    """Search from every start, and return the best alignment."""
    first = _match_greedily if matching.method == "greedy" else _ascend_from_what_is_known
    best = task.maximum(task.start(), first)
    objectives = [best.objective]
    visits = best.search.visits
    if generator is not None:
        for start in range(1, matching.starts):
            if start == 1:
                if matching.starts == 2:
                    best.search.rest()  # no kick goes on from there
                search = task.start()
                maximum = task.maximum(search, partial(sweep_at_random, generator=generator))
            else:
                search = best.search.copy()
                maximum = task.maximum(search, partial(_ascend_after_kick, generator=generator))
            objectives.append(maximum.objective)
            visits += search.visits
            if maximum.objective >= best.objective:
                best = maximum
    return Alignment(
        element=best.element,
        objective=best.objective,
        objectives=tuple(objectives),
        visits=visits,
        converged=best.converged,
        ties=best.search.ties(),
    )


def _match_greedily(search: Search) -> bool:
    match_incoming(search)
    return True


def _ascend_from_what_is_known(search: Search) -> bool:
    match_known_first(search)
    return ascend(search)


def _ascend_after_kick(search: Search, generator: torch.Generator) -> bool:
    kick(search, generator)
    return ascend(search)
