"""Measure distances on the torus before and after alignment, beside those of controls."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.elements import read_elements
from symgeom.study.pairs import Pair, seeds_of_pairs
from symgeom.study.stages.distances import measure
from symgeom.study.stored_networks import read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    with_controls: Sequence[Pair],
    options: Mapping,
    distances: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], {**network, "device": "cpu"})
    torus = Torus(read_symmetry(stores["symmetry"]), options["bias_in_norm"])
    networks = read_networks(stores["canonical"])
    elements = read_elements(stores["alignments"], torus.spec)
    dataset = measure(
        network_case, torus, networks, elements, with_controls=set(with_controls), options=options
    )
    seeds = seeds_of_pairs(list(elements))
    write_store(distances, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
