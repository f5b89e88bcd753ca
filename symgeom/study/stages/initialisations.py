"""Draw networks from every initialisation: the charges at which training may start."""

import numpy as np
import xarray as xr

from symgeom.dynamics.charge import charges
from symgeom.ground.modules import copied
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks.initial_charges import charge_moments
from symgeom.learning.networks.initialisation import INITIALISATIONS, initialise
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, labelled, names
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.progress import progress
from symgeom.symmetry.spec import SymmetrySpec

CLOSED_FORMS = {"mean": "weight^2", "variance": "weight^4"}
"""Moments of the charges in closed form, and their units."""


def measure(case: Case, spec: SymmetrySpec, *, draws: int) -> xr.Dataset:
    """Draw networks from every initialisation.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as measured.
    draws : int
        Networks of each initialisation.

    Returns
    -------
    xr.Dataset
        Charges over initialisation, draw and unit, beside mean and variance in closed form; nothing
        for networks that are not measured as they are drawn.
    """
    kinds = list(INITIALISATIONS)
    drawn = NamedArrays((len(kinds), draws))
    moments = NamedArrays((len(kinds),))
    if not case.folded and not case.binary:
        with progress("draw initialisations", len(kinds)) as bar:
            for row, kind in enumerate(kinds):
                _draw(case, spec, kind, row=row, drawn=drawn)
                for group, expected in charge_moments(spec, case.trained, kind).items():
                    both = np.stack([moment.numpy() for moment in expected])
                    moments.put(group, (row,), both)
                bar.update()
    variables: Labelled = {}
    for group, array in drawn.items():
        variables |= _label(group, array, moments[group])
    return xr.Dataset(variables, names("initialisation", kinds, "distribution of the weights"))


def _draw(case: Case, spec: SymmetrySpec, kind: str, *, row: int, drawn: NamedArrays) -> None:
    """Draw all networks of one initialisation from one random stream, and keep their charges."""
    generator = stream("initial charges", case.name, kind)
    network = copied(case.trained)
    draws = drawn.shape[1]
    for draw in range(draws):
        initialise(network, kind, name=case.options["name"], generator=generator)
        for group, values in charges(spec, parameters(network)).items():
            if values.ndim == 1:
                drawn.put(group, (row, draw), values)


def _label(group: str, drawn: np.ndarray, moments: np.ndarray) -> Labelled:
    """Label the charges of a group."""
    dims = ("initialisation", "draw", group)
    random = f"charges of {group} at random starts"
    variables = {f"charge_{group}": labelled(dims, drawn, "weight^2", random)}
    for column, (moment, units) in enumerate(CLOSED_FORMS.items()):
        exact = f"{moment} of the charges of {group}, in closed form"
        variables[f"{moment}_{group}"] = labelled(
            ("initialisation", group), moments[:, column], units, exact
        )
    return variables
