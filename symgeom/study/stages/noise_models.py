"""Do an experiment with a model whose noise equilibrium is known."""

import torch
import xarray as xr

from symgeom.models.noise.experiments.catalogue import experiment_named
from symgeom.study.labels import from_model


def measure(experiment: str, steps: int, draws: int) -> xr.Dataset:
    """Do one experiment.

    Parameters
    ----------
    experiment : str
        A key of the section ``noise_models.experiments`` of the configuration.
    steps : int
        Its value there.
    draws : int
        How many times weights and data are drawn.

    Returns
    -------
    xr.Dataset
        The arrays of the experiment.
    """
    with torch.no_grad():
        arrays, coordinates = experiment_named(experiment)(steps, draws)
    labels = {"steps": steps, "draws": draws}
    return xr.Dataset(from_model(arrays), from_model(coordinates), labels)
