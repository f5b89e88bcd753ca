"""Certify the symmetries of every minimum and put it on the torus."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.canonical import measure
from symgeom.study.stored_networks import Minima, read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    seeds: Sequence[int],
    options: Mapping,
    canonical: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], {**network, "device": "cpu"})
    spec = read_symmetry(stores["symmetry"])
    minima = Minima(arms, seeds, read_networks(stores["minima"]))
    dataset = measure(network_case, spec, minima, options=options)
    write_store(canonical, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
