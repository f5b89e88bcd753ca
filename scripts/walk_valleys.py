"""Walk along the valley from every network: measures of one function at several charges."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.valleys import measure
from symgeom.study.stored_networks import Minima, read_networks, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    trained: Sequence[str],
    seeds: Sequence[int],
    options: Mapping,
    valleys: str,
    config_digest: str,
) -> None:
    dataset = measure(
        Case.read(case, stores["data"], network),
        read_symmetry(stores["symmetry"]),
        Minima(arms, seeds, read_networks(stores["minima"])),
        trained=trained,
        options=options,
    )
    write_store(valleys, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
