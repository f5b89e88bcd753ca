"""Match units of pairs of networks as the configuration asks: by weights, or by what they do on training data."""

from collections.abc import Iterator, Mapping, Sequence

from _case import Case
from _labels import Pair
from _problems import problems_of
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
from symgeom.symmetry.spec import SymmetrySpec


def starts_of(options: Mapping) -> int:
    """Return how many searches a pair gets: only the iterated one has several."""
    return options["starts"] if options["method"] == "iterated" else 1


def match(
    spec: SymmetrySpec,
    networks: Mapping[tuple, Parameters],
    pairs: Sequence[Pair],
    *,
    options: Mapping,
    case: Case,
) -> Iterator[tuple[Pair, Alignment]]:
    """Align the second network of every pair to the first; each pair has a random stream of its own."""
    named = {(pair[:2], pair[2:]): pair for pair in pairs}
    if options["method"] == "activations":
        problem = problems_of(case, "float64", samples=options["activation_samples"])["train"]

        def active(key: tuple) -> dict[str, Tensor]:
            return unit_activations(spec, problem.module, networks[key], problem.inputs)

        features = OnDemand(networks, active, size=size)
        found = (((a, b), align_activations(spec, features[a], features[b])) for a, b in named)
    else:
        generators = {ends: stream("alignment", *pair) for ends, pair in named.items()}
        matching = Matching(options["method"], starts_of(options))
        found = align_pairs(spec, networks, named, matching=matching, generators=generators)
    return ((named[ends], alignment) for ends, alignment in found)
