"""Draw networks from every initialisation: the charges at which training may start."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.initialisations import measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    draws: int,
    initialisations: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    spec = read_symmetry(stores["symmetry"])
    dataset = measure(network_case, spec, draws=draws)
    write_store(initialisations, dataset, config_digest=config_digest, seeds=range(draws))


if __name__ == "__main__":
    launch(main, snakemake)
