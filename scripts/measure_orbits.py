"""Compare every minimum with networks of its function at other scales of their units."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.orbits import measure
from symgeom.study.stored_networks import Minima, read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    seeds: Sequence[int],
    options: Mapping,
    orbits: str,
    config_digest: str,
) -> None:
    dataset = measure(
        Case.read(case, stores["data"], network),
        read_symmetry(stores["symmetry"]),
        Minima(arms, seeds, read_networks(stores["minima"])),
        options,
    )
    write_store(orbits, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
