"""Read a data set, split it, and store it as labelled arrays with what is known of it."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.data import measure


def main(*, recipe: Mapping, root: str, data: str, config_digest: str) -> None:
    write_store(data, measure(recipe, root=root), config_digest=config_digest, seeds=[])


if __name__ == "__main__":
    launch(main, snakemake)
