"""The curvature at every minimum: Hessian spectra, and worst-case sharpness."""

from collections.abc import Mapping

import xarray as xr

from symgeom.landscape.flatness.measures.curvature_section import CURVATURE
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.labels import as_attributes, minima_dataset
from symgeom.study.measuring import take_measures
from symgeom.study.stored_networks import Minima

PRECISION = "float64"
"""Second derivatives and small increases of the loss drown in the rounding of less."""


def measure(case: Case, torus: Torus, minima: Minima, options: Mapping) -> xr.Dataset:
    """Measure the curvature at every minimum.

    Parameters
    ----------
    case : Case
        Data and network.
    torus : Torus
        The network's architecture and its spheres.
    minima : Minima
        The networks.
    options : mapping
        The section ``curvature`` of the configuration.

    Returns
    -------
    xr.Dataset
        Over arm and seed; NaN for networks that diverged. The attribute ``left_out`` lists the
        measures that cannot be taken of these networks.
    """
    measured = take_measures(CURVATURE, case, torus, minima, options, precision=PRECISION)
    return minima_dataset(
        minima.arms,
        minima.seeds,
        measured.variables,
        coordinates=measured.coordinates,
        attrs=as_attributes(options) | {"left_out": measured.left_out, "task": measured.task},
    )
