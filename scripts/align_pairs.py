"""Align the second network of every pair to the first, on canonical weights."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.pairs import Pair, seeds_of_pairs
from symgeom.study.stages.alignments import measure
from symgeom.study.stored_networks import read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    options: Mapping,
    alignments: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], {**network, "device": "cpu"})
    spec = read_symmetry(stores["symmetry"])
    networks = read_networks(stores["canonical"])
    dataset = measure(network_case, spec, networks, pairs=pairs, options=options)
    write_store(alignments, dataset, config_digest=config_digest, seeds=seeds_of_pairs(pairs))


if __name__ == "__main__":
    launch(main, snakemake)
