"""Take minima that were trained elsewhere into a study."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.store import write_store
from symgeom.study.cases import Case
from symgeom.study.stages.imports import measure
from symgeom.study.stages.training import precision_of
from symgeom.study.stored_networks import listed, read_symmetry


def main(
    *,
    case: str,
    stores: Mapping,
    arm: str,
    network: Mapping,
    precision: str,
    seeds: Sequence[int],
    checkpoints: str | Sequence[str],
    choice: str | None,
    minima: str,
    ledgers: str,
    config_digest: str,
) -> None:
    imported, charges = measure(
        Case.read(case, stores["data"], network),
        read_symmetry(stores["symmetry"]),
        arm=arm,
        files=dict(zip(seeds, listed(checkpoints), strict=True)),
        choice=choice,
        precision=precision_of({"precision": precision}),
    )
    write_store(ledgers, charges, config_digest=config_digest, seeds=seeds)
    write_store(minima, imported, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
