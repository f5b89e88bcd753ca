"""Measure ensembles of networks with nearly the same function on test data."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Pair
from symgeom.study.stages.neighbours import measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    arm: str,
    stores: Mapping,
    network: Mapping,
    seeds: Sequence[int],
    pairs: Sequence[Pair],
    with_ensembles: bool,
    options: Mapping,
    bias_in_norm: bool,
    neighbours: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    dataset = measure(
        network_case,
        Gauges.read(network_case, torus, stores, set(pairs)),
        arm=arm,
        seeds=seeds,
        with_ensembles=with_ensembles,
        options=options,
    )
    write_store(neighbours, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
