"""Take the networks of an arm at the depth at which its case is compared."""

from collections.abc import Mapping, Sequence

from _launch import launch

from symgeom.ground.sealed_json import read_sealed_json
from symgeom.store import read_store, write_store
from symgeom.study.stages.depths import at_depth


def main(*, stores: Mapping, seeds: Sequence[int], minima: str, config_digest: str) -> None:
    depth = read_sealed_json(stores["depth"])["depth"]
    networks = at_depth(read_store(stores["trained"]), depth)
    write_store(minima, networks, config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
