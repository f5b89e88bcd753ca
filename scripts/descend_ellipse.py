"""Follow the model whose valley is an ellipse: orbits, gradient flow and descents."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.ellipses import measure


def main(*, options: Mapping, ellipses: str, config_digest: str) -> None:
    write_store(ellipses, measure(options), config_digest=config_digest, seeds=[])


if __name__ == "__main__":
    launch(main, snakemake)
