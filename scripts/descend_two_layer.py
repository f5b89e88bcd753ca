"""Descend the two-layer model as the authors did: drift, rates and sharpness of its charges, and where they start."""

from collections.abc import Mapping

import xarray as xr
from _console import progress
from _labels import labelled
from _launch import launch

from symgeom.models.two_layer.experiments import EXPERIMENTS
from symgeom.store import write_store


def main(*, options: Mapping, descents: str, config_digest: str) -> None:
    variables, coordinates = {}, {}
    with progress("descend the two-layer model", len(EXPERIMENTS)) as bar:
        for option, experiment in EXPERIMENTS.items():
            arrays, places = experiment(options[option])
            variables |= {name: labelled(*array) for name, array in arrays.items()}
            coordinates |= {name: labelled(*place) for name, place in places.items()}
            bar.update()
    write_store(
        descents, xr.Dataset(variables, coordinates), config_digest=config_digest, seeds=[12345]
    )


if __name__ == "__main__":
    launch(main, snakemake)
