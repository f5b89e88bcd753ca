"""Follow the model whose valley is an ellipse: orbits, gradient flow and descents."""

from collections.abc import Mapping

import xarray as xr

from symgeom.models.ellipse import measure_ellipse
from symgeom.study.labels import as_attributes, from_model


def measure(options: Mapping) -> xr.Dataset:
    """Follow the model.

    Parameters
    ----------
    options : mapping
        The section ``ellipse`` of the configuration.

    Returns
    -------
    xr.Dataset
        The arrays of the model.
    """
    arrays, coordinates = measure_ellipse(**options)
    return xr.Dataset(from_model(arrays), from_model(coordinates), as_attributes(options))
