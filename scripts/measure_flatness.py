"""Measure how flat every minimum is."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.flatness import measure
from symgeom.study.stored_networks import Minima, read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    seeds: Sequence[int],
    options: Mapping,
    bias_in_norm: bool,
    flatness: str,
    config_digest: str,
) -> None:
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    minima = Minima(arms, seeds, read_networks(stores["minima"]))
    dataset = measure(Case.read(case, stores["data"], network), torus, minima, options)
    write_store(flatness, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
