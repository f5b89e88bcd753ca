"""Connect aligned minima by chains of segments, or Bezier curves, whose bends are trained."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Pair, seeds_of_pairs
from symgeom.study.stages.chains import measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    options: Mapping,
    bias_in_norm: bool,
    at_once: int,
    chains: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    gauges = Gauges.read(network_case, torus, stores, set(pairs))
    dataset = measure(network_case, gauges, pairs=pairs, options=options, at_once=at_once)
    write_store(chains, dataset, config_digest=config_digest, seeds=seeds_of_pairs(pairs))


if __name__ == "__main__":
    launch(main, snakemake)
