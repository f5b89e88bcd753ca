"""Measure how far every unit is from the noise equilibrium, at its start and at the minimum."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.equilibria import Noise, measure
from symgeom.study.stored_networks import Minima, read_networks, read_records, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: Sequence[str],
    recipes: Mapping,
    seeds: Sequence[int],
    batch_sizes: Mapping,
    epochs: Mapping,
    options: Mapping,
    equilibria: str,
    config_digest: str,
) -> None:
    noises = {}
    for arm, recipe in recipes.items():
        noises[arm] = Noise(recipe, batch_sizes[arm], epochs[arm])
    trained = {}
    for key, record in read_records(stores["minima"], "epochs").items():
        if key[0] in noises:
            trained[key] = int(record["epochs"])
    dataset = measure(
        Case.read(case, stores["data"], network),
        read_symmetry(stores["symmetry"]),
        Minima(arms, seeds, read_networks(stores["minima"])),
        noises=noises,
        epochs=trained,
        samples=options["samples"],
    )
    write_store(equilibria, dataset, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
