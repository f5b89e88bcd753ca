"""Match units of pairs of networks as the configuration asks: by weights, or by activations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import Tensor

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, size
from symgeom.quotient.alignment import (
    Alignment,
    Matching,
    align_activations,
    align_pairs,
    unit_activations,
)
from symgeom.study.cases import Case
from symgeom.study.pairs import Key, Pair
from symgeom.symmetry.spec import SymmetrySpec


def starts_of(options: Mapping) -> int:
    """Return how many searches a pair gets: only the iterated method has several.

    Parameters
    ----------
    options : mapping
        The section ``alignment`` of the configuration.

    Returns
    -------
    int
        The number of starts.

    Examples
    --------
    >>> starts_of({"method": "greedy", "starts": 3})
    1
    """
    return options["starts"] if options["method"] == "iterated" else 1


def match(
    spec: SymmetrySpec,
    networks: Mapping[Key, Parameters],
    pairs: Sequence[Pair],
    *,
    options: Mapping,
    case: Case,
) -> Iterator[tuple[Pair, Alignment]]:
    """Align the second network of every pair to the first.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    networks : mapping of (str, int) to Parameters
        Canonical networks by arm and seed.
    pairs : sequence of Pair
        The pairs; each has a random stream of its own.
    options : mapping
        The section ``alignment`` of the configuration.
    case : Case
        Whose data activations are taken on, if units are matched by them.

    Yields
    ------
    tuple of Pair and Alignment
        In the order of the pairs.
    """
    pair_of_ends = {(pair[:2], pair[2:]): pair for pair in pairs}
    if options["method"] == "activations":
        alignments = _by_activations(spec, networks, pair_of_ends, options=options, case=case)
    else:
        matching = Matching(options["method"], starts_of(options))
        generators = {ends: stream("alignment", *pair) for ends, pair in pair_of_ends.items()}
        alignments = align_pairs(
            spec, networks, pair_of_ends, matching=matching, generators=generators
        )
    for ends, alignment in alignments:
        yield pair_of_ends[ends], alignment


def _by_activations(
    spec: SymmetrySpec,
    networks: Mapping[Key, Parameters],
    pairs: Iterable[tuple[Key, Key]],
    *,
    options: Mapping,
    case: Case,
) -> Iterator[tuple[tuple[Key, Key], Alignment]]:
    problem = case.problems("float64", samples=options["activation_samples"])["train"]

    def activations(key: Key) -> dict[str, Tensor]:
        return unit_activations(spec, problem.module, networks[key], problem.inputs)

    features = OnDemand(networks, activations, size=size)
    for first, second in pairs:
        yield (first, second), align_activations(spec, features[first], features[second])
