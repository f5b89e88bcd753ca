"""Chart the valley between two minima, over the charge and the way from one to the other."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Pair, seeds_of_pairs
from symgeom.study.stages.charts import measure
from symgeom.study.stored_networks import read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    options: Mapping,
    bias_in_norm: bool,
    charts: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    gauges = Gauges.read(network_case, torus, stores, set(pairs))
    dataset = measure(network_case, gauges, pairs=pairs, options=options)
    write_store(charts, dataset, config_digest=config_digest, seeds=seeds_of_pairs(pairs))


if __name__ == "__main__":
    launch(main, snakemake)
