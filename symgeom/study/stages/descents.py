"""Descend the two-layer model as its authors did: drift, rates and sharpness of its charges."""

from collections.abc import Mapping

import xarray as xr

from symgeom.models.two_layer.experiments import EXPERIMENTS
from symgeom.study.labels import Labelled, from_model
from symgeom.study.progress import progress

SEED = 12345
"""The seed of the authors' experiments."""


def measure(options: Mapping) -> xr.Dataset:
    """Run the published experiments.

    Parameters
    ----------
    options : mapping
        The section ``two_layer`` of the configuration: steps or draws of every experiment.

    Returns
    -------
    xr.Dataset
        The arrays of all experiments.
    """
    variables: Labelled = {}
    coordinates: Labelled = {}
    with progress("descend the two-layer model", len(EXPERIMENTS)) as bar:
        for option, experiment in EXPERIMENTS.items():
            arrays, axes = experiment(options[option])
            variables |= from_model(arrays)
            coordinates |= from_model(axes)
            bar.update()
    return xr.Dataset(variables, coordinates)
