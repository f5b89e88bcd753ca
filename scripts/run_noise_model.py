"""Do an experiment with a model whose noise equilibrium is known."""

from collections.abc import Mapping

from _launch import launch

from symgeom.store import write_store
from symgeom.study.stages.noise_models import measure


def main(
    *, experiment: str, steps: int, draws: int, data: Mapping, arrays: str, config_digest: str
) -> None:
    dataset = measure(experiment, steps, draws, data=data)
    write_store(arrays, dataset, config_digest=config_digest, seeds=range(draws))


if __name__ == "__main__":
    launch(main, snakemake)
