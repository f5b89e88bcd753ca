"""Draw networks from every initialisation: the charges at which training may start."""

import numpy as np
import xarray as xr

from symgeom.dynamics.charge import charges
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks.initial_charges import charge_moments
from symgeom.learning.networks.initialisation import INITIALISATIONS, initialise
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, filled, labelled, names
from symgeom.study.progress import progress
from symgeom.symmetry.spec import SymmetrySpec

MOMENTS = {"mean": "weight^2", "variance": "weight^4"}
"""Moments of the charges in closed form, and their units."""


def measure(case: Case, spec: SymmetrySpec, *, name: str, draws: int) -> xr.Dataset:
    """Draw networks from every initialisation.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    name : str
        Name of the case, which the random streams have.
    draws : int
        Networks of each initialisation.

    Returns
    -------
    xr.Dataset
        Charges over initialisation, draw and unit, beside mean and variance in closed form; nothing
        for networks that are not measured as they are drawn.
    """
    kinds = list(INITIALISATIONS)
    drawn: dict[str, np.ndarray] = {}
    moments: dict[str, np.ndarray] = {}
    as_drawn = not case.folded and not case.binary
    with progress("draw initialisations", len(kinds)) as bar:
        for row, kind in enumerate(kinds if as_drawn else ()):
            generator = stream("initial charges", name, kind)
            for draw in range(draws):
                initialise(case.trained, kind, name=case.options["name"], generator=generator)
                for group, values in charges(spec, parameters(case.trained)).items():
                    if values.ndim == 1:
                        shape = (len(kinds), draws)
                        filled(drawn, group, shape=shape, index=(row, draw), values=values)
            for group, expected in charge_moments(spec, case.trained, kind).items():
                stacked = np.stack([moment.numpy() for moment in expected])
                filled(moments, group, shape=(len(kinds),), index=(row,), values=stacked)
            bar.update()

    variables: Labelled = {}
    for group, array in drawn.items():
        variables[f"charge_{group}"] = labelled(
            ("initialisation", "draw", group),
            array,
            "weight^2",
            f"charges of {group} at random starts",
        )
        for column, (moment, units) in enumerate(MOMENTS.items()):
            variables[f"{moment}_{group}"] = labelled(
                ("initialisation", group),
                moments[group][:, column],
                units,
                f"{moment} of the charges of {group}, in closed form",
            )
    return xr.Dataset(variables, names("initialisation", kinds, "distribution of the weights"))
