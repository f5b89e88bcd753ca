"""Descend the two-layer model as its authors did: drift, rates and sharpness of its charges."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.descents import SEED, measure


def main(*, options: Mapping, descents: str, config_digest: str) -> None:
    write_store(descents, measure(options), config_digest=config_digest, seeds=[SEED])


if __name__ == "__main__":
    launch(main, snakemake)
