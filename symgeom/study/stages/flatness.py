"""How flat every minimum is: local energies under several noises, and margins."""

from collections.abc import Mapping

import xarray as xr

from symgeom.landscape.flatness.margin import QUANTILES
from symgeom.landscape.flatness.measures.flatness_section import FLATNESS
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.labels import labelled, minima_dataset
from symgeom.study.measuring import take_measures
from symgeom.study.stored_networks import Minima


def measure(case: Case, torus: Torus, minima: Minima, options: Mapping) -> xr.Dataset:
    """Measure how flat every minimum is.

    Parameters
    ----------
    case : Case
        Data and network.
    torus : Torus
        The network's architecture and its spheres.
    minima : Minima
        The networks.
    options : mapping
        The section ``flatness`` of the configuration.

    Returns
    -------
    xr.Dataset
        Over arm and seed; NaN for networks that diverged. The attribute ``left_out`` lists the
        measures that cannot be taken of these networks.
    """
    precision = options["precision"]
    measured = take_measures(FLATNESS, case, torus, minima, options, precision=precision)
    amplitude = labelled(
        "amplitude", options["amplitudes"], "1", "size of the noise, relative to each weight"
    )
    quantile = labelled("quantile", QUANTILES, "1", "share of the samples below")
    coordinates = {"amplitude": amplitude, "quantile": quantile, **measured.coordinates}
    attrs = {
        "draws": options["draws"],
        "escape_rise": options["escape_rise"],
        "noise": "flips" if case.binary else "multiplicative",
        "precision": precision,
        "samples": options["samples"],
        "left_out": measured.left_out,
        "task": measured.task,
    }
    return minima_dataset(
        minima.arms, minima.seeds, measured.variables, coordinates=coordinates, attrs=attrs
    )
