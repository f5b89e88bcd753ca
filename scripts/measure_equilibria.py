"""Measure how far every unit is from the noise equilibrium, at its start and at the minimum."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.networks import read_networks, read_symmetry
from symgeom.study.stages.equilibria import Noise, measure


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    recipes: Mapping,
    seeds: Sequence[int],
    batch_sizes: Mapping,
    options: Mapping,
    equilibria: str,
    config_digest: str,
) -> None:
    noises = dict.fromkeys(arms)
    for arm, recipe in recipes.items():
        noises[arm] = Noise(recipe, batch_sizes[arm])
    dataset = measure(
        Case.read(stores["data"], network),
        read_symmetry(stores["symmetry"]),
        read_networks(stores["minima"]),
        name=case,
        seeds=seeds,
        noises=noises,
        samples=options["samples"],
    )
    write_store(equilibria, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
