"""Solve the spherical negative perceptron, and measure great circles between its solutions."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.solutions import measure


def main(*, options: Mapping, solutions: str, config_digest: str) -> None:
    seeds = range(options["solutions"])
    write_store(solutions, measure(options), config_digest=config_digest, seeds=seeds)


if __name__ == "__main__":
    launch(main, snakemake)
