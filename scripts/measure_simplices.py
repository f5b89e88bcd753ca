"""Measure errors at the barycentres of several minima of an arm."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Simplex, pairs_of_simplex, seeds_of_pairs
from symgeom.study.stages.simplices import measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    vertices: Sequence[Simplex],
    options: Mapping,
    bias_in_norm: bool,
    simplices: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    pairs = [pair for simplex in vertices for pair in pairs_of_simplex(simplex)]
    gauges = Gauges.read(network_case, torus, stores, set(pairs))
    dataset = measure(network_case, gauges, simplices=vertices, options=options)
    write_store(simplices, dataset, config_digest=config_digest, seeds=seeds_of_pairs(pairs))


if __name__ == "__main__":
    launch(main, snakemake)
