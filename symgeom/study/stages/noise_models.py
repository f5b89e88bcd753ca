"""Do an experiment with a model whose noise equilibrium is known."""

from collections.abc import Mapping

import torch
import xarray as xr

from symgeom.models.noise.experiments.catalogue import experiment_named
from symgeom.study.labels import from_model


def measure(
    experiment: str, steps: int, draws: int, *, data: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Do one experiment.

    Parameters
    ----------
    experiment : str
        A key of the section ``noise_models.experiments`` of the configuration.
    steps : int
        Its value there.
    draws : int
        How many times weights and data are drawn.
    data : mapping of str to str, optional
        For an experiment on pictures, the data set (``pictures``) and the folder where it lies
        (``root``).

    Returns
    -------
    xr.Dataset
        The arrays of the experiment.
    """
    options = {} if data is None else dict(data)
    with torch.no_grad():
        arrays, coordinates = experiment_named(experiment)(steps, draws, **options)
    labels: dict[str, object] = {"steps": steps, "draws": draws}
    if "pictures" in options:
        labels["pictures"] = options["pictures"]
    return xr.Dataset(from_model(arrays), from_model(coordinates), labels)
