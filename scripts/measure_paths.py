"""Measure error and loss along paths between minima: whole paths, or some points of each."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.quotient.torus import Torus
from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.pairs import Pair, seeds_of_pairs
from symgeom.study.stages.paths import Grid, measure
from symgeom.study.stored_networks import listed, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    pairs: Sequence[Pair],
    points: Sequence[int] | None,
    options: Mapping,
    bias_in_norm: bool,
    paths: str,
    config_digest: str,
) -> None:
    network_case = Case.read(case, stores["data"], network)
    torus = Torus(read_symmetry(stores["symmetry"]), bias_in_norm)
    gauges = Gauges.read(network_case, torus, stores, set(pairs))
    if points is None:
        grid = Grid.joined(options["points"], listed(stores["slices"]))
    else:
        grid = Grid.slice(options["points"], points)
    dataset = measure(network_case, gauges, pairs=pairs, options=options, grid=grid)
    write_store(paths, dataset, config_digest=config_digest, seeds=seeds_of_pairs(pairs))


if __name__ == "__main__":
    launch(main, snakemake)
