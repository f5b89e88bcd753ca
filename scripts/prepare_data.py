"""Read a data set, split it, and store it as labelled arrays with what is known of it."""

import sys
from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.data import describe, measure


def main(*, recipe: Mapping, root: str, data: str, config_digest: str) -> None:
    prepared = measure(recipe, root=root)
    sys.stderr.write(f"{describe(prepared)}\n")
    write_store(data, prepared, config_digest=config_digest, seeds=[])


if __name__ == "__main__":
    launch(main, snakemake)
