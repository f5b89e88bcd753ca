"""Map loss and error on planes through three minima, the second and third aligned to the first."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.stages.maps import Triple, measure, seeds_of_planes
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    planes: Sequence[Triple],
    options: Mapping,
    bias_in_norm: bool,
    maps: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    pairs = {pair for triple in planes for pair in triple}
    gauges = Gauges.read(network_case, torus, stores, pairs)
    dataset = measure(network_case, gauges, planes=planes, options=options)
    write_store(maps, dataset, config_digest=config_digest, seeds=seeds_of_planes(planes))


if __name__ == "__main__":
    launch(main, snakemake)
